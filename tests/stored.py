"""A real store for tests: one embedded server a session, and a new room for each test."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from chat.assembly import Content, read_content
from chat.node.ports import Args
from chat.protocol.wire import pack
from chat.room.trail import Seals
from chat.settings import default_config
from chat.store.address import connect
from chat.store.broker import Broker
from chat.store.embedded import EmbeddedStore
from chat.store.keys import in_room
from chat.store.link import into
from chat.store.people import People
from chat.store.review import Review
from chat.tokens import load_key

DAY = 86_400
OPEN = {"title": "Blue", "slow_mode": "0", "locked": "0", "turns": "0", "hold": "none", "closed": "0"}
RANK = {"participant": 1, "facilitator": 2, "moderator": 3, "admin": 4}
TOLD = {
    "approve": "in", "warn": "in, warned", "retract": "out", "muted": "quiet", "removed": "away",
    "unmuted": "loud", "granted": "taken back", "upheld": "stays",
}  # fmt: skip


@dataclass(frozen=True)
class Who:
    """Somebody as a node speaks for them."""

    id: str
    role: str = "participant"
    issued: int = 0

    @property
    def member(self) -> dict[str, str]:
        """As others see them."""
        return {"id": self.id, "name": self.id.title(), "role": self.role}


ANN, BEN, CAT = Who("ann"), Who("ben"), Who("cat")
FAY = Who("fay", "facilitator")
MIA, MAX = Who("mia", "moderator"), Who("max", "moderator")
ADA = Who("ada", "admin")


HELD: dict[str, Any] = {"verdict": "held", "risk": False}
"""What makes a post wait for a reason of the room's."""


@dataclass
class Scene:
    """One room of a real store, spoken to through its scripts as a node does."""

    broker: Broker
    client: Redis
    room: str
    heard: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    """What was published: the channel's kind, the number, the event."""
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def post(self, who: Who, key: str | None = "k", text: str = "hello", **more: Any) -> Args:
        """One text to `accept`; `severity` makes a flag, `verdict` says where it goes."""
        severity, risk = more.pop("severity", None), more.pop("risk", True)
        verdict, op = more.get("verdict", "deliver"), more.get("op", "post")
        kind = {"post": "message", "edit": "edited", "whisper": "whisper"}.get(op)
        event: dict[str, Any] = {"type": kind, "room": self.room, "text": text}
        event |= {"target": more["target"]} if op == "edit" else {"from": who.member}
        args: Args = {
            "op": op, "user": who.id, "role": who.role, "issued": who.issued, "verdict": verdict,
            "body": pack(event) if kind else b"", "due": 60, "leads": [], "burst": 5, "interval": 0, "receipt": DAY,
            "crisis": severity in ("moderate", "high", "imminent"), "replaced_text": "replaced",
            "answer": pack({"type": "posted", "key": key or "", "verdict": verdict}),
        }  # fmt: skip
        if key is not None:
            args["key"] = key
        if severity is not None or verdict != "deliver":
            args["flag"] = self.flag(who, text, severity or "none", risk=risk)
        if args["crisis"]:
            args["support"] = pack({"type": "support", "room": self.room, "key": key or "", "text": "care"})
        if verdict != "deliver":
            args["held"] = pack(
                {"type": "held", "room": self.room, "key": key, "text": text, "flag": args["flag"]["flag"]}
            )
        answer: asyncio.Future[Args] = asyncio.get_running_loop().create_future()
        self.broker.accept(self.room, args | more, into(answer))
        reply = await answer
        if "answer" in reply:
            reply["answer"] = msgpack.unpackb(reply["answer"])
        return reply

    def flag(self, who: Who, text: str, severity: str, *, risk: bool = True) -> dict[str, Any]:
        """A flag as a node makes it."""
        reasons = (
            [{"rule": "r", "span": [0, 1], "text": "t", "risk": risk}]
            if severity != "none" or not risk
            else []
        )
        return {
            "type": "flag", "flag": f"f_{next(self.numbers)}.{self.room}", "rev": 0, "kind": "message",
            "room": self.room, "state": "open", "severity": severity, "categories": [], "reasons": reasons,
            "author": who.member, "text": text, "verdict": "", "opened_at": 0, "due_at": 0, "reports": [],
            "attended_by": [],
        }  # fmt: skip

    async def act(self, who: Who, op: str, *, least: int = 1, **more: Any) -> Args:
        """One change by `act`."""
        by = {
            "by": who.member,
            "role": who.role,
            "issued": who.issued,
            "receipt": DAY,
            "evidence": DAY * 1_000,
        }
        return await self.broker.act(self.room, {"op": op, **by, "least": least, **more})

    async def review(self, who: Who, op: str, flag: str, *, least: int = 3, **more: Any) -> Args:
        """One step by `decide`."""
        by = {"by": who.member, "role": who.role, "issued": who.issued, "least": least, "lease": 60_000}
        by |= {"evidence": DAY * 1_000, "leads": []}
        return await self.broker.decide(self.room, {"op": op, "flag": flag, **by, **more})

    async def decide(self, who: Who, flag: str, action: str, **more: Any) -> Args:
        """Claim and decide."""
        claimed = await self.review(who, "claim", flag)
        if "code" in claimed:
            return claimed
        return await self.review(
            who, "decide", flag, action=action, **{"note": "n", "seconds": 0, "told": TOLD, **more}
        )

    async def enter(self, who: Who, node: str = "n1", **more: Any) -> Args:
        """Be present."""
        return await self.broker.presence(
            self.room,
            {
                "op": "enter", "user": who.id, "who": who.member, "role": who.role, "issued": who.issued,
                "node": node, "lease": 60_000, "capacity": 0, **more,
            },
        )  # fmt: skip

    async def log(self, user: str | None = None) -> list[dict[str, Any]]:
        """A whole log, in order."""
        head = await self.broker.head(self.room, user)
        found = await self.broker.read(self.room, user, 1, head)
        entries = [msgpack.unpackb(entry) for _, entry in found]
        assert [entry["useq" if user else "seq"] for entry in entries] == list(range(1, head + 1))
        return entries

    async def texts(self) -> list[str | None]:
        """What stands in the room's messages."""
        return [entry.get("text") for entry in await self.log() if entry["type"] == "message"]

    async def set(self, **fields: str) -> None:
        """Put the room into a state."""
        await self.client.hset(in_room(self.room, "room"), mapping=dict[Any, Any](fields))

    async def now(self) -> int:
        """The store's clock in milliseconds."""
        seconds, micros = await self.client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    async def forget_rate(self, who: Who) -> None:
        """Let somebody post again at once."""
        await self.client.hdel(in_room(self.room, f"person:{who.id}"), "tat", "help_tat", "last")


async def flag_of(scene: Scene, review: Review, flag: str) -> Args:
    """One flag that is there."""
    found = await review.flag(scene.room, flag)
    assert found is not None
    return found


async def only_flag(scene: Scene, review: Review, who: Who = ANN) -> Args:
    """The one flag about somebody."""
    (found,) = await review.flags_of(scene.room, who.id, 10)
    return found


async def first(scene: Scene) -> str:
    """The id of the most pressing flag."""
    return str((await Review(scene.broker).open_flags([scene.room]))[0]["flag"])


_rooms = itertools.count(1)


def no_seal(room: str) -> bytes:
    """For brokers whose calls write no audit entry."""
    raise AssertionError(room)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of an embedded store that lasts as long as the tests."""
    async with EmbeddedStore(tmp_path_factory.mktemp("store"), fsync="no") as running:
        yield running.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(store: str) -> AsyncIterator[Redis]:
    """A plain client of it."""
    connected = connect(store)
    yield connected
    await connected.aclose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def broker(store: str, keys_folder: Path) -> AsyncIterator[Broker]:
    """A broker over it."""
    opened = Broker(store, "n1", Seals(load_key(keys_folder).secret).pads)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def people(broker: Broker) -> People:
    """People over it."""
    return People(broker)


@pytest.fixture(scope="session")
def review(broker: Broker) -> Review:
    """Review over it."""
    return Review(broker)


@pytest.fixture(scope="session")
def content() -> Content:
    """The project's own rooms, rules and words."""
    return read_content(default_config())


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory whose key the session's store belongs to."""
    return tmp_path_factory.mktemp("keys")


@pytest_asyncio.fixture(loop_scope="session")
async def scene(broker: Broker, client: Redis) -> Scene:
    """A new room."""
    room = f"room-{next(_rooms)}"
    assert await broker.add_room(room, OPEN, "Blue", "e")
    return Scene(broker, client, room)
