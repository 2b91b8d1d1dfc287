"""Rooms over a real store: channels, reads, and noticing that one is deaf."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from chat.node.ports import Unavailable
from chat.store import broker as module
from chat.store.broker import Broker
from chat.store.keys import in_room
from tests.stored import ANN, OPEN, Scene, no_seal
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="session")
async def other(store: str) -> AsyncIterator[Broker]:
    """A second node's."""
    opened = Broker(store, "n2", no_seal)
    await opened.open()
    yield opened
    await opened.close()


class Ear:
    """Hears one channel."""

    def __init__(self, broker: Broker, room: str, kind: str = "all") -> None:
        self.heard: list[tuple[int, bytes]] = []
        self.confirmed = 0
        broker.subscribe(room, kind, lambda *message: self.heard.append(message), self._confirm)

    def _confirm(self) -> None:
        self.confirmed += 1


async def test_nodes_hear_one_another(scene: Scene, broker: Broker, other: Broker) -> None:
    ears = [Ear(each, scene.room) for each in (broker, other)]
    await wait_until(lambda: all(ear.confirmed for ear in ears))
    await scene.post(ANN)
    other.publish(scene.room, "all", b"unlogged")
    for ear in ears:
        await wait_until(lambda ear=ear: len(ear.heard) == 2)  # type: ignore[misc]  # mypy knows no defaults here
        assert ear.heard == [*await broker.read(scene.room, None, 1, 1), (0, b"unlogged")]
    other.unsubscribe(scene.room, "all")
    broker.unsubscribe(scene.room, "all")
    broker.unsubscribe(scene.room, "all")


async def test_channels_are_apart(scene: Scene, broker: Broker) -> None:
    ears = {kind: Ear(broker, scene.room, kind) for kind in ("all", "staff", "mods", "u:ann", "u:ben")}
    await wait_until(lambda: all(ear.confirmed for ear in ears.values()))
    await scene.post(ANN, "k", "dark", severity="high", verdict="held")
    await wait_until(lambda: len(ears["u:ann"].heard) == 2)
    assert {kind: len(ear.heard) for kind, ear in ears.items()} == {
        "all": 0, "staff": 1, "mods": 0, "u:ann": 2, "u:ben": 0,
    }  # fmt: skip


async def test_after_a_lost_subscription_each_channel_is_confirmed_anew(
    scene: Scene, other: Broker, client: Redis
) -> None:
    ear = Ear(other, scene.room)
    await wait_until(lambda: ear.confirmed == 1)
    await client.client_kill_filter(_type="pubsub")
    await wait_until(lambda: ear.confirmed == 2)
    await scene.post(ANN)
    await wait_until(lambda: len(ear.heard) == 1)


async def test_a_node_that_does_not_hear_itself_is_not_healthy_and_listens_anew(
    store: str, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription is gone while its connection stands."""
    monkeypatch.setattr(module, "CANARY_EVERY", 0.05)
    monkeypatch.setattr(module, "DEAF_AFTER", 0.3)
    broker = Broker(store, "n3", no_seal)
    await broker.open()
    await wait_until(lambda: broker.is_healthy)
    noticed: list[bool] = []
    drop = broker._ear.drop

    def noted() -> None:  # it is back within milliseconds: whoever looks now and then may see nothing of it
        drop()
        noticed.append(broker.is_healthy)

    monkeypatch.setattr(broker._ear, "drop", noted)
    broker._ear.tell("UNSUBSCRIBE", "hearth:canary:n3")
    await wait_until(lambda: bool(noticed))
    assert noticed[0] is False
    await wait_until(lambda: broker.is_healthy)
    await broker.close()
    assert not broker.is_healthy
    assert not await broker.is_writable()
    with pytest.raises(Unavailable):
        await broker.rooms()
    assert not await client.hexists("hearth:{people}:nodes", "n3")


async def test_one_rooms_fault_ends_no_others_hearing(scene: Scene, broker: Broker) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    ear = Ear(broker, scene.room, "staff")
    broker.subscribe(scene.room, "all", fail, lambda: None)
    await wait_until(lambda: ear.confirmed == 1)
    broker.publish(scene.room, "all", b"x")
    broker.publish(scene.room, "staff", b"y")
    await wait_until(lambda: ear.heard == [(0, b"y")])


async def test_rooms_are_in_the_order_made(broker: Broker, scene: Scene) -> None:
    names = [f"{scene.room}-{letter}" for letter in "cab"]
    for name in names:
        assert await broker.add_room(name, OPEN, name.upper(), "e")
    assert not await broker.add_room(names[0], {**OPEN, "locked": "1"}, "Other", "f")
    rooms = await broker.rooms()
    assert [room for room in rooms if room in names] == names
    assert rooms[names[0]] == names[0].upper()
    assert (await broker.snapshot(names[0])).room["locked"] == "0"


async def test_a_room_whose_making_broke_off_is_made_whole(
    broker: Broker, client: Redis, scene: Scene
) -> None:
    name = f"{scene.room}-half"
    await client.hset(in_room(name, "room"), "topic", "t")
    await broker.add_room(name, OPEN, "Half", "f")
    assert (await broker.rooms())[name] == "Half"
    assert (await broker.snapshot(name)).room["title"] == OPEN["title"]


@pytest.mark.parametrize("name", ["", "A", "a b", "a}", "{a}", "a:b", "-a", "x" * 65, "ä"])
async def test_a_rooms_name_is_safe_in_a_key(broker: Broker, name: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        await broker.add_room(name, OPEN, "t", "e")


async def test_reads_leave_out_what_is_gone(scene: Scene, broker: Broker, client: Redis) -> None:
    for n in range(5):
        await scene.post(ANN, str(n), str(n))
    await client.hdel(in_room(scene.room, "log"), "2", "3")
    assert [seq for seq, _ in await broker.read(scene.room, None, -3, 99)] == [1, 4, 5]
    assert await broker.read(scene.room, None, 5, 4) == []
    assert await broker.read(scene.room, "nobody", 1, 5) == []
    assert len(await broker.entries(scene.room, [5, 2, 1])) == 2
    assert await broker.entries(scene.room, []) == []


async def test_heads_of_many_logs_in_one_go(scene: Scene, broker: Broker) -> None:
    await scene.post(ANN, "a")
    await scene.post(ANN, "b", verdict="held", risk=False)
    found = await broker.heads({scene.room: ["ann", "ben"], f"{scene.room}-none": []})
    assert found == {scene.room: [1, 1, 0], f"{scene.room}-none": [0]}
    assert (await broker.head(scene.room), await broker.head(scene.room, "ann")) == (1, 1)


async def test_a_snapshot_is_of_one_moment(scene: Scene, broker: Broker) -> None:
    """Posts and pins arrive all the while: no snapshot has a pin above its head."""

    async def say() -> None:
        for n in range(1, 40):
            await scene.post(ANN, str(n))
            await scene.act(ANN, "pin", seq=n, seconds=0, most=99)

    async def look() -> None:
        for _ in range(60):
            snapshot = await broker.snapshot(scene.room)
            assert all(seq <= snapshot.head for seq in snapshot.pins)

    await asyncio.gather(say(), look())
