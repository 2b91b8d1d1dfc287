"""Nothing that is sent ends a node, holds up the others, or makes it say what people wrote (I17, I26)."""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgpack
import pytest

from chat.protocol.commands import COMMANDS
from tests.faults.conftest import Reach
from tests.faults.rig import (
    AWAY,
    HOST,
    ROOM,
    Server,
    dial,
    masked,
    serving,
    words,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

SECRETS = ("heronfeather", "juniperbark", "u_secretive")
"""Words that stand in texts, names, reasons and tokens, and must stand in no log."""
BLOCK = 0.05
"""Seconds for which no input may hold up the loop."""
MACHINE = 20
"""How many times longer one stop may seem from outside, on two cores shared with whole servers."""


def _json(value: object) -> bytes:
    return masked(json.dumps(value))


def _pack(value: object) -> bytes:
    return masked(msgpack.packb(value))


def hostile(dice: Random) -> Iterator[tuple[str, bytes]]:
    """Frames that no client should send, without end; as (form, whole WebSocket frames)."""
    word = dice.choice(SECRETS[:2])
    deep = 20_000
    fixed = [
        ("json", masked("[" * deep)),
        ("json", masked('{"type":"post","text":' + "[" * deep + "]" * deep + "}")),
        ("msgpack", masked(b"\x91" * deep)),
        ("msgpack", masked(b"\xdf\xff\xff\xff\xff")),
        ("msgpack", masked(b"\xdd\xff\xff\xff\xff" + b"\x00" * 60_000)),
        ("msgpack", masked(b"\xc9\xff\xff\xff\xff\x01")),
        ("msgpack", masked(b"\xd6\xff" + b"\xff" * 4)),
        ("msgpack", masked(b"\x81\xa4type\xd7\xff" + b"\xff" * 8)),
        ("json", masked('{"type":"ping","id":' + "9" * 5_000 + "}")),
        ("json", masked('{"type":"ping","id":1e400}')),
        ("json", masked('{"type":"post","room":"\\ud800"}')),
        ("json", masked(b"\xff\xfe{}")),
        ("json", bytes((0x81, 0x84)) + b"\0\0\0\0" + b"\xff\xff\xff\xff"),
        ("json", masked("")),
        ("json", masked("null")),
        ("json", masked('{"type":{"type":"post"}}')),
        ("json", masked('{"a":' * 5_000 + "1" + "}" * 5_000)),
        ("json", masked('{"type":"post","type":"ping","id":1,"id":2}')),
        ("json", bytes((0x82, 0x80, 0, 0, 0, 0))),  # nothing at all, as bytes
        ("json", bytes((0x83, 0x80, 0, 0, 0, 0))),  # a reserved kind of frame
        ("json", bytes((0xC1, 0x80, 0, 0, 0, 0))),  # compressed, which was not agreed
        ("json", bytes((0x81, 0x02)) + b"{}"),  # not masked
        ("json", bytes((0x01, 0x81, 0, 0, 0, 0)) + b"{" + bytes((0x81, 0x80, 0, 0, 0, 0))),  # begun twice
        ("json", bytes((0x80, 0x80, 0, 0, 0, 0))),  # the end of nothing
        ("json", bytes((0x89, 0xFE, 0x00, 0x80, 0, 0, 0, 0)) + b"p" * 128),  # a ping that is too long
        ("json", bytes((0x88, 0x81, 0, 0, 0, 0)) + b"x"),  # a close with half a code
        ("json", bytes((0x81, 0xFF)) + b"\x7f" + b"\xff" * 7 + b"\0\0\0\0"),  # of all the bytes there are
        ("json", masked("x" * 70_000)),
        ("json", _json({"type": "post", "room": ROOM, "key": "k" * 129, "text": word})),
        ("json", _json({"type": "post", "room": "x" * 65, "key": "k", "text": word})),
        ("json", _json({"type": "post", "room": ROOM, "key": "k}:{x", "text": word * 5_000})),
        ("json", _json({"type": "post", "room": ROOM, "key": "a\0b", "text": "\0" + word + "\x1b[2J"})),
        ("json", _json({"type": "post", "room": ROOM, "key": "z", "text": "z̸" * 30_00 + word})),
        ("json", _json({"type": "post", "room": ROOM, "key": "y", "text": "1 " * 1_900 + "@" * 150})),
        ("json", _json({"type": "post", "room": ROOM, "key": "w", "text": "a" * 4_000})),
        ("json", _json({"type": "post", "room": ROOM, "key": "v", "text": "k.y.s " * 660})),
        ("json", _json({"type": "mute", "room": ROOM, "user": "x}:log", "seconds": 5, "reason": word})),
        ("json", _json({"type": "react", "room": ROOM, "seq": 2**53 - 1, "reaction": "👍", "on": True})),
        ("json", _json({"type": "history", "room": ROOM, "before": 2**53 - 1, "limit": 200})),
        ("json", _json({"type": "history", "room": ROOM, "after": 2**53 - 1, "limit": 200})),
        ("json", _json({"type": "join", "room": ROOM, "since": 2**53 - 1, "epoch": word})),
        ("json", _json({"type": "hello", "token": f"{word}.{word}.{word}"})),
        ("json", _json({"type": "profile", "name": f"{word} kys 07700 900123"})),
        ("json", _json({"type": "nonsense", "id": word, "text": word})),
        ("msgpack", _pack({"type": "post", "room": ROOM, "key": "m", "text": b"\xff" + word.encode()})),
        ("msgpack", _pack({b"type": "ping"})),
        ("msgpack", _pack({1: 2, "type": "ping", "id": 1})),
    ]
    while True:
        kind = dice.randrange(4)
        if kind == 0:
            yield dice.choice(fixed)
        elif kind == 1:
            size = dice.choice((1, 5, 200, 65_000))
            data = dice.randbytes(size)
            yield dice.choice(("json", "msgpack")), masked(data)
        else:
            frame: dict[str, object] = {"type": dice.choice(list(COMMANDS)), "id": dice.randrange(99)}
            fields = (
                "room",
                "key",
                "text",
                "seq",
                "user",
                "flag",
                "action",
                "on",
                "limit",
                "seconds",
                "reason",
            )
            for field in dice.sample(fields, 5):
                frame[field] = dice.choice(
                    (None, True, -1, 2**60, 1.5, "", word, ROOM, "x" * 300, [word] * 50, {"a": {"b": word}})
                )
            form = dice.choice(("json", "msgpack"))
            yield form, (_json if form == "json" else _pack)(frame)


async def _assail(server: Server, dice: Random, count: int, codes: set[int], reasons: set[str]) -> None:
    """Send hostile frames, each kind on connections that have and have not said who they are."""
    frames = hostile(dice)
    user = f"{SECRETS[2]}{dice.randrange(10**6)}"
    sent = 0
    while sent < count:
        form, data = next(frames)
        with contextlib.suppress(*AWAY):
            async with dial(server.port, form=form) as client:
                if dice.random() < 0.8:
                    await client.hello(server.token(user=user, name=f"Fern {SECRETS[0]}"))
                    await client.join(ROOM)
                for _ in range(dice.randint(1, 8)):
                    if client.code is not None:
                        break
                    client.wire.transport.write(data)
                    sent += 1
                    form_, data_ = next(frames)
                    if form_ == form:
                        data = data_
                # All of it was looked at: the connection is closed, or it answers.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        await client.begin("ping")
                if client.code is not None:
                    codes.add(client.code)
                    reasons.add(client.reason)


async def test_hostile_frames_end_nothing_and_others_never_notice(tmp_path: Path, reach: Reach) -> None:
    """Under a rain of them two people go on talking.

    The node lives, its log says nothing of what was written.
    """
    dice = reach.dice()
    async with serving(tmp_path / "data", env={"HEARTH_LOG_LEVEL": "debug"}) as server:
        token = server.token(name=f"Fern {SECRETS[1]}")
        codes: set[int] = set()
        reasons: set[str] = set()
        async with server.client() as one, server.client(form="msgpack") as two:
            rain = [
                asyncio.create_task(_assail(server, Random(dice.random()), reach(250, 2_500), codes, reasons))
                for _ in range(4)
            ]
            loop = asyncio.get_running_loop()
            said: list[int] = []
            worst = 0.0
            while not all(task.done() for task in rain):
                started = loop.time()
                await two.call("ping")
                worst = max(worst, loop.time() - started)
                if len(said) < 400:
                    said.append((await one.post(f"{words(len(said))}", f"k{len(said)}"))["seq"])
                await asyncio.sleep(0.01)
            await asyncio.gather(*rain)
            assert worst < BLOCK * MACHINE
            await wait_until(lambda: said[-1] in [event["seq"] for event in two.events()])
            assert set(said) <= {event["seq"] for event in two.events()}
            assert (one.code, two.code) == (None, None)
            assert server.is_alive
            assert await server.is_ready()
        # Half a handshake, a request with a body, a path that is none, headers without end.
        for request in (
            b"GET /ws HTTP/1.1\r\n",
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{SECRETS[0]}".encode(),
            f"GET /../../etc/passwd?{SECRETS[1]} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000,
            b"\x16\x03\x01\x02\x00\x01\x00" * 50,
        ):
            with socket.create_connection((HOST, server.port), 5) as raw, contextlib.suppress(OSError):
                raw.sendall(request)
        async with server.client() as late:
            await late.post("all is well", "end")
        _, metrics = await server.get("/metrics")
        said_in_all = server.log.read_text() + metrics + "".join(reasons)
        for secret in (*SECRETS[:2], *token.split("."), "today was calm", "Traceback", "passwd"):
            assert secret not in said_in_all
        assert not re.search(r"\b127\.0\.0\.1\b", server.log.read_text())
        assert "command.failed" not in server.log.read_text()
        assert "hear.failed" not in server.log.read_text()
        assert codes <= {1000, 1002, 1005, 1006, 1007, 1009, 4500, 4501, 4508}


async def test_three_frames_that_do_not_decode_end_a_connection(tmp_path: Path) -> None:
    """4500, and only for its sender; one that decodes in between begins the count anew."""
    async with serving(tmp_path / "data") as server, server.client() as one, server.client() as other:
        for _ in range(3):
            for _ in range(2):
                one.wire.transport.write(masked("not json"))
            await one.call("ping")
        assert one.code is None
        for _ in range(3):
            one.wire.transport.write(masked("not json"))
        assert await one.closed() == 4500
        await other.call("ping")


async def test_forged_expired_and_foreign_tokens_are_refused(tmp_path: Path, reach: Reach) -> None:
    """Every change of a token's bytes, another key, another algorithm, none: unauthenticated, then 4501."""
    from chat.tokens import Key, load_key, sign

    dice = reach.dice()
    async with serving(tmp_path / "data") as server:
        good = server.token("admin")
        head, body, mark = good.split(".")
        none = "eyJhbGciOiJub25lIn0"
        forged = [
            sign(Key(b"x" * 32), user="u_x", name="Fern", grants={"*": "admin"}, ttl=60),
            sign(load_key(server.data), user="u_x", name="Fern", grants={"*": "admin"}, ttl=0.001),
            f"{none}.{body}.", f"{none}.{body}.{mark}", f"{head}.{body}.", f"{head}..{mark}", "..", "a.b.c",
        ]  # fmt: skip
        for _ in range(reach(30, 400)):
            at = dice.randrange(len(good) - 2)
            if good[at] != ".":
                forged.append(good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :])
        for token in forged:
            async with dial(server.port) as client:
                frame = await client.ask("hello", token=token)
                assert frame.get("code") == "unauthenticated"
                assert await client.closed() == 4501


async def test_floods_of_frames_and_silence_end_with_their_codes(tmp_path: Path) -> None:
    """Over a hundred frames a second for five seconds: 4508. No hello in time: 4501."""
    env = {
        "HEARTH_LIMITS__HELLO_SECONDS": "1",
        "HEARTH_LIMITS__FRAMES_SECONDS": "2",
        "HEARTH_LIMITS__FRAMES_SECOND": "100",
    }
    async with (
        serving(tmp_path / "data", env=env) as server,
        server.client() as one,
        server.client() as other,
    ):
        async with dial(server.port) as silent:
            assert await silent.closed(15) == 4501
        while one.code is None:
            for _ in range(30):
                one.wire.transport.write(masked('{"type":"ping"}'))
            await asyncio.sleep(0.1)
        assert one.code == 4508
        await other.call("ping")


async def test_a_hello_that_comes_with_the_handshake_is_answered(tmp_path: Path) -> None:
    """A client in a hurry sends before it has read the answer: nothing of it is lost."""
    async with serving(tmp_path / "data") as server:
        for _ in range(20):
            reader, writer = await asyncio.open_connection(HOST, server.port)
            writer.write(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                + masked(json.dumps({"type": "hello", "id": 1, "token": server.token()}))
            )
            try:
                async with asyncio.timeout(5):
                    await reader.readuntil(b"\r\n\r\n")
                    assert (await reader.readexactly(2))[0] == 0x81
            finally:
                writer.transport.abort()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()


async def test_an_unknown_origin_and_subprotocol_are_refused(tmp_path: Path) -> None:
    """At the handshake, without a word more."""
    async with serving(tmp_path / "data") as server:
        for headers in (b"Origin: https://elsewhere.example\r\n", b"Sec-WebSocket-Protocol: soap\r\n"):
            reader, writer = await asyncio.open_connection(HOST, server.port)
            writer.write(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
                + headers
                + b"\r\n"
            )
            line = await reader.readline()
            assert line.split()[1] in (b"400", b"403")
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def test_whoever_leaves_while_the_room_is_loud_costs_the_others_nothing(
    tmp_path: Path, reach: Reach
) -> None:
    """People close, break and vanish in the midst of a stream.

    Nobody else misses one event, nothing fails inside.
    """
    dice = reach.dice()
    async with serving(tmp_path / "data") as server, server.client() as sayer, server.client() as hearer:
        is_over = False

        async def come_and_go() -> None:
            while not is_over:
                async with server.client() as client:
                    match dice.randrange(4):
                        case 0:
                            await client.end()
                        case 1:
                            client.wire.transport.write(masked(b"\xff\xfe")[:-1] + b"\x00\xc1\x80\0\0\0\0")
                            await client.closed(20)
                        case 2:
                            client.wire.transport.write_eof()
                            await client.closed(20)
                        case 3:
                            await client.drop()

        goers = [asyncio.create_task(come_and_go()) for _ in range(6)]
        said = [
            (await sayer.post(words(number), f"k{number}"))["seq"] for number in range(reach(400, 20_000))
        ]
        is_over = True
        await asyncio.gather(*goers)
        await wait_until(lambda: hearer.events()[-1]["seq"] >= said[-1])
        numbers = [event["seq"] for event in hearer.events()]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        log = server.log.read_text()
        assert '"error"' not in log
