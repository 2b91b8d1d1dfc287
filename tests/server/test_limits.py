"""What nobody may do to a server, and what becomes of who tries: others never notice."""

import asyncio
import json
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from chat.assembly import Content
from chat.protocol.errors import CloseCode
from chat.settings import Limits
from tests.server.served import ROOM, Served, closed, say, served
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio

LIMITS = Limits(hello_seconds=3, frames_second=100, frames_seconds=2, connections=3, rate_seconds=0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(store: str, content: Content, keys_folder: Path) -> AsyncIterator[Served]:
    async with served(store, content, keys_folder, limits=LIMITS) as made:
        yield made


@asynccontextmanager
async def inside(
    site: Served, form: str | None = None, user: str | None = None
) -> AsyncIterator[ClientConnection]:
    """Somebody in the room."""
    async with site.connected(form) as connection:
        if form == "hearth.v1.msgpack":
            for command in (
                {"type": "hello", "token": site.token(user=user)},
                {"type": "join", "room": ROOM},
            ):
                await connection.send(msgspec.msgpack.encode(command))
                await connection.recv()
        else:
            assert (await say(connection, type="hello", token=site.token(user=user)))["type"] == "welcome"
            assert (await say(connection, type="join", room=ROOM))["type"] == "joined"
        yield connection


@asynccontextmanager
async def unnoticed(site: Served) -> AsyncIterator[None]:
    """Somebody else, to whom whatever happens makes no difference."""
    async with inside(site) as other:
        yield
        assert (await say(other, type="ping"))["type"] == "pong"
        assert (await say(other, type="post", room=ROOM, key=os.urandom(4).hex(), text="still here"))[
            "type"
        ] == "posted"


async def send_frames(connection: ClientConnection, *frames: tuple[Opcode, bytes, bool]) -> None:
    """Frames as they are, masked."""
    for opcode, data, fin in frames:
        connection.transport.write(Frame(opcode, data, fin).serialize(mask=True))
    await asyncio.sleep(0)


async def test_who_says_nothing_is_shown_out(site: Served) -> None:
    async with unnoticed(site), site.connected() as silent, site.connected() as talking:
        await talking.send(json.dumps({"type": "ping"}))
        assert await closed(silent) == CloseCode.NO_HELLO
        assert await closed(talking) == CloseCode.NO_HELLO


async def test_a_token_that_proves_nothing_is_told_and_shown_out(site: Served) -> None:
    good = site.token()
    for token in ("x", "a.b.c", good[:-3] + "AAA", "no-such-invite", "é" * 50, good.replace(".", "..", 1)):
        async with site.connected() as connection:
            answer = await say(connection, type="hello", token=token, name="Ann Blue")
            assert answer["code"] == "unauthenticated"
            assert token not in answer["text"]
            assert await closed(connection) == CloseCode.NO_HELLO


async def test_a_token_that_ends_ends_the_connection(site: Served) -> None:
    async with site.connected() as connection:
        answer = await say(connection, type="hello", token=site.token("moderator", ttl=3))
        assert answer["type"] == "welcome"
        assert await closed(connection) == CloseCode.NO_HELLO
    async with site.connected() as connection:
        assert (await say(connection, type="hello", token=site.token(ttl=-1)))["code"] == "unauthenticated"


async def test_too_many_frames_for_too_long(site: Served) -> None:
    async with unnoticed(site), inside(site) as flood:
        ping = json.dumps({"type": "ping"})

        async def pour() -> None:
            while True:
                for _ in range(50):
                    await flood.send(ping)
                await asyncio.sleep(0.05)

        pouring = asyncio.create_task(pour())
        assert await closed(flood) == CloseCode.FLOODING
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)


async def test_a_burst_of_frames_is_borne(site: Served) -> None:
    async with inside(site) as connection:
        for number in range(400):
            await connection.send(json.dumps({"type": "ping", "id": number}))
        got = [json.loads(await connection.recv()) for _ in range(400)]
        assert [answer["id"] for answer in got if answer["type"] == "pong"] == [
            answer["id"] for answer in got if "id" in answer
        ]


NO_MAP = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"type"',
    b"\x00",
    b'{"type":1}',
    b"{}",
    b"[" * 30_000,
    b'{"type":"ping"}{',
]


@pytest.mark.parametrize("bad", NO_MAP)
async def test_three_unreadable_frames_in_a_row(site: Served, bad: bytes) -> None:
    async with unnoticed(site), site.connected() as connection:
        await send_frames(connection, *[(Opcode.TEXT, bad, True)] * 2)
        assert (await say(connection, type="ping"))["code"] == "unauthenticated"
        await send_frames(connection, *[(Opcode.TEXT, bad, True)] * 3)
        assert await closed(connection) == CloseCode.UNREADABLE


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xc1",
        b"\x81\xa4type",
        b"\x90",
        b"\xdf\xff\xff\xff\xff",
        b"\x91" * 60_000,
        b"\xc7\x7f\x01",
        b"\xa4ping",
    ],
)
async def test_unreadable_msgpack(site: Served, bad: bytes) -> None:
    async with unnoticed(site), site.connected("hearth.v1.msgpack") as connection:
        await send_frames(connection, *[(Opcode.BINARY, bad, True)] * 3)
        assert await closed(connection) == CloseCode.UNREADABLE


async def test_wrong_fields_never_close(site: Served) -> None:
    async with inside(site) as connection:
        for wrong in (
            {"type": "nonsense"},
            {"type": "post", "room": ROOM},
            {"type": "post", "room": ROOM, "key": "k" * 129, "text": "x"},
            {"type": "post", "room": 7, "key": "k", "text": "x"},
            {"type": "post", "room": ROOM, "key": "k", "text": None},
            {"type": "history", "room": ROOM, "limit": 201},
            {"type": "mute", "room": ROOM, "user": "u", "seconds": -1, "reason": "r"},
            {"type": "join", "room": ROOM, "since": 2**70},
            {"type": "hello", "token": "again"},
        ):
            assert (await say(connection, **wrong))["code"] == "bad_request", wrong
        assert (await say(connection, type="join", room="no-such-room"))["code"] == "not_found"
        assert (await say(connection, type="ping"))["type"] == "pong"


async def test_a_frame_that_is_too_big(site: Served) -> None:
    async with unnoticed(site), inside(site) as connection:
        await connection.send(json.dumps({"type": "ping", "x": "y" * 66_000}))
        assert await closed(connection) == CloseCode.TOO_BIG


async def test_parts_that_are_too_big_together(site: Served) -> None:
    async with inside(site) as connection:
        parts = [(Opcode.TEXT, b"x" * 30_000, False), *[(Opcode.CONT, b"x" * 30_000, False)] * 3]
        await send_frames(connection, *parts)
        assert await closed(connection) == CloseCode.TOO_BIG


async def test_a_length_that_never_comes_true_costs_nothing(site: Served) -> None:
    async with unnoticed(site), inside(site) as connection:
        connection.transport.write(struct.pack("!BBQ", 0x81, 0x80 | 127, 1 << 62) + b"mask")
        assert await closed(connection) == CloseCode.TOO_BIG


async def test_a_message_in_parts_is_one_message(site: Served) -> None:
    async with inside(site) as connection:
        text = json.dumps({"type": "ping", "id": "ä" * 9}, ensure_ascii=False).encode()
        parts = [text[at : at + 1] for at in range(len(text))]
        frames = [
            (Opcode.TEXT if at == 0 else Opcode.CONT, part, False) for at, part in enumerate(parts[:-1])
        ]
        await send_frames(connection, *frames)
        await send_frames(connection, (Opcode.PING, b"between", True), (Opcode.CONT, parts[-1], True))
        async with asyncio.timeout(5):
            while (answer := json.loads(await connection.recv())).get("id") is None:
                pass
        assert (answer["type"], answer["id"]) == ("pong", "ä" * 9)


@pytest.mark.parametrize("in_parts", [False, True])
async def test_text_that_is_no_utf8(site: Served, in_parts: bool) -> None:
    async with unnoticed(site), inside(site) as connection:
        bad = b'{"type":"ping","id":"\xff\xfe"}'
        if in_parts:
            await send_frames(connection, (Opcode.TEXT, bad[:22], False), (Opcode.CONT, bad[22:], True))
        else:
            await send_frames(connection, (Opcode.TEXT, bad, True))
        assert await closed(connection) == CloseCode.BAD_FRAME


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x05hello",
        b"\xf1\x80mask",
        b"\x83\x80mask",
        b"\x80\x80mask",
        b"\x89\xfe\x00\x7emask" + b"x" * 126,
    ],
)
async def test_what_is_no_websocket_ends_its_own_connection(site: Served, data: bytes) -> None:
    """Unmasked, a reserved bit, a reserved opcode, a part of nothing, a ping too long."""
    async with unnoticed(site), inside(site) as connection:
        connection.transport.write(data)
        assert await closed(connection) in (CloseCode.PROTOCOL_ERROR, 1006)


async def test_a_text_may_have_four_thousand_characters(site: Served) -> None:
    async with inside(site) as connection:
        long = "word " * 800
        assert (await say(connection, type="post", room=ROOM, key="fits", text=long))["type"] == "posted"
        answer = await say(connection, type="post", room=ROOM, key="over", text=long + "!")
        assert answer["code"] == "too_long"
        answer = await say(connection, type="post", room=ROOM, key="wide", text="ä" * 4_001)
        assert answer["code"] == "too_long"


async def test_a_crisis_in_a_text_too_long_is_met_with_support(site: Served) -> None:
    async with inside(site) as connection:
        text = "I want to kill myself tonight. " + "word " * 900
        answer = await say(connection, type="post", room=ROOM, key="k", text=text)
        assert answer["code"] == "too_long"
        assert answer["support"]["helplines"]


async def test_a_person_has_so_many_connections(site: Served) -> None:
    user = "u_manyplaces"
    async with inside(site, user=user), inside(site, user=user), inside(site, user=user) as third:
        async with site.connected() as fourth:
            answer = await say(fourth, type="hello", token=site.token(user=user))
            assert answer["code"] == "rate_limited"
            assert answer["retry_after"] > 0
            assert await closed(fourth) == CloseCode.OVERLOADED
        assert (await say(third, type="ping"))["type"] == "pong"
        await third.close()
        await wait_until(lambda: len(site.node.hub.by_user[user]) == 2)
        async with inside(site, user=user) as again:
            assert (await say(again, type="ping"))["type"] == "pong"


async def test_who_has_not_said_hello_does_not_fill_the_house(
    store: str, content: Content, keys_folder: Path
) -> None:
    limits = Limits(unauthenticated=2, connections_total=4)
    async with served(store, content, keys_folder, limits=limits) as small:
        async with small.connected(), small.connected():
            with pytest.raises(InvalidStatus) as refused:
                async with small.connected():
                    pass
            assert refused.value.response.status_code == 503
        await wait_until(lambda: not small.node.hub.sessions)
        async with inside(small), inside(small), inside(small), inside(small):
            with pytest.raises(InvalidStatus):
                async with small.connected():
                    pass


async def test_both_formats_hear_the_same(site: Served) -> None:
    async with inside(site) as one, inside(site, "hearth.v1.msgpack") as other:
        posted = await say(one, type="post", room=ROOM, key="both", text="hear, hear ä")
        async with asyncio.timeout(5):
            while True:
                data = await other.recv()
                assert isinstance(data, bytes)
                event = msgspec.msgpack.decode(data)
                if event.get("seq") == posted["seq"]:
                    break
        assert event["text"] == "hear, hear ä"


async def test_half_a_handshake_costs_no_session(site: Served) -> None:
    await wait_until(lambda: not site.node.hub.sessions)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\n")
    async with unnoticed(site):
        assert len(site.node.hub.sessions) == 1
    writer.close()
    await writer.wait_closed()
    assert not await reader.read()
