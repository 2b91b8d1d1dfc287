"""Who is in a room, once a person over all their connections and nodes."""

import asyncio
from typing import Any

import msgpack
import pytest
from redis.asyncio import Redis

from chat.store.broker import Broker
from chat.store.keys import in_room
from tests.stored import ANN, BEN, FAY, MIA, Scene, Who
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio


async def test_a_person_is_present_once_over_all_nodes(scene: Scene, broker: Broker) -> None:
    assert (await scene.enter(ANN, "n1"))["count"] == 1
    assert (await scene.enter(ANN, "n2"))["count"] == 1
    assert (await scene.enter(BEN, "n2"))["count"] == 2
    leave = {"op": "leave", "lost": False}
    assert (await broker.presence(scene.room, {**leave, "user": "ann", "node": "n1"}))["count"] == 2
    assert (await broker.presence(scene.room, {**leave, "user": "ann", "node": "n2"}))["count"] == 1
    assert [who["id"] for who in (await broker.snapshot(scene.room)).here] == ["ben"]


async def test_whoever_comes_in_another_role_is_told_anew(scene: Scene, broker: Broker) -> None:
    """The others see a newer grant, and a newer name, of somebody who is here already; the same again is no news."""
    heard: list[dict[str, Any]] = []
    up = asyncio.Event()

    def hear(_: int, payload: bytes) -> None:
        heard.append(msgpack.unpackb(payload))

    broker.subscribe(scene.room, "all", hear, up.set)
    await up.wait()
    for who in (ANN, ANN, Who("ann", "facilitator")):
        await scene.enter(who)
    await wait_until(lambda: len(heard) == 2)
    assert [event["joined"][0]["role"] for event in heard] == ["participant", "facilitator"]
    assert {event["count"] for event in heard} == {1}
    broker.unsubscribe(scene.room, "all")


async def test_staff_learn_who_of_them_can_be_reached_and_only_of_changes(
    scene: Scene, broker: Broker
) -> None:
    heard: list[list[tuple[str, Any, bool]]] = []
    up = asyncio.Event()

    def hear(_: int, payload: bytes) -> None:
        event = msgpack.unpackb(payload)
        assert (event["type"], event["room"]) == ("reachable", scene.room)
        heard.append([(one["id"], one.get("duty"), one["is_here"]) for one in event["staff"]])

    broker.subscribe(scene.room, "staff", hear, up.set)
    await up.wait()
    watch = {"op": "watch", "node": "n1", "lease": 60_000, "watchers": [MIA.member]}
    await scene.enter(ANN)
    for _ in range(2):
        await scene.enter(FAY)
        await broker.presence(scene.room, watch)
    await scene.act(MIA, "duty", state="break")
    await broker.presence(scene.room, {"op": "leave", "user": "fay", "node": "n1", "lost": False})
    await broker.presence(scene.room, {**watch, "lease": 5, "watchers": [MIA.member, FAY.member]})

    async def is_swept() -> bool:
        await broker.presence(scene.room, {"op": "renew", "node": "n2", "lease": 60_000, "users": []})
        return len(heard) >= 6

    await wait_until(is_swept)
    assert [sorted(staff, key=str) for staff in heard] == [
        [("fay", None, True)],
        [("fay", None, True), ("mia", None, True)],
        [("fay", None, True), ("mia", "break", True)],
        [("mia", "break", True)],
        [("fay", None, True), ("mia", "break", True)],
        [("mia", "break", False)],
    ]
    broker.unsubscribe(scene.room, "staff")


async def test_a_node_that_falls_silent_loses_its_people(scene: Scene, broker: Broker) -> None:
    await scene.enter(ANN, "dead", lease=-1)
    await scene.enter(BEN, "dead", lease=-1)
    await scene.enter(BEN, "live")
    reply = await broker.presence(
        scene.room, {"op": "renew", "node": "live", "lease": 60_000, "users": ["ben"]}
    )
    assert reply["missing"] == []
    assert [who["id"] for who in (await broker.snapshot(scene.room)).here] == ["ben"]
    back = await broker.presence(
        scene.room, {"op": "renew", "node": "dead", "lease": 60_000, "users": ["ann", "ben"]}
    )
    assert sorted(back["missing"]) == ["ann", "ben"]


async def test_a_nodes_word_replaces_what_it_said_before(scene: Scene, broker: Broker) -> None:
    await scene.enter(ANN, "n1")
    await scene.enter(BEN, "n1")
    await broker.presence(scene.room, {"op": "renew", "node": "n1", "lease": 60_000, "users": ["ben"]})
    assert [who["id"] for who in (await broker.snapshot(scene.room)).here] == ["ben"]


async def test_a_full_room_takes_staff_and_those_who_are_in_it(scene: Scene) -> None:
    await scene.enter(ANN, capacity=1)
    assert (await scene.enter(BEN, capacity=1))["code"] == "room_full"
    assert "code" not in await scene.enter(ANN, "n2", capacity=1)
    assert "code" not in await scene.enter(FAY, capacity=1)
    assert "code" not in await scene.enter(BEN, capacity=0)


async def test_the_silent_make_room(scene: Scene) -> None:
    await scene.enter(ANN, "dead", lease=-1)
    assert (await scene.enter(BEN, "live", capacity=1))["count"] == 1


async def test_the_agreement_is_asked_for_once_a_version(scene: Scene) -> None:
    assert (await scene.enter(ANN, version=1))["code"] == "agreement_required"
    assert (await scene.enter(ANN, version=2, agree=1))["code"] == "agreement_required"
    assert "code" not in await scene.enter(ANN, version=2, agree=2)
    assert "code" not in await scene.enter(ANN, version=2)
    assert (await scene.enter(ANN, version=3))["code"] == "agreement_required"


async def test_who_may_not_come_in(scene: Scene, client: Redis) -> None:
    for field in ("banned", "removed"):
        await client.hset(in_room(scene.room, f"person:{field}"), field, 0)
        assert (await scene.enter(Who(field)))["code"] == field
    await client.hset(in_room(scene.room, "person:out"), mapping={"role": "", "role_at": "5"})
    assert (await scene.enter(Who("out")))["code"] == "not_found"
    await scene.set(closed="1")
    assert (await scene.enter(ANN))["code"] == "room_closed"
    assert "code" not in await scene.enter(FAY)
    nowhere = Scene(scene.broker, scene.client, f"{scene.room}-none")
    assert (await nowhere.enter(ANN))["code"] == "not_found"


async def test_who_leaves_lowers_their_hand(scene: Scene, broker: Broker) -> None:
    await scene.enter(ANN)
    await scene.act(ANN, "hand", up=True)
    await broker.presence(scene.room, {"op": "leave", "user": "ann", "node": "n1", "lost": True})
    assert (await broker.snapshot(scene.room)).hands == []


async def test_the_pace_that_staff_set_meanwhile_stays(scene: Scene, client: Redis) -> None:
    """The room was slowed down while nobody of staff was there; only what was set by that is taken back."""
    staffing = {"grace": 1_000, "back": b""}
    for now, kept in (("20", b"0"), ("60", b"60")):
        await scene.set(unstaffed="1", thinned="1", slow_before="0", slow_since="20", slow_mode=now)
        await scene.enter(FAY, staffing=staffing)
        assert await client.hget(in_room(scene.room, "room"), "slow_mode") == kept
