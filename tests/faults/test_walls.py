"""Nothing crosses rooms, and every cell of role, command and room answers as the table says (I13, I14).

The cells are made from the message types: a command that is added without a case here fails.
"""

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from chat.protocol.commands import COMMANDS, RESERVED
from chat.protocol.fields import Role
from chat.room.permissions import RIGHTS, Scope
from tests.faults.conftest import Reach
from tests.faults.rig import (
    OTHER,
    ROOM,
    Client,
    Refused,
    Server,
    dial,
    flags_of,
    log_of,
    messages_of,
    serving,
    words,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

NOWHERE = "no-such-room"
WHERE = ("own", "other", "nowhere")
LATER = RESERVED
HELD = "i took all the pills an hour ago, goodbye everyone, {}"
_keys = itertools.count()


class Floor:
    """A server with two rooms, people in each, and something of every kind to act on."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.author: Client
        self.outsider: Client
        self.admin: Client

    async def fields(self, command: str, room: str) -> dict[str, Any]:
        """A command of this kind that is right in every field, about something that exists in `room`."""
        key = f"cell-{next(_keys)}"
        there = room if room != NOWHERE else ROOM
        author = self.author if there == ROOM else self.outsider
        seq: int | None = None
        flag = ""
        if command in ("edit", "retract", "react", "report", "pin", "unpin", "warn"):
            seq = (await author.post(words(next(_keys)), key, there))["seq"]
        if command in ("attend", "claim", "unclaim", "decide", "note", "evidence", "appeal"):
            held = await author.ask("post", room=there, key=key, text=HELD.format(words(next(_keys))))
            flag = held["flag"] if room != NOWHERE else "f_none." + NOWHERE
        if command == "unpin":
            await self.admin.call("pin", room=there, seq=seq)
        about = {"room": room}
        person = {"room": room, "user": author.user, "seconds": 1, "reason": "a pause"}
        fields: dict[str, dict[str, Any]] = {
            "hello": {"token": "x"},
            "profile": {"country": "IE"},
            "ping": {},
            "join": about,
            "leave": about,
            "post": {**about, "key": key, "text": words(next(_keys))},
            "edit": {**about, "seq": seq, "text": words(next(_keys))},
            "retract": {**about, "seq": seq},
            "react": {**about, "seq": seq, "reaction": "👍", "on": True},
            "history": {**about, "limit": 5},
            "report": {**about, "seq": seq, "reason": "please look"},
            "help": about,
            "hand": {**about, "up": False},
            "whisper": {**about, "to": author.user, "text": "hello there"},
            "typing": {**about, "on": True},
            "mute": person,
            "unmute": person,
            "remove": person,
            "readmit": person,
            "pin": {**about, "seq": seq},
            "unpin": {**about, "seq": seq},
            "warn": {**about, "seq": seq, "warning": "heavy"},
            "card": {**about, "card": "five-senses"},
            "aside": {**about, "user": author.user},
            "set_room": {**about, "slow_mode": 0},
            "watch": {"rooms": [room]},
            "attend": {"flag": flag},
            "claim": {"flag": flag},
            "unclaim": {"flag": flag},
            "decide": {"flag": flag, "action": "approve", "note": "seen"},
            "erase": {"user": "u_stranger", "reason": "asked for it"},
            "break_glass": {"user": "u_stranger", "purpose": "a child"},
            "confirm": {},
            "note": {"flag": flag, "text": "please look"},
            "evidence": {"flag": flag, "purpose": "to see"},
            "appeal": {"flag": flag, "text": "please look again"},
            "ban": {"user": "u_stranger", "reason": "harm"},
            "unban": {"user": "u_stranger", "reason": "mended"},
            "audit": {**about, "limit": 5},
            "duty": {**about, "state": "on_duty"},
            "follow_up": about,
            **dict.fromkeys(RESERVED, about),
        }
        return fields[command]


@pytest_asyncio.fixture(scope="module")
async def floor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    """The floor of this module's tests."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(tmp_path_factory.mktemp("walls") / "data"))
        found = Floor(server)
        found.author = await stack.enter_async_context(server.client(rooms=(ROOM,)))
        found.outsider = await stack.enter_async_context(server.client(rooms=(OTHER,), join=OTHER))
        found.admin = await stack.enter_async_context(server.client("admin"))
        await found.admin.join(OTHER)
        yield found


def _expected(role: Role, command: str, where: str) -> set[str]:
    """The codes that the table allows; "" is an answer that is no error."""
    right = RIGHTS[command]
    is_enough = role.rank >= right.least.rank
    if command in LATER:
        return {"bad_request"}
    if command == "hello":
        return {"bad_request"}  # said already
    if right.scope is Scope.SELF:
        return {""}
    if right.scope is Scope.EVERYWHERE:
        return {"forbidden"}  # these callers hold their role in one room alone
    if right.scope is Scope.FLAG:
        if not is_enough:
            return {"forbidden"}
        if where != "own" or command == "appeal":  # an appeal is its author's alone
            return {"not_found"}
        # Right in every field, but not claimed by the caller.
        return {"conflict"} if command in ("unclaim", "decide") else {""}
    if where != "own":
        return {"not_found", "forbidden"} if right.scope is Scope.WATCHED else {"not_found"}
    if not is_enough:
        return {"forbidden"}
    if command == "edit" or (command == "retract" and role is Role.PARTICIPANT):
        return {"not_found", "forbidden"}  # somebody else's message
    if command == "whisper" and role is Role.PARTICIPANT:
        return {"forbidden"}  # participants to staff only
    if command == "aside":
        return {"", "conflict"}  # one private talk at a time for each person
    return {""}


@pytest.mark.parametrize("role", list(Role))
async def test_every_cell_answers_as_the_table_says(floor: Floor, role: Role) -> None:
    """Each command of the types, right in every field, in the caller's room, another's, and none."""
    assert COMMANDS.keys() == RIGHTS.keys()
    wrong = []
    async with floor.server.client(role, rooms=(ROOM,)) as caller:
        for command in COMMANDS:
            for where, room in zip(WHERE, (ROOM, OTHER, NOWHERE), strict=True):
                fields = await floor.fields(command, room)
                if command == "leave":
                    await caller.join(ROOM)
                before = len(log_of(floor.server, OTHER)), len(flags_of(floor.server, OTHER))
                if command == "typing":
                    await caller.send({"type": command, **fields})
                    continue
                frame = await caller.ask(command, **fields)
                code = frame["code"] if frame["type"] == "error" else ""
                if code not in _expected(role, command, where):
                    wrong.append((command, where, code or frame["type"], frame.get("text")))
                assert (len(log_of(floor.server, OTHER)), len(flags_of(floor.server, OTHER))) == before
                if command in ("leave", "remove"):
                    await caller.join(ROOM)
                    await floor.admin.ask("readmit", room=ROOM, user=floor.author.user)
                    await floor.author.join(ROOM)
                if command == "mute":
                    await floor.admin.ask("unmute", room=ROOM, user=floor.author.user)
    assert wrong == []


async def test_before_hello_every_command_is_refused(floor: Floor) -> None:
    """Nobody has said who they are: nothing is answered but that."""
    async with floor.server.client(join=None) as known:
        assert known.code is None
    async with dial(floor.server.port) as nobody:
        for command in COMMANDS:
            if command in ("hello", "typing"):
                continue
            frame = await nobody.ask(command, **await floor.fields(command, ROOM))
            assert frame.get("code") == "unauthenticated", command
            if nobody.code is not None:
                pytest.fail(f"{command} ended the connection")


async def test_nobody_acts_on_themselves_or_upwards(floor: Floor) -> None:
    """Each staff act on oneself, on an equal and on somebody above is forbidden."""
    server = floor.server
    async with (
        server.client("facilitator") as guide,
        server.client("facilitator") as peer,
        server.client("moderator") as above,
    ):
        said = {
            who.user: (await who.post(words(next(_keys)), f"up-{who.user}"))["seq"] for who in (peer, above)
        }
        for target in (guide, peer, above):
            for command in ("mute", "remove", "unmute", "readmit"):
                frame = await guide.ask(command, room=ROOM, user=target.user, seconds=5, reason="no")
                assert frame["code"] == "forbidden"
            if target is not guide:
                for command, more in (("retract", {}), ("warn", {"warning": "heavy"})):
                    frame = await guide.ask(command, room=ROOM, seq=said[target.user], **more)
                    assert frame["code"] == "forbidden"


async def test_nothing_crosses_rooms(floor: Floor, reach: Reach) -> None:
    """People of two rooms, everything loud in one: those of the other get not one frame that names it."""
    server = floor.server
    async with (
        server.client(rooms=(ROOM,)) as here,
        server.client("facilitator", rooms=(ROOM,)) as guide,
        server.client("facilitator", rooms=(OTHER,), join=OTHER) as elsewhere,
        server.client(rooms=(OTHER,), join=OTHER, form="msgpack") as listener,
    ):
        await guide.call("watch")
        await elsewhere.call("watch")
        for number in range(reach(20, 2_000)):
            seq = (await here.post(words(next(_keys)), f"loud-{number}"))["seq"]
            await here.ask("post", room=ROOM, key=f"held-{number}", text=HELD.format(words(next(_keys))))
            await guide.call("pin", room=ROOM, seq=seq)
            await guide.call("unpin", room=ROOM, seq=seq)
            await guide.call("whisper", room=ROOM, to=here.user, text=words(next(_keys)))
            await here.ask("react", room=ROOM, seq=seq, reaction="👍", on=True)
            await here.ask("help", room=ROOM, text="can we talk")
            await here.send({"type": "typing", "room": ROOM, "on": True})
        await floor.outsider.post("the end of it", f"end-{next(_keys)}", OTHER)
        for client in (elsewhere, listener):
            await wait_until(lambda: any(frame.get("text") == "the end of it" for frame in client.frames))  # noqa: B023
            assert [frame for frame in client.trail if ROOM in str(frame)] == []
        assert not {entry.get("text", "") for entry in messages_of(server, ROOM)} & {
            entry.get("text") for entry in messages_of(server, OTHER)
        }


async def test_a_seq_or_flag_of_another_room_is_not_found(floor: Floor) -> None:
    """Ids that are true elsewhere open nothing here."""
    held = await floor.outsider.ask("post", room=OTHER, key=f"x{next(_keys)}", text=HELD.format("now"))
    last = held
    for _ in range(60):
        last = await floor.outsider.post(words(next(_keys)), f"x{next(_keys)}", OTHER)
    async with floor.server.client("moderator", rooms=(ROOM,)) as staff:
        high = max(log_of(floor.server, ROOM)) + last["seq"]
        for command, fields in (
            ("pin", {"seq": high}),
            ("warn", {"seq": high, "warning": "heavy"}),
            ("report", {"seq": high, "reason": "x"}),
            ("react", {"seq": high, "reaction": "👍", "on": True}),
            ("edit", {"seq": high, "text": "mine now"}),
            ("retract", {"seq": high}),
            ("whisper", {"to": floor.outsider.user, "text": "hello there"}),
        ):
            assert (await staff.ask(command, room=ROOM, **fields))["code"] == "not_found", command
        for flag in (held["flag"], held["flag"].partition(".")[0] + "." + ROOM):
            for command in ("attend", "claim", "unclaim"):
                assert (await staff.ask(command, flag=flag))["code"] == "not_found"
    with pytest.raises(Refused):
        await floor.author.call("post", room=ROOM, key="r", text=words(1), reply_to=high)
