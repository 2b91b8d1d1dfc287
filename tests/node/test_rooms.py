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
from chat.protocol.wire import Format, pack
from chat.settings import default_config, load_rooms
from tests.stored import Scene
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio


class Outlet:
    """A real socket pair, of which the far end is looked at."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.far.setblocking(False)

    def descriptor(self) -> int:
        return self.near.fileno()

    def write(self, data: bytes) -> None:
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
    """Also while a post is at the store: a small room waits for nothing."""
    there, outlet = room
    there.post_leaves()
    there._hear(1, message(1))
    there._hear(2, message(2))
    assert outlet.heard() == []
    await asyncio.sleep(0)
    assert outlet.heard() == [1, 2]


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
