"""Clients that know the protocol's text and nothing else: every frame that reaches them is held to it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from chat.protocol.wire import Format
from tests.journeys.people import matches
from tests.journeys.raw import READ, WRITE
from tests.waiting import wait_until

Frame = dict[str, Any]

ANSWERS = {
    "hello": "welcome", "join": "joined", "post": "posted", "edit": "posted", "whisper": "posted",
    "card": "posted", "history": "page", "audit": "page", "watch": "queue", "claim": "claimed",
    "ping": "pong", "duty": "rota", "follow_up": "tasks", "evidence": "evidence",
}  # fmt: skip
"""What answers a command where it is not `ok`."""

LOGGED, PRIVATE = "room seq at", "room useq at"
SHAPES = {
    "ok": "", "error": "code text", "pong": "time",
    "welcome": "user rooms limits server",
    "joined": "room epoch head recovered events private state members you",
    "posted": "key verdict", "rota": "staff", "tasks": "tasks", "evidence": "flag author text",
    "page": "events", "queue": "flags", "claimed": "flag context lease_until",
    "message": f"{LOGGED} from", "edited": f"{LOGGED} target text", "retracted": f"{LOGGED} target by",
    "warned": f"{LOGGED} target warning", "reacted": f"{LOGGED} target reaction count",
    "pinned": f"{LOGGED} target", "unpinned": f"{LOGGED} target", "room_changed": LOGGED,
    "card": "room at from card",
    "support": f"{PRIVATE} key severity seen text helplines resources",
    "held": f"{PRIVATE} key text reasons flag", "held_decided": f"{PRIVATE} key flag action text",
    "whisper": f"{PRIVATE} from text", "muted": f"{PRIVATE} until", "unmuted": f"{PRIVATE} until",
    "removed": f"{PRIVATE} until text", "aside": f"{PRIVATE} with side_room",
    "presence": "room joined left lost count", "hands": "room queue speaker", "typing": "room users",
    "flag": "flag rev kind room state severity categories reasons author verdict opened_at due_at "
    "attended_by reports",
    "notice": "code text", "draining": "reconnect_after",
}  # fmt: skip
"""Fields that each frame has, by its type, as it is first told."""
STATE = "title topic phase slow_mode locked turns hold hands speaker pins agreement reactions staffed"


def hold_to_shape(frame: Frame) -> None:
    """A frame is a map with string keys, a known type and that type's fields; times are integers."""
    assert all(isinstance(name, str) for name in frame)
    missing = set(SHAPES.get(frame["type"], "").split()) - frame.keys()
    assert not missing, (frame["type"], missing)
    for name in ("at", "seq", "useq", "time", "opened_at", "due_at", "head"):
        assert isinstance(frame.get(name, 0), int), (frame["type"], name)
    if frame["type"] == "joined":
        assert not set(STATE.split()) - frame["state"].keys()
        assert {"head", "events"} <= frame["private"].keys()
        assert {"role", "muted_until"} <= frame["you"].keys()
        for member in frame["members"]:
            assert member.keys() == {"id", "name", "role"}


@dataclass
class Tried:
    """What was asked and answered so far, by everybody."""

    commands: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)


class Peer:
    """One connection: asks, and keeps what it hears."""

    def __init__(self, wire: ClientConnection, form: Format, tried: Tried, room: str) -> None:
        self.wire = wire
        self.form = form
        self.room = room
        self.id = ""
        self.heard: list[Frame] = []
        self._tried = tried
        self._asked: dict[int | str, asyncio.Future[Frame]] = {}
        self._count = 0
        self._wrong: list[AssertionError] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for data in self.wire:
                assert isinstance(data, str) is (self.form is Format.JSON)
                frame: Frame = READ[self.form](data)
                try:
                    hold_to_shape(frame)
                except AssertionError as wrong:
                    self._wrong.append(wrong)
                asked = self._asked.pop(frame.get("id", 0), None)
                if asked is not None:
                    asked.set_result(frame)
                else:
                    self._tried.events.add(frame["type"])
                    self.heard.append(frame)

    async def send(self, type_: str, **fields: Any) -> Frame:
        """Send a command and return its reply, whatever it is. Every other id is text."""
        self._count += 1
        number: int | str = self._count if self._count % 2 else f"n{self._count}"
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        frame = {"type": type_, "id": number, "room": self.room, "unknown": [{}], **fields}
        await self.wire.send(WRITE[self.form]({name: it for name, it in frame.items() if it is not None}))
        reply: Frame = await asyncio.wait_for(answer, 20)
        assert reply["id"] == number
        self._tried.commands.add(type_)
        return reply

    async def ask(self, type_: str, **fields: Any) -> Frame:
        """A command that is done; its reply has the type that the protocol names."""
        reply = await self.send(type_, **fields)
        assert reply["type"] == ANSWERS.get(type_, "ok"), reply
        return reply

    async def refused(self, code: str, type_: str, **fields: Any) -> Frame:
        """A command that is refused with this code."""
        reply = await self.send(type_, **fields)
        assert (reply["type"], reply.get("code")) == ("error", code), reply
        self._tried.codes.add(code)
        return reply

    async def tell(self, type_: str, **fields: Any) -> None:
        """A command that has no reply."""
        self._tried.commands.add(type_)
        await self.wire.send(WRITE[self.form]({"type": type_, "room": self.room, **fields}))

    def all(self, type_: str, **fields: Any) -> list[Frame]:
        """Events of this kind that match."""
        return [event for event in self.heard if event["type"] == type_ and matches(event, fields)]

    async def hears(self, type_: str, **fields: Any) -> Frame:
        """The first such event, once it is there."""
        await wait_until(lambda: bool(self.all(type_, **fields)))
        return self.all(type_, **fields)[0]

    async def ends(self) -> int | None:
        """The close code, once the server has ended it."""
        await asyncio.wait_for(self.wire.wait_closed(), 20)
        return self.wire.close_code

    async def leave(self) -> None:
        """Go; nothing that was heard may have been out of shape."""
        await self.wire.close()
        await self._reader
        if self._wrong:
            raise self._wrong[0]


Arrive = Callable[..., Awaitable[Peer]]


async def arrive(url: str, form: Format, tried: Tried, room: str, **hello: Any) -> Peer:
    """Somebody on a connection of this format; with a token they have said hello."""
    wire = await connect(url, subprotocols=[Subprotocol(form.value)], compression=None, max_size=None)
    peer = Peer(wire, form, tried, room)
    if hello:
        peer.id = (await peer.ask("hello", **hello))["user"]["id"]
    return peer
