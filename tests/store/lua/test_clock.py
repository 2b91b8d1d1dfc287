"""What falls due: set with the flag, taken once, gone when it is over."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from chat.node.ports import Args
from chat.protocol.wire import pack
from chat.store.keys import in_room
from chat.store.review import Review
from tests.stored import ANN, BEN, FAY, MAX, MIA, Scene, first, flag_of

pytestmark = pytest.mark.asyncio


async def clocks(scene: Scene, client: Redis) -> dict[str, float]:
    """The due list."""
    rows: list[Any] = await client.zrange(in_room(scene.room, "clocks"), 0, -1, withscores=True)
    return {str(name, "utf-8"): float(at) for name, at in rows}


async def look(scene: Scene) -> Args:
    return await scene.broker.clock(scene.room, {"op": "look", "most": 50})


async def call(scene: Scene, flag: dict[str, Any], *, is_opening: bool = False, **more: Any) -> Args:
    """One call as a node makes it."""
    take = {
        "step": 2,
        "next_at": 9e15,
        "groups": ["moderators"],
        "to": ["mia"],
        "cover": [],
        **more.pop("take", {}),
    }
    args = {"op": "call", "flag": flag["flag"], "rev": flag["rev"], "is_opening": is_opening, "take": take}
    return await scene.broker.clock(scene.room, {**args, **more})


async def crisis(scene: Scene, review: Review, **more: Any) -> dict[str, Any]:
    await scene.post(ANN, severity="high", wait=-1, **more)
    return await flag_of(scene, review, await first(scene))


async def test_a_crisis_flag_comes_with_its_clock(scene: Scene, client: Redis, review: Review) -> None:
    """Also where the text was refused; one below moderate has none."""
    await scene.post(BEN, "b", severity="low")
    assert await clocks(scene, client) == {}
    await client.hset(in_room(scene.room, "room"), "locked", "1")
    refused = await scene.post(ANN, severity="moderate", wait=60_000)
    assert refused["code"] == "room_locked"
    flag = await flag_of(scene, review, refused["flag"])
    assert (flag["step"], flag["next_at"] - flag["opened_at"]) == (1, 60_000)
    assert await clocks(scene, client) == {
        f"open:{flag['flag']}": flag["opened_at"],
        f"flag:{flag['flag']}": flag["next_at"],
    }


async def test_of_many_who_take_a_call_one_does(scene: Scene, client: Redis, review: Review) -> None:
    flag = await crisis(scene, review)
    opened = await asyncio.gather(*(call(scene, flag, is_opening=True) for _ in range(5)))
    assert sorted(one["is_taken"] for one in opened) == [False] * 4 + [True]
    taken = await asyncio.gather(*(call(scene, flag) for _ in range(5)))
    assert sorted(one["is_taken"] for one in taken) == [False] * 4 + [True]
    kept = await flag_of(scene, review, flag["flag"])
    assert (kept["step"], kept["next_at"]) == (2, 9e15)
    assert [entry["step"] for entry in await review.audit(scene.room, 0, 9)] == [1, 1]
    assert list(await clocks(scene, client)) == [f"flag:{flag['flag']}"]


async def test_a_call_is_one_act(scene: Scene, client: Redis, review: Review) -> None:
    """The flag's next time, the notice, the page, the author's words and the audit entry, all or none."""
    flag = await crisis(scene, review, key="k")
    words = pack({"type": "support", "room": scene.room, "key": "", "text": "honest"})
    stale = {**flag, "rev": flag["rev"] + 1}
    assert not (await call(scene, stale, support=words, targets=["pager"]))["is_taken"]
    assert len(await scene.log("ann")) == 1
    assert (await call(scene, flag, support=words, targets=["pager"], on_call=["otto"], tells="late"))[
        "is_taken"
    ]
    told = (await scene.log("ann"))[-1]
    assert (told["key"], told["text"]) == ("k", "honest")
    [page] = await review.pages([scene.room])
    assert (page["id"], page["on_call"], page["tries"]) == (f"{flag['flag']}/1/pager", ["otto"], 0)
    assert f"page:{page['id']}" in await clocks(scene, client)
    [entry] = await review.audit(scene.room, 0, 9)
    assert (entry["action"], entry["by"]["id"], entry["told"], entry["paged"]) == (
        "call",
        "system",
        "late",
        1,
    )


async def test_a_call_before_its_time_is_none(scene: Scene, review: Review) -> None:
    await scene.post(ANN, severity="high", wait=60_000)
    flag = await flag_of(scene, review, await first(scene))
    assert not (await call(scene, flag))["is_taken"]


@pytest.mark.parametrize("way", ["attend", "decide"])
async def test_whoever_comes_stops_it(scene: Scene, client: Redis, review: Review, way: str) -> None:
    flag = await crisis(scene, review)
    if way == "attend":
        await scene.review(FAY, "attend", flag["flag"], least=2)
    else:
        await scene.decide(MIA, flag["flag"], "dismiss")
    assert await clocks(scene, client) == {}
    kept = await flag_of(scene, review, flag["flag"])
    assert "next_at" not in kept
    assert not (await call(scene, kept))["is_taken"]


async def test_a_flag_that_grows_graver_begins_anew(scene: Scene, client: Redis, review: Review) -> None:
    await client.hset(in_room(scene.room, "room"), "locked", "1")
    flag = (await scene.post(ANN, severity="moderate", wait=60_000))["flag"]
    await client.zrem(in_room(scene.room, "clocks"), f"open:{flag}")
    await scene.post(ANN, text="worse", severity="imminent", wait=1_000)
    kept = await flag_of(scene, review, flag)
    assert (kept["clock"], kept["step"]) == ("imminent", 1)
    assert set(await clocks(scene, client)) == {f"open:{flag}", f"flag:{flag}"}


async def test_what_reached_nobody_is_told_once_and_stays_listed_until_somebody_is_reached(
    scene: Scene, client: Redis, review: Review
) -> None:
    """Whoever watches may be nobody whom the call may reach: each renewal calls again, and tells nobody again."""
    words = pack({"type": "support", "room": scene.room, "key": "", "text": "nobody"})
    nobody: dict[str, Any] = {"take": {"step": 1, "to": []}, "tells": "nobody", "support": words}
    flag = await crisis(scene, review, key="k")
    watch = {"op": "watch", "node": "n1", "lease": 60_000, "watchers": [FAY.member]}
    for _ in range(3):
        await call(scene, flag, is_opening=True, **nobody)
        assert f"open:{flag['flag']}" not in await clocks(scene, client)
        await scene.broker.presence(scene.room, watch)
        assert f"open:{flag['flag']}" in await clocks(scene, client)
    assert [event["text"] for event in await scene.log("ann")] == ["care", "nobody"]
    assert len(await review.audit(scene.room, 0, 9)) == 1
    assert (await call(scene, flag, take={"to": []}))["is_taken"]
    assert await client.smembers(in_room(scene.room, "unheard"))
    assert (await call(scene, flag, is_opening=True))["is_taken"]
    await scene.broker.presence(scene.room, watch)
    assert f"open:{flag['flag']}" not in await clocks(scene, client)


async def test_who_can_be_reached(scene: Scene) -> None:
    """Those who are in the room, those who watch, those who said something; nobody whose right was taken."""
    await scene.enter(FAY)
    await scene.enter(ANN)
    watch = {"op": "watch", "node": "n1", "lease": 60_000, "watchers": [MIA.member]}
    await scene.broker.presence(scene.room, watch)
    await scene.act(MAX, "duty", least=2, state="on_call")
    staff = {
        one["id"]: (one["role"], one.get("duty"), one["is_here"]) for one in (await look(scene))["staff"]
    }
    assert staff == {
        "fay": ("facilitator", None, True),
        "mia": ("moderator", None, True),
        "max": ("moderator", "on_call", False),
    }
    await scene.act(MAX, "grant", user="mia", grant=None)
    await scene.broker.presence(scene.room, {**watch, "node": "n2", "lease": -1, "watchers": [MAX.member]})
    here = {one["id"]: one["is_here"] for one in (await look(scene))["staff"]}
    assert here == {"fay": True, "max": False}


async def test_a_reply_that_is_due(scene: Scene, client: Redis, review: Review) -> None:
    """The entry comes with it; taken once, and an answer leaves no trace."""
    await scene.post(ANN, "k1", reply_within=-1)
    await scene.post(ANN, "k2", reply_within=-1)
    due = (await look(scene))["due"]
    assert [(item["kind"], item["id"], item["entry"]["from"]["id"]) for item in due] == [
        ("reply", "1", "ann"),
        ("reply", "2", "ann"),
    ]
    args = {"op": "reply", "author": {"id": "ann", "role": "participant"}, "staff": ["fay"]}
    await scene.broker.clock(scene.room, {**args, "seq": 1, "answered": True})
    for taken in (True, False):
        reply = await scene.broker.clock(scene.room, {**args, "seq": 2, "answered": False})
        assert reply["is_taken"] is taken
    assert [entry["seq"] for entry in await review.audit(scene.room, 0, 9)] == [2]
    assert await clocks(scene, client) == {}


async def test_a_follow_up_is_asked_for_until_it_is_done(scene: Scene, client: Redis, review: Review) -> None:
    flag = await crisis(scene, review)
    await scene.decide(MIA, flag["flag"], "dismiss", follow_up=-1)
    [item] = (await look(scene))["due"]
    assert (item["kind"], item["task"]["owner"]["id"], item["task"]["user"]["id"]) == ("task", "mia", "ann")
    task = {"op": "task", "flag": flag["flag"], "to": ["mia"], "again": 60_000}
    assert [(await scene.broker.clock(scene.room, task))["is_taken"] for _ in range(2)] == [True, False]
    assert len(await review.follow_ups([scene.room])) == 1
    assert (await scene.act(ANN, "follow_up", flag=flag["flag"]))["code"] == "not_found"
    assert "code" not in await scene.act(FAY, "follow_up", least=2, flag=flag["flag"])
    assert await review.follow_ups([scene.room]) == []
    assert await clocks(scene, client) == {}


async def test_a_page_is_one_nodes_until_its_lease_ends(scene: Scene, client: Redis, review: Review) -> None:
    """It is sent, tried again, or given up; what is given up stays to be seen and can be tried anew."""
    flag = await crisis(scene, review)
    await call(scene, flag, targets=["pager"])
    [item] = [one for one in (await look(scene))["due"] if one["kind"] == "page"]
    lease = {"op": "lease", "page": item["id"], "at": item["at"], "lease": 60_000}
    leases = await asyncio.gather(*(scene.broker.clock(scene.room, dict(lease)) for _ in range(4)))
    assert sorted(one["is_taken"] for one in leases) == [False] * 3 + [True]
    assert not [one for one in (await look(scene))["due"] if one["kind"] == "page"]
    failed = {"op": "failed", "page": item["id"], "why": "timeout", "to": ["ada"]}
    await scene.broker.clock(scene.room, {**failed, "wait": -1})
    [again] = [one for one in (await look(scene))["due"] if one["kind"] == "page"]
    assert (again["page"]["tries"], again["page"]["why"]) == (1, "timeout")
    await scene.broker.clock(scene.room, failed)
    [page] = await review.pages([scene.room])
    assert page["dead_at"] > 0
    assert f"page:{page['id']}" not in await clocks(scene, client)
    assert (await scene.broker.clock(scene.room, {"op": "again", "page": page["id"]}))["is_taken"]
    await scene.broker.clock(scene.room, {"op": "sent", "page": page["id"]})
    assert await review.pages([scene.room]) == []
    acts = [entry["action"] for entry in await review.audit(scene.room, 0, 9)]
    assert acts == ["call", "page_failed", "page_again", "page"]


async def test_what_is_about_nothing_any_more_is_forgotten(scene: Scene, client: Redis) -> None:
    for name in ("flag:f_gone", "open:f_gone", "task:f_gone", "page:f_gone/1/pager"):
        await client.zadd(in_room(scene.room, "clocks"), {name: 1})
    assert (await look(scene))["due"] == []
    assert await clocks(scene, client) == {}
