"""How nodes and stores end, stop, stand still and come back.

I19, I20, I28, and what a client is told meanwhile.
"""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.conftest import Reach
from tests.faults.rig import (
    AWAY,
    OTHER,
    ROOM,
    Refused,
    Server,
    behind,
    dial,
    flags_of,
    log_of,
    messages_of,
    new_user,
    outside_store,
    serving,
    two_nodes,
    words,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]


async def test_drain_answers_all_that_was_sent_and_ends_with_zero(tmp_path: Path, reach: Reach) -> None:
    """SIGTERM under load.

    Everything that left a client before it was told is answered, and the log has just that.
    """
    for round_ in range(reach(3, 50)):
        async with serving(tmp_path / f"data{round_}") as server:
            sure: dict[str, int] = {}
            unanswered: list[str] = []
            told: list[float] = []
            codes: list[int] = []

            async def talk(index: int) -> None:
                async with server.client(form=("json", "msgpack")[index % 2]) as client:
                    for number in range(10_000):
                        if client.got("draining"):
                            break
                        key = f"{index}-{number}"
                        try:
                            sure[key] = (await client.post(words(number), key))["seq"]  # noqa: B023
                        except AWAY:
                            unanswered.append(key)  # noqa: B023
                            break
                    await wait_until(lambda: bool(client.got("draining")))
                    told.append(client.got("draining")[0]["reconnect_after"])  # noqa: B023
                    codes.append(await client.closed())  # noqa: B023

            talks = [asyncio.create_task(talk(index)) for index in range(12)]
            await wait_until(lambda: len(sure) > 60, 20)  # noqa: B023
            loop = asyncio.get_running_loop()
            started = loop.time()
            assert await server.stop() == 0
            assert loop.time() - started < 10
            await asyncio.gather(*talks)
            assert unanswered == []
            assert codes == [1012] * 12
            assert all(0.5 <= wait <= 5 for wait in told)
            assert len(set(told)) > 6, "spread, so that not all come back at once"
            await server.start()
            stored = {entry["seq"] for entry in messages_of(server)}
            assert stored == set(sure.values())


async def test_a_draining_node_takes_nobody_new(tmp_path: Path) -> None:
    """While it waits for a peer that does not answer the close.

    It is alive, not ready, and lets nobody in.
    """
    async with serving(tmp_path / "data") as server, server.client() as one:
        one.wire.transport.pause_reading()
        server.signal(signal.SIGTERM)
        await wait_until(lambda: b"serve.draining" in server.log.read_bytes())
        with pytest.raises(AWAY):
            async with dial(server.port) as late:
                await late.hello(server.token())
        assert await server.ended() == 0


async def test_a_second_server_on_one_data_directory_is_refused(tmp_path: Path) -> None:
    """It says why and what to do, and the first one never notices."""
    async with serving(tmp_path / "data") as server, server.client() as one:
        second = Server(tmp_path / "data", log=tmp_path / "second.log")
        second.launch()
        assert await second.ended() == 1
        said = second.log.read_text()
        assert "is in use by process" in said
        assert "choose another --data" in said
        assert "Traceback" not in said
        await one.post("still here", "k")


async def test_a_killed_store_comes_back_under_its_node(tmp_path: Path, reach: Reach) -> None:
    """The node starts its store again, keeps its connections, and goes on where it was; the epoch holds."""
    async with serving(tmp_path / "data") as server, server.client() as one, server.client() as two:
        for number in range(reach(3, 30)):
            before = server.store_pid
            os.kill(before, signal.SIGKILL)
            await wait_until(lambda: server.store_pid not in (0, before), 30)  # noqa: B023
            await wait_until(server.is_ready, 15)
            seq = (await one.post(words(number), f"k{number}"))["seq"]
            await wait_until(lambda: two.events()[-1]["seq"] == seq if two.events() else False)  # noqa: B023
        assert one.code is None
        assert two.code is None
        rejoined = await two.join(ROOM, since=0, epoch=two.joined["epoch"])
        assert rejoined["recovered"]


async def test_a_hello_that_waits_for_us_turns_nobody_away(tmp_path: Path) -> None:
    """Said in time, and we are late: its code must not be the one after which a client stays away."""
    env = {"HEARTH_LIMITS__HELLO_SECONDS": "0.5"}
    async with serving(tmp_path / "data", env=env) as server, dial(server.port) as client:
        os.kill(server.store_pid, signal.SIGSTOP)
        answer = client.begin("hello", token=server.token())
        await wait_until(lambda: answer.done() or client.code is not None, 60)
        assert client.code is None
        assert (await answer)["code"] == "unavailable"
        os.kill(server.store_pid, signal.SIGCONT)


async def test_a_store_that_stands_still_makes_the_node_unready_and_says_unavailable(tmp_path: Path) -> None:
    """SIGSTOP: every command is answered within a bound, none with a promise; afterwards all goes on."""
    async with (
        serving(tmp_path / "data") as server,
        server.client("moderator") as staff,
        server.client() as one,
        server.client(join=None) as newcomer,
    ):
        other = await staff.ask("watch")
        assert other["type"] == "queue"
        first = await one.post("before", "k-before")
        os.kill(server.store_pid, signal.SIGSTOP)
        answers = [
            one.begin("post", room=ROOM, key="k-stopped", text="while it stood still"),
            one.begin("history", room=ROOM, limit=10),
            one.begin("join", room=ROOM),
            one.begin("join", room=OTHER),
            newcomer.begin("join", room=ROOM),
            staff.begin("mute", room=ROOM, user=one.user, seconds=60, reason="a pause"),
            staff.begin("watch"),
            staff.begin("audit", limit=10),
        ]
        await wait_until(lambda: _not(server.is_ready), 10)
        assert (await server.get("/healthz"))[0] == 200
        async with asyncio.timeout(60):
            frames = await asyncio.gather(*answers)
        assert {frame.get("code") for frame in frames} == {"unavailable"}
        with pytest.raises((Refused, *AWAY)):
            async with dial(server.port) as late:
                await late.hello(server.token())
        os.kill(server.store_pid, signal.SIGCONT)
        await wait_until(server.is_ready, 15)
        again = await one.ask("post", room=ROOM, key="k-stopped", text="while it stood still")
        assert again["type"] in ("posted", "error")
        if again["type"] == "error":
            assert again["code"] == "muted", "the mute was under way too: whether it was stored was not known"
        texts = [entry.get("text") for entry in log_of(server).values()]
        assert texts.count("while it stood still") == (again["type"] == "posted")
        assert first["seq"] in log_of(server)


async def _not(ask: object) -> bool:
    assert callable(ask)
    return not await ask()


async def test_without_the_store_nobody_gets_in_and_no_role_is_assumed(tmp_path: Path, reach: Reach) -> None:
    """The store is gone: valid tokens, invites and open connections are all refused what needs its word."""
    async with (
        outside_store(tmp_path / "shared") as store,
        serving(tmp_path / "data", store=store.url) as server,
        server.client("admin") as admin,
        server.client() as one,
    ):
        store.kill()
        for role in ("participant", "facilitator", "moderator", "admin") * reach(3, 50):
            with pytest.raises((Refused, *AWAY)) as refused:
                async with dial(server.port) as late:
                    await late.hello(server.token(role))
            assert getattr(refused.value, "code", "unavailable") == "unavailable"
        for name, fields in (
            ("ban", {"user": one.user, "reason": "x"}),
            ("history", {"room": ROOM, "limit": 5}),
            ("watch", {}),
            ("audit", {"limit": 5}),
            ("join", {"room": OTHER}),
            ("post", {"room": ROOM, "key": "k", "text": "is anybody there"}),
        ):
            frame = await admin.ask(name, **fields)
            assert frame.get("code") == "unavailable", name
        await store.start()
        assert await one.closed(15) == 4002
        await wait_until(server.is_ready, 15)
        async with server.client() as back:
            await back.post("here again", "k-back")


async def test_connections_that_end_while_the_store_is_away_are_not_counted_for_ever(tmp_path: Path) -> None:
    """Somebody at their limit loses every connection during an outage.

    They get in again, and are present once.
    """
    env = {"HEARTH_LIMITS__CONNECTIONS": "3", "HEARTH_NODE": "a"}
    async with serving(tmp_path / "data", env=env) as server, server.client("moderator") as staff:
        user = new_user("participant")
        await staff.join(OTHER)
        for round_ in range(2):
            async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
                held = [await stack.enter_async_context(dial(server.port)) for _ in range(3)]
                for client in held:
                    await client.hello(server.token(user=user))
                    await client.join(ROOM)
                    await client.join(OTHER)
                if round_ == 0:
                    os.kill(server.store_pid, signal.SIGSTOP)
                    for client in held:
                        group.create_task(client.drop())
            if round_ == 0:
                async with asyncio.timeout(20):
                    await asyncio.gather(*(client.closed() for client in held))
                await wait_until(lambda: server.log.read_bytes().count(b"node.left_unsaid") >= 1, 20)
                os.kill(server.store_pid, signal.SIGCONT)
                await wait_until(server.is_ready, 15)
                await wait_until(lambda: _is_absent(server, user), 20)
                await wait_until(lambda: _has_no_count(server, user), 20)
        await staff.post("all is well", "k")


def _is_absent(server: Server, user: str) -> bool:
    with behind(server) as store:
        return not any(store.hexists(f"hearth:{{{room}}}:here", user) for room in (ROOM, OTHER))


def _has_no_count(server: Server, user: str) -> bool:
    with behind(server) as store:
        counts = store.hgetall(f"hearth:{{people}}:sessions:{user}")
    return all(int(count) <= 0 for count in counts.values())


async def test_everybody_is_back_soon_after_a_node_died(tmp_path: Path, reach: Reach) -> None:
    """One of two nodes dies.

    Whoever was on it comes back to the other within fifteen seconds, nothing missed.
    """
    people = reach(60, 2_000)
    async with two_nodes(tmp_path) as (a, b, _), b.client() as sayer, AsyncExitStack() as stack:
        clients = []
        for number in range(people):
            client = await stack.enter_async_context(dial(a.port))
            welcome = await client.hello(a.token(user=f"u_back_{number}"))
            low, high = welcome["server"]["reconnect"]
            assert 0 < low < high <= 10
            await client.join(ROOM)
            clients.append(client)
        a.kill()
        said = [(await sayer.post(words(number), f"k{number}"))["seq"] for number in range(5)]
        loop = asyncio.get_running_loop()
        started = loop.time()
        dice = reach.dice()

        async def come_back(number: int, wait: float) -> None:
            before = clients[number]
            await before.closed()
            await before.end()
            await asyncio.sleep(wait)
            async with dial(b.port) as client:
                await client.hello(b.token(user=f"u_back_{number}"))
                joined = await client.join(ROOM, since=before.joined["head"], epoch=before.joined["epoch"])
                assert joined["recovered"]
                assert [event["seq"] for event in joined["events"]][-5:] == said

        await asyncio.gather(*(come_back(number, dice.uniform(0.5, 5)) for number in range(people)))
        assert loop.time() - started < 15


async def test_no_flag_is_lost_when_the_node_dies_between_any_two_steps(tmp_path: Path, reach: Reach) -> None:
    """Held texts and calls for help, the node killed at random moments.

    Whatever was answered has its flag.
    """
    dice = reach.dice()
    async with serving(tmp_path / "data") as server:
        sure: set[str] = set()
        for round_ in range(reach(3, 60)):
            user = new_user("participant")

            async def cry(user: str) -> None:
                async with server.client(user=user) as client:
                    for number in range(1_000):
                        frame = await client.ask(
                            "help", room=ROOM, text=f"please talk to me {words(number)} {user}"
                        )
                        if frame["type"] == "ok":
                            sure.add(f"please talk to me {words(number)} {user}")

            task = asyncio.create_task(cry(user))
            mark = len(sure) + dice.randint(1, 4)
            await wait_until(lambda: len(sure) >= mark)  # noqa: B023
            server.kill()
            with pytest.raises(AWAY):
                await task
            await server.start()
            assert round_ >= 0
        texts = [flag["text"] for flag in flags_of(server) if flag["kind"] == "help"]
        assert sure <= set(texts)
        assert len(texts) == len(set(texts))
