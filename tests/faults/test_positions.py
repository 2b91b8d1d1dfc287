"""Positions.

Each view equals the log after any reconnects, and a lost position is always told (I3, I4, I7, I8).
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from tests.faults.conftest import Reach
from tests.faults.rig import (
    AWAY,
    HOST,
    ROOM,
    Client,
    Frame,
    Server,
    behind,
    dial,
    free_port,
    log_of,
    new_user,
    outside_store,
    serving,
    two_nodes,
    words,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

NOTICED = 5.0
ALLOWANCE = 2.0
"""What a machine shared with others may add to a bound."""


class View:
    """What one person has seen of a room over all their connections."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.epoch: str | None = None
        self.seen: list[Frame] = []
        self.since: int | None = None
        self.resumed = 0

    def take(self, head: int, events: list[Frame]) -> None:
        self.seen += events
        self.since = self.seen[-1]["seq"] if self.seen else head

    async def look(self, server: Server, dice: Random, until: asyncio.Event) -> None:
        """Come and go, at any moment, and always go on from the last event."""
        while not until.is_set():
            try:
                async with dial(server.port, form=dice.choice(("json", "msgpack"))) as client:
                    await client.hello(server.token(user=self.user))
                    joined = await client.join(ROOM, since=self.since, epoch=self.epoch)
                    assert joined["recovered"] is (self.since is not None), joined.get("why")
                    self.resumed += joined["recovered"]
                    self.epoch = joined["epoch"]
                    await asyncio.sleep(dice.random() * 0.12)
                    before = dice.random() < 0.5
                    if before:
                        await client.drop()
                    else:
                        await client.end()
                    self.take(joined["head"], client.events())
            except AWAY:
                await asyncio.sleep(0.02)


async def test_each_view_equals_the_log_after_any_reconnects(tmp_path: Path, reach: Reach) -> None:
    """People come and go at random moments while others talk on two nodes.

    No gap, no duplicate, one order.
    """
    dice = reach.dice()
    async with two_nodes(tmp_path) as (a, b, _):
        over = asyncio.Event()
        views = [View(new_user("participant")) for _ in range(10)]
        looks = [
            asyncio.create_task(view.look((a, b)[index % 2], Random(dice.random()), over))
            for index, view in enumerate(views)
        ]
        async with a.client() as one, b.client() as two, a.client("facilitator") as staff:
            number = 0
            while sum(view.resumed for view in views) < reach(200, 10_000):
                number += 1
                done = await dice.choice((one, two)).post(words(number), f"k{number}")
                if number % 7 == 0:
                    await staff.call("pin", room=ROOM, seq=done["seq"])
                    await staff.call("unpin", room=ROOM, seq=done["seq"])
                if number % 11 == 0:
                    await one.ask("react", room=ROOM, seq=done["seq"], reaction="👍", on=True)
        over.set()
        await asyncio.gather(*looks)
        log = log_of(a)
        for view in views:
            assert [event["seq"] for event in view.seen] == list(
                range(view.seen[0]["seq"], view.seen[-1]["seq"] + 1)
            )
            for event in view.seen:
                stored = log[event["seq"]]
                assert (event["type"], event["at"]) == (stored["type"], stored["at"])
                assert event.get("text") == stored.get("text")


async def test_a_lost_position_is_always_told(tmp_path: Path, reach: Reach) -> None:
    """Another epoch, a number ahead of the log, too many missed.

    Never "recovered", always why, and the latest page.
    """
    dice = reach.dice()
    async with (
        serving(tmp_path / "data", env={"HEARTH_LIMITS__RECOVER": "100"}) as server,
        server.client() as one,
    ):
        for number in range(160):
            await one.post(words(number), f"k{number}")
        head, epoch = one.joined["head"] + 160, one.joined["epoch"]
        async with server.client(join=None) as client:
            for _ in range(reach(60, 500)):
                why, since, known = dice.choice(
                    (
                        ("epoch", dice.randint(0, head), f"{epoch}x"),
                        ("ahead", head + dice.randint(1, 10**12), epoch),
                        ("too_many", dice.randint(0, head - 101), epoch),
                        ("none", None, epoch),
                        ("none", None, None),
                        (None, dice.randint(head - 100, head), epoch),
                    )
                )
                joined = await client.call("join", room=ROOM, since=since, epoch=known)
                assert joined.get("why") == why
                assert joined["recovered"] is (why is None)
                numbers = [event["seq"] for event in joined["events"]]
                if why is None:
                    assert numbers == list(range(since + 1, head + 1))  # type: ignore[operator]
                else:
                    assert numbers[-30:] == list(range(head - 29, head + 1))


async def test_a_log_whose_end_was_lost_begins_a_new_epoch(tmp_path: Path, reach: Reach) -> None:
    """A machine's crash, by cutting the store's file.

    Whoever comes back is told, and no number means two things.
    """
    dice = reach.dice()
    async with serving(tmp_path / "data") as server:
        for round_ in range(reach(3, 40)):
            async with server.client() as one:
                for number in range(20):
                    await one.post(words(number), f"{one.user}-{number}")
                head = max(log_of(server))
                epoch = one.joined["epoch"]
            server.kill()
            await wait_until(lambda: server.store_pid == 0 or not _runs(server.store_pid))
            files = sorted((tmp_path / "data" / "store" / "appendonlydir").glob("*.incr.aof"))
            size = files[-1].stat().st_size
            os.truncate(files[-1], size - dice.randint(1, 600))
            await server.start()
            async with server.client(join=None) as back:
                joined = await back.join(ROOM, since=head, epoch=epoch)
                assert joined["why"] == "epoch", round_
                assert not joined["recovered"]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_store_that_comes_back_with_another_history_is_told_to_open_connections(
    tmp_path: Path,
) -> None:
    """An outside store restarts, and takes long to load.

    Connections end with 4002, and the next join says why.
    """
    async with (
        outside_store(tmp_path / "shared") as store,
        serving(tmp_path / "data", store=store.url) as server,
    ):
        async with server.client() as one:
            with behind(server) as redis:
                for part in range(20):
                    redis.execute_command("DEBUG", "POPULATE", 2_000, f"ballast{part}", 10)  # type: ignore[no-untyped-call]
                redis.bgrewriteaof()
                await wait_until(lambda: redis.info("persistence")["aof_rewrite_in_progress"] == 0, 30)
            epoch = one.joined["epoch"]
            store.kill()
            await store.start("--key-load-delay", "5", "--loading-process-events-interval-bytes", "1024")
            assert await one.closed(15) == 4002
        await wait_until(server.is_ready, 15)
        async with server.client(join=None) as back:
            joined = await back.join(ROOM, since=0, epoch=epoch)
            assert joined["why"] == "epoch"


async def test_a_killed_subscription_is_noticed_and_nothing_is_missed(tmp_path: Path, reach: Reach) -> None:
    """The subscriber's connection is cut again and again.

    Room, private log and queue come whole, within five seconds.
    """
    async with (
        two_nodes(tmp_path) as (a, b, _),
        a.client("moderator") as staff,
        a.client() as hearer,
        b.client() as sayer,
    ):
        await staff.call("watch")
        loop = asyncio.get_running_loop()
        for number in range(reach(10, 100)):
            with behind(a) as redis:
                ears = [int(row["id"]) for row in redis.client_list() if row["name"] == "hearth-ear"]
                assert len(ears) == 2
                for ear in ears:
                    redis.client_kill_filter(_id=str(ear))
                crisis = number % 2 == 0
                text = f"i don't want to live any more {words(number)}" if crisis else words(number)
                said = await sayer.post(text, f"k{number}")
            started = loop.time()
            await wait_until(lambda: any(event["seq"] == said["seq"] for event in hearer.events()))  # noqa: B023
            if crisis:
                await wait_until(lambda: any(flag["text"] == text for flag in staff.got("flag")))  # noqa: B023
                await wait_until(lambda: any(card["key"] == f"k{number}" for card in sayer.got("support")))  # noqa: B023
            assert loop.time() - started < NOTICED + ALLOWANCE
        numbers = [event["seq"] for event in hearer.events()]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))


@asynccontextmanager
async def _faulty(target: int) -> AsyncIterator[tuple[int, int]]:
    """A proxy before the store: its port, and the port on which it takes orders."""
    listen, control = free_port(), free_port()
    proxy = await create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("proxy.py")),
        str(listen),
        str(target),
        str(control),
        stdout=PIPE,
    )
    try:
        assert proxy.stdout is not None
        await proxy.stdout.readline()
        yield listen, control
    finally:
        proxy.kill()
        await proxy.wait()


async def _order(control: int, command: str) -> None:
    reader, writer = await asyncio.open_connection(HOST, control)
    writer.write(command.encode() + b"\n")
    await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_deaf_subscription_is_noticed(tmp_path: Path, reach: Reach) -> None:
    """What the store publishes is lost on the wire without a close.

    The log fills it in, within five seconds.
    """
    async with outside_store(tmp_path / "shared") as store, _faulty(store.port) as (listen, control):
        url = f"redis://{HOST}:{listen}/0"
        async with serving(tmp_path / "data", store=url) as server, server.client("moderator") as staff:
            await staff.call("watch")
            async with server.client() as hearer, server.client() as sayer:
                loop = asyncio.get_running_loop()
                for number in range(reach(2, 100)):
                    await wait_until(server.is_ready, 15)
                    # The node's second connection to the store is its ear, unless it was made anew since.
                    with behind(server) as redis:
                        rows = {row["name"]: row["addr"] for row in redis.client_list()}
                    await _order(control, f"deafen {rows['hearth-ear'].rpartition(':')[2]}")
                    started = loop.time()
                    text = f"i don't want to live any more {words(number)}"
                    said = await sayer.post(text, f"k{number}")
                    await wait_until(lambda: any(event["seq"] == said["seq"] for event in hearer.events()))  # noqa: B023
                    await wait_until(lambda: any(flag["text"] == text for flag in staff.got("flag")), 15)  # noqa: B023
                    assert loop.time() - started < NOTICED + ALLOWANCE


async def test_who_came_and_went_unheard_is_told_once_the_node_hears_again(tmp_path: Path) -> None:
    """Presence and hands are in no log: after a deaf subscription they are read anew."""
    async with outside_store(tmp_path / "shared") as store, _faulty(store.port) as (listen, control):
        through = f"redis://{HOST}:{listen}/0"
        async with (
            serving(tmp_path / "data", store=through) as a,
            serving(tmp_path / "b", store=store.url, key_of=a) as b,
            a.client() as hearer,
            b.client() as goer,
        ):
            await wait_until(lambda: goer.user in _present(hearer))
            with behind(b) as redis:
                ears = {row["addr"] for row in redis.client_list() if row["name"] == "hearth-ear"}
            await _order(control, f"deafen {' '.join(ear.rpartition(':')[2] for ear in ears)}")
            await goer.end()
            async with b.client() as comer:
                await comer.call("hand", room=ROOM, up=True)
                await wait_until(lambda: comer.user in _present(hearer) and goer.user not in _present(hearer))
                await wait_until(lambda: hearer.got("hands")[-1]["queue"] == [comer.user])


def _present(client: Client) -> set[str]:
    """Who is here, as one client was told."""
    here = {member["id"] for member in client.joined["members"]}
    for frame in client.got("presence"):
        here |= {member["id"] for member in frame["joined"]}
        here -= {*frame["left"], *frame["lost"]}
    return here
