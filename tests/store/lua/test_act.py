"""Authorised changes, each with its event and its audit entry."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from chat.protocol.wire import pack
from chat.store.broker import Broker, text
from chat.store.keys import in_room
from chat.store.review import Review
from tests.stored import ADA, ANN, BEN, CAT, FAY, HELD, MIA, RANK, Scene, Who

pytestmark = pytest.mark.asyncio


async def test_after_a_mute_nothing_gets_a_seq(scene: Scene) -> None:
    """A mute and many posts in one turn: whatever is answered after it is refused."""
    posts = [scene.post(ANN, f"k{n}") for n in range(10)]
    mute = scene.act(
        MIA, "mute", least=2, user="ann", seconds=0, event=pack({"type": "muted", "room": scene.room})
    )
    more = [scene.post(ANN, f"m{n}") for n in range(10)]
    replies = await asyncio.gather(*posts, mute, *more)
    assert all("answer" in reply for reply in replies[:10])
    assert {reply["code"] for reply in replies[11:]} == {"muted"}
    assert len(await scene.texts()) == 10
    (event,) = await scene.log("ann")
    assert (event["type"], event["until"]) == ("muted", 0)


SANCTIONS = ["mute", "unmute", "remove", "readmit", "ban", "unban"]


@pytest.mark.parametrize("op", SANCTIONS)
@pytest.mark.parametrize("actor", [FAY, MIA, ADA])
async def test_sanctions_need_a_role_above_the_others(scene: Scene, op: str, actor: Who) -> None:
    await scene.enter(ANN)
    for role in RANK:
        them = Who(f"x-{role}", role)
        await scene.enter(them)
        reply = await scene.act(actor, op, least=2, user=them.id, seconds=60, reason="r")
        may = RANK[actor.role] > RANK[role]
        assert reply.get("code") == (None if may else "forbidden")
    assert (await scene.act(actor, op, least=2, user=actor.id, seconds=0))["code"] == "forbidden"
    assert (await scene.act(actor, op, least=2, user="zoe", seconds=0, known=True))["code"] == "not_found"
    assert (await scene.act(ANN, op, least=2, user="x-participant", seconds=0))["code"] == "forbidden"


async def test_a_revoked_facilitator_acts_no_more_at_once(scene: Scene) -> None:
    await scene.act(ADA, "grant", least=4, user="fay", grant="participant")
    assert (await scene.act(FAY, "mute", least=2, user="ann", seconds=0))["code"] == "forbidden"
    await scene.act(ADA, "grant", least=4, user="fay", grant=None)
    assert (await scene.act(FAY, "mute", least=2, user="ann", seconds=0))["code"] == "not_found"


async def test_a_change_has_a_receipt_too(scene: Scene) -> None:
    await scene.post(ANN)
    first = await scene.act(FAY, "warn", seq=1, warning="loss", key="w")
    assert await scene.act(FAY, "warn", seq=1, warning="other", key="w") == first
    assert [entry["type"] for entry in await scene.log()] == ["message", "warned"]


async def test_a_retracted_text_is_nowhere(scene: Scene, client: Redis) -> None:
    await scene.post(ANN, "a", "secret-one")
    await scene.post(ANN, "b", "secret-two", op="edit", target=1)
    await scene.act(FAY, "pin", least=2, seq=1, seconds=0, most=3)
    await scene.act(BEN, "react", seq=1, reaction="+", on=True, burst=9, interval=0)
    assert (await scene.act(BEN, "retract", seq=1, text="t"))["code"] == "forbidden"
    await scene.act(FAY, "retract", seq=1, text="sorry", reason="r")
    assert "secret" not in await everything(client, scene.room)
    log = await scene.log()
    assert log[0]["retracted"] is True
    assert [entry["type"] for entry in log[-2:]] == ["unpinned", "retracted"]
    assert log[-1]["by"] == "staff"
    (told,) = await scene.log("ann")
    assert (told["type"], told["seq"], told["text"]) == ("held_decided", 1, "sorry")
    assert (await scene.act(FAY, "retract", seq=1, text="t"))["code"] == "not_found"


async def everything(client: Redis, room: str) -> str:
    """All values under a room's keys, as text."""
    found = []
    async for key in client.scan_iter(match=f"hearth:{{{room}}}:*"):
        kind = text(await client.type(key))
        found.append(str(await READS[kind](client, key)))
    return "".join(found)


READS: dict[str, Any] = {
    "hash": lambda client, key: client.hgetall(key),
    "set": lambda client, key: client.smembers(key),
    "zset": lambda client, key: client.zrange(key, 0, -1),
    "list": lambda client, key: client.lrange(key, 0, -1),
    "string": lambda client, key: client.get(key),
}


async def test_ones_own_held_text_is_taken_back_for_good(scene: Scene, client: Redis, review: Review) -> None:
    held = await scene.post(ANN, "k", "secret-one", **HELD)
    assert (await scene.act(BEN, "withdraw", held="k", text="t"))["code"] == "not_found"
    await scene.act(ANN, "withdraw", held="k", text="taken back")
    assert (await scene.act(ANN, "withdraw", held="k", text="t"))["code"] == "not_found"
    assert (await scene.decide(MIA, held["answer"]["flag"], "approve"))["code"] == "conflict"
    assert "secret" not in await everything(client, scene.room)
    assert [entry["type"] for entry in await scene.log("ann")] == ["held", "held_decided"]
    assert await review.open_flags([scene.room]) == []
    assert (await scene.post(ANN, "k"))["decision"] == {"action": "withdrawn"}


async def test_a_room_has_so_many_pins_and_no_more(scene: Scene, client: Redis) -> None:
    for key in "abc":
        await scene.post(ANN, key)
    pin: dict[str, Any] = {"least": 2, "seconds": 0, "most": 2}
    assert "seq" in await scene.act(FAY, "pin", seq=1, **pin)
    assert "seq" in await scene.act(FAY, "pin", seq=2, **pin)
    assert (await scene.act(FAY, "pin", seq=3, **pin))["code"] == "conflict"
    assert "seq" in await scene.act(FAY, "pin", seq=2, **pin)
    await client.hset(in_room(scene.room, "pins"), "1", 1)
    assert "seq" in await scene.act(FAY, "pin", seq=3, **pin), "a pin that ended makes room"
    assert "seq" in await scene.act(FAY, "unpin", least=2, seq=3)
    assert (await scene.act(FAY, "unpin", least=2, seq=3))["code"] == "not_found"


async def test_pins_end_by_themselves_once(scene: Scene, client: Redis) -> None:
    """In the order of the messages, told as any unpinning; asked again in between, it gives the time left."""
    for key in "abcd":
        await scene.post(ANN, key)
    assert "wait" not in await scene.act(ADA, "end_pins", least=4)
    for seq, seconds in ((4, 60), (3, 60), (2, 3_600), (1, 0)):
        await scene.act(FAY, "pin", least=2, seq=seq, seconds=seconds, most=9)
    assert 0 < (await scene.act(ADA, "end_pins", least=4))["wait"] <= 60_000
    over = await scene.now() - 1
    await client.hset(in_room(scene.room, "pins"), mapping={"4": over, "3": over})
    both = await asyncio.gather(*(scene.act(ADA, "end_pins", least=4) for _ in range(2)))
    assert all(60_000 < one["wait"] <= 3_600_000 for one in both)
    ended = [entry["target"] for entry in await scene.log() if entry["type"] == "unpinned"]
    assert ended == [3, 4]
    assert sorted((await scene.broker.snapshot(scene.room)).pins) == [1, 2]


async def test_each_counts_once_in_a_reaction(scene: Scene) -> None:
    await scene.post(ANN)
    react: dict[str, Any] = {"seq": 1, "reaction": "+", "burst": 9, "interval": 0}
    for who, on, count in (
        (BEN, True, 1),
        (BEN, True, None),
        (CAT, True, 2),
        (BEN, False, 1),
        (CAT, False, 0),
    ):
        done = await scene.act(who, "react", on=on, **react)
        if count is None:
            assert done["seq"] == -1
        else:
            assert (await scene.log())[done["seq"] - 1]["count"] == count
    assert "reactions" not in (await scene.log())[0]


async def test_hands_stand_in_order_and_the_first_speaks(scene: Scene, broker: Broker) -> None:
    await scene.set(turns="1")
    await scene.act(ANN, "hand", up=True)
    await scene.act(BEN, "hand", up=True)
    await scene.act(ANN, "hand", up=True)
    assert (await broker.snapshot(scene.room)).hands == ["ann", "ben"]
    assert (await scene.post(BEN))["code"] == "not_your_turn"
    assert "answer" in await scene.post(ANN)
    await scene.act(ANN, "hand", up=False)
    assert "answer" in await scene.post(BEN)


async def test_a_room_changes_in_log_and_projection_at_once(scene: Scene, broker: Broker) -> None:
    await scene.act(
        FAY,
        "set_room",
        least=2,
        changes={"locked": True, "slow_mode": 5},
        stored={"locked": "1", "slow_mode": "5"},
    )
    snapshot = await broker.snapshot(scene.room)
    assert (snapshot.room["locked"], snapshot.room["slow_mode"], snapshot.head) == ("1", "5", 1)
    (event,) = await scene.log()
    assert (event["type"], event["locked"], event["slow_mode"]) == ("room_changed", True, 5)
