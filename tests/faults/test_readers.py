"""Slow readers are cut and others go on; a peer that is gone without a word leaves presence (I15, I16)."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.conftest import Reach
from tests.faults.rig import ROOM, Client, Server, behind, dial, serving, two_nodes, words
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

MEBIBYTE = 1 << 20


def _rss(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * 4_096


async def _gauge(server: Server, name: str) -> float:
    _, text = await server.get("/metrics")
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


async def test_slow_readers_are_cut_and_others_undisturbed(tmp_path: Path, reach: Reach) -> None:
    """A tenth of the room stops reading under a stream of large messages.

    Cut, cheap, and all others get all.
    """
    people = reach(60, 500)
    slow = people // 10
    env = {} if reach.is_long else {"HEARTH_LIMITS__BACKLOG_SECONDS": "3"}
    async with serving(tmp_path / "data", env=env) as server, AsyncExitStack() as stack:
        clients: list[Client] = []
        for number in range(people):
            options = {"sock": _small_socket(server.port)} if number < slow else {}
            client = await stack.enter_async_context(dial(server.port, form="msgpack", **options))
            await client.hello(server.token())
            await client.join(ROOM)
            clients.append(client)
        before = _rss(server.pid)
        for client in clients[:slow]:
            client.wire.transport.pause_reading()
        sayer, told = clients[-1], clients[slow:]
        sent: list[int] = []
        padding = " and then we walked along the river for a while" * 70
        # Which of them is still there is asked now and then: the stream is what matters.
        while len(sent) % 50 or not sent or not await _has(server, people - slow):
            assert len(sent) < 8_000, "the slow ones are still there"
            text = f"{words(len(sent))} {padding}"
            posted = await sayer.post(text, f"k{len(sent)}")
            assert posted["verdict"] == "delivered", posted
            sent.append(posted["seq"])
        assert await _gauge(server, "hearth_slow_readers_cut_total") == slow
        assert _rss(server.pid) - before < slow * MEBIBYTE + 64 * MEBIBYTE
        for client in told:
            await wait_until(lambda: client.events()[-1]["seq"] == sent[-1], 30)  # noqa: B023
            assert client.code is None
            numbers = [event["seq"] for event in client.events() if event["seq"] >= sent[0]]
            assert numbers == sent
        for client in clients[:slow]:
            client.wire.transport.resume_reading()
            assert await client.closed(20) == 1006
        # Whoever was cut comes back by position.
        async with server.client(join=None) as back:
            first = clients[0]
            joined = await back.join(ROOM, since=first.joined["head"], epoch=first.joined["epoch"])
            assert joined["recovered"] or joined["why"] == "too_many"


def _small_socket(port: int) -> socket.socket:
    """A connected socket whose kernel buffer takes little, so that it is soon full."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.connect(("127.0.0.1", port))
    raw.setblocking(False)
    return raw


async def test_who_asks_and_does_not_read_is_cut_too(tmp_path: Path) -> None:
    """Page after page is asked for and none is read.

    The answers that wait are bounded, others are undisturbed.
    """
    async with serving(tmp_path / "data") as server, server.client() as sayer:
        padding = " and then we walked along the river for a while" * 70
        for number in range(200):
            await sayer.post(f"{words(number)} {padding}", f"k{number}")
        async with dial(server.port, sock=_small_socket(server.port)) as greedy:
            await greedy.hello(server.token())
            await greedy.join(ROOM)
            before = _rss(server.pid)
            greedy.wire.transport.pause_reading()
            most = 0
            for _ in range(40):
                for _ in range(10):
                    greedy.begin("history", room=ROOM, limit=200)
                await sayer.call("ping")
                most = max(most, _rss(server.pid) - before)
            await wait_until(lambda: _has(server, 1), 20)
            assert max(most, _rss(server.pid) - before) < 24 * MEBIBYTE
        await sayer.post("still here", "k-end")


async def _has(server: Server, connections: int) -> bool:
    return await _gauge(server, "hearth_connections") == connections


async def test_a_half_open_peer_leaves_presence(tmp_path: Path, reach: Reach) -> None:
    """A peer whose network is gone answers no ping.

    It is lost to the room, once, while its other connection stays.
    """
    env = {} if reach.is_long else {"HEARTH_LIMITS__PING_SECONDS": "1", "HEARTH_LIMITS__PONG_SECONDS": "1.5"}
    bound = 45 + 5 if reach.is_long else 2.5 + 6
    async with (
        serving(tmp_path / "data", env=env) as server,
        server.client() as witness,
        server.client() as gone,
        server.client() as double,
        server.client(user=double.user) as stays,
    ):
        await wait_until(lambda: _count(witness) >= 3)
        loop = asyncio.get_running_loop()
        started = loop.time()
        for client in (gone, double):
            client.wire.transport.pause_reading()
        await wait_until(lambda: any(gone.user in frame["lost"] for frame in witness.got("presence")), 60)
        assert loop.time() - started < bound
        with behind(server) as store:
            assert store.hexists(f"hearth:{{{ROOM}}}:here", double.user)
            assert not store.hexists(f"hearth:{{{ROOM}}}:here", gone.user)
        assert stays.code is None
        assert not any(double.user in frame["lost"] + frame["left"] for frame in witness.got("presence"))


def _count(client: Client) -> int:
    frames = client.got("presence")
    return int(frames[-1]["count"]) if frames else 0


async def test_whoever_was_on_a_killed_node_leaves_presence(tmp_path: Path) -> None:
    """The dead node's word ends with its lease: its people are told as lost by those that live."""
    async with two_nodes(tmp_path) as (a, b, _), b.client() as witness:
        async with a.client() as gone:
            await wait_until(lambda: _count(witness) >= 2)
            a.kill()
            await wait_until(lambda: any(gone.user in frame["lost"] for frame in witness.got("presence")), 45)
        async with b.client() as later:
            assert gone.user not in [member["id"] for member in later.joined["members"]]
