"""What a room writes, and when: one write a socket for all that a moment brings."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat.node import rooms
from chat.node.follower import Follower
from chat.node.rooms import Mailbox, Room
from chat.node.session import Session
from chat.protocol.wire import Format, framed, pack
from chat.settings import default_config, load_rooms
from tests.stored import Scene
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio


class Outlet:
    """A real socket pair, of which the far end is looked at."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.far.setblocking(False)
        self.writes = 0

    def descriptor(self) -> int:
        return self.near.fileno()

    def write(self, data: bytes) -> None:
        self.writes += 1
        self.near.send(data)

    def heard(self) -> list[int]:
        """The numbers of what arrived since the last look."""
        try:
            data = self.far.recv(1 << 16)
        except BlockingIOError:
            return []
        frames = data.split(b"\x81")[1:]
        return [int(json.loads(frame[frame.index(b"{") :])["seq"]) for frame in frames]

    def backlog(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        raise AssertionError

    def abort(self) -> None:
        raise AssertionError

    def stop_reading(self) -> None: ...

    def go_on_reading(self) -> None: ...


def pack_json(frame: dict[str, int]) -> bytes:
    return json.dumps(frame).encode()


def message(number: int) -> bytes:
    who = {"id": "ann", "name": "Ann", "role": "participant"}
    return pack({"type": "message", "room": "r", "from": who, "text": "hello", "seq": number, "at": 1})


@pytest_asyncio.fixture
async def room(scene: Scene) -> AsyncIterator[tuple[Room, Outlet]]:
    """A room with one reader, which has heard nothing yet."""
    policy = load_rooms(default_config()).defaults
    room = Room(
        scene.room, policy, scene.broker, backlog=1 << 20,
        on_private=lambda *_: None, on_notice=lambda *_: None, on_flag=lambda *_: None,
    )  # fmt: skip
    outlet = Outlet()
    room.mailboxes["ben"] = Mailbox(Follower(room.follower._read, lambda *_: None))
    room.add(Session(outlet, Format.JSON, 0.0), "ben")
    room.follower.start(0)
    yield room, outlet
    room.close()
    outlet.near.close()
    outlet.far.close()


async def test_what_a_turn_brings_is_written_at_its_end(room: tuple[Room, Outlet]) -> None:
    there, outlet = room
    there._hear(1, message(1))
    there._hear(2, message(2))
    assert outlet.heard() == []
    await asyncio.sleep(0)
    assert outlet.heard() == [1, 2]


@pytest.mark.parametrize("is_event_first", [True, False])
async def test_a_reply_and_its_event_are_one_write(room: tuple[Room, Outlet], is_event_first: bool) -> None:
    """Whichever comes first waits a turn for the other."""
    there, outlet = room
    session = next(iter(there.mailboxes["ben"].sessions))
    reply = framed(pack_json({"seq": 0}), Format.JSON)
    there.post_leaves()

    def answer() -> None:
        there.answer(session, reply)
        there.post_answered()

    def hear() -> None:
        there._hear(1, message(1))

    first, second = (hear, answer) if is_event_first else (answer, hear)
    first()
    await asyncio.sleep(0)
    assert outlet.writes == 0
    second()
    await asyncio.sleep(0)
    assert (outlet.writes, outlet.heard()) == (1, [0, 1])
    there._hear(2, message(2))
    await asyncio.sleep(0)
    assert outlet.heard() == [2], "its place among those that keep up is its own again"


async def test_a_reply_without_an_event_waits_no_longer_than_a_turn(room: tuple[Room, Outlet]) -> None:
    there, outlet = room
    session = next(iter(there.mailboxes["ben"].sessions))
    there.answer(session, framed(pack_json({"seq": 0}), Format.JSON))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert outlet.heard() == [0]


async def test_what_is_written_next_comes_behind_a_reply_that_is_held(room: tuple[Room, Outlet]) -> None:
    there, outlet = room
    session = next(iter(there.mailboxes["ben"].sessions))
    there.answer(session, framed(pack_json({"seq": 0}), Format.JSON))
    session.send_entry(message(7))
    assert outlet.heard() == [0, 7]
    there.answer(session, framed(pack_json({"seq": 1}), Format.JSON))
    there.close()
    assert outlet.heard() == [1], "no reply is lost with the room"


async def test_a_full_room_waits_for_the_last_post_that_is_at_the_store(
    room: tuple[Room, Outlet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "FULL", 1)
    monkeypatch.setattr(rooms, "JOIN_WITHIN", 3_600)
    there, outlet = room
    for number in (1, 2):
        there.post_leaves()
        there._hear(number, message(number))
        await asyncio.sleep(0)
    there.post_answered()
    assert outlet.heard() == []
    there.post_answered()
    assert outlet.heard() == [1, 2]


async def test_a_full_room_waits_no_longer_than_a_moment(
    room: tuple[Room, Outlet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "FULL", 1)
    there, outlet = room
    there.post_leaves()
    there._hear(1, message(1))
    heard: list[int] = []

    def is_told() -> bool:
        heard.extend(outlet.heard())
        return bool(heard)

    await wait_until(is_told)
    assert heard == [1]
