"""One judged text, to wherever its verdict sends it."""

import asyncio
import time
from typing import Any

import msgpack
import pytest
from redis.asyncio import Redis

from chat.store.broker import Broker
from chat.store.keys import in_room
from chat.store.review import Review
from tests.stored import ADA, ANN, BEN, FAY, HELD, MAX, MIA, Scene, Who, flag_of, only_flag
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio


# ── receipts ─────────────────────────────────────────────────────────────────────────────


async def test_a_key_is_answered_once_and_for_all(scene: Scene) -> None:
    first = await scene.post(ANN, "k", "one")
    assert first["answer"]["seq"] == 1
    again = await scene.post(ANN, "k", "another text", verdict="held")
    assert again["answer"] == first["answer"]
    assert (await scene.post(BEN, "k", "two"))["answer"]["seq"] == 2
    assert await scene.texts() == ["one", "two"]


async def test_a_key_sent_at_the_same_moment_is_stored_once(scene: Scene) -> None:
    replies = await asyncio.gather(*(scene.post(ANN, "k", "one") for _ in range(20)))
    assert {reply["answer"]["seq"] for reply in replies} == {1}
    assert await scene.texts() == ["one"]


async def test_a_refusal_leaves_no_receipt(scene: Scene) -> None:
    await scene.set(locked="1")
    assert (await scene.post(ANN))["code"] == "room_locked"
    await scene.set(locked="0")
    assert (await scene.post(ANN))["answer"]["seq"] == 1


async def test_a_receipt_is_kept_for_a_day(scene: Scene, client: Redis) -> None:
    await scene.post(ANN, "k")
    left = await client.ttl(in_room(scene.room, "receipt:ann:k"))
    assert 86_000 < left <= 86_400


async def test_without_a_key_each_is_new(scene: Scene) -> None:
    for seq in (1, 2):
        assert (await scene.post(ANN, None))["answer"]["seq"] == seq


# ── refusals ─────────────────────────────────────────────────────────────────────────────

STANDING: list[tuple[str, dict[str, str]]] = [
    ("banned", {"banned": "0"}),
    ("not_found", {"role": "", "role_at": "9"}),
    ("removed", {"removed": "0"}),
    ("muted", {"muted": "0"}),
]
ROOM: list[tuple[str, dict[str, str]]] = [
    ("room_closed", {"closed": "1"}),
    ("room_locked", {"locked": "1"}),
    ("not_your_turn", {"turns": "1"}),
]


async def test_refusals_come_in_their_order(scene: Scene, client: Redis) -> None:
    """All reasons at once, then one less each time: the strongest is told."""
    person = in_room(scene.room, "person:ann")
    await scene.post(ANN, "first")
    for _, fields in STANDING:
        await client.hset(person, mapping=dict[Any, Any](fields))
    await scene.set(slow_mode="3600")
    for _, fields in ROOM:
        await scene.set(**fields)
    tight: dict[str, Any] = {"burst": 1, "interval": 3_600_000, "refuse": "too_long"}
    for code, fields in STANDING:
        assert (await scene.post(ANN, **tight))["code"] == code
        await client.hdel(person, *fields)
    assert (await scene.post(ANN, **tight))["code"] == "too_long"
    del tight["refuse"]
    for code, fields in ROOM:
        assert (await scene.post(ANN, **tight))["code"] == code
        await scene.set(**dict.fromkeys(fields, "0"))
    slow = await scene.post(ANN, **tight)
    assert slow["code"] == "slow_mode"
    assert 0 < slow["wait"] <= 3_600_000
    await scene.set(slow_mode="0")
    assert (await scene.post(ANN, **tight))["answer"]["seq"] == 2
    assert (await scene.post(ANN, "k2", **tight))["code"] == "rate_limited"


@pytest.mark.parametrize("field", ["muted", "removed", "banned"])
async def test_a_sanction_ends_by_the_stores_clock(scene: Scene, client: Redis, field: str) -> None:
    person = in_room(scene.room, "person:ann")
    await client.hset(person, field, await scene.now() + 60_000)
    refused = await scene.post(ANN)
    assert refused["code"] == field
    assert 0 < refused["wait"] <= 60_000
    await client.hset(person, field, 0)
    assert "wait" not in await scene.post(ANN)
    await client.hset(person, field, await scene.now() - 1)
    assert (await scene.post(ANN))["answer"]["seq"] == 1


@pytest.mark.parametrize(("code", "fields"), ROOM[1:])
async def test_staff_are_not_bound_by_lock_and_turns(scene: Scene, code: str, fields: dict[str, str]) -> None:
    await scene.set(**fields, slow_mode="60")
    assert (await scene.post(ANN))["code"] == code
    for key in ("a", "b"):
        assert "answer" in await scene.post(FAY, key)


async def test_the_newest_grant_wins(scene: Scene) -> None:
    await scene.act(ADA, "grant", user="ann", grant="facilitator")
    await scene.set(locked="1")
    assert "answer" in await scene.post(ANN)
    await scene.act(ADA, "grant", user="ann", grant=None)
    assert (await scene.post(ANN, "k2"))["code"] == "not_found"
    later = Who("ann", issued=await scene.now() + 1_000)
    assert (await scene.post(later, "k2"))["code"] == "room_locked"


async def test_the_rate_is_a_burst_and_then_one_an_interval(scene: Scene, client: Redis) -> None:
    for key in range(5):
        assert "answer" in await scene.post(ANN, f"k{key}", interval=60_000)
    refused = [await scene.post(ANN, "k5", interval=60_000) for _ in range(3)]
    assert {reply["code"] for reply in refused} == {"rate_limited"}
    assert all(59_000 < reply["wait"] <= 60_000 for reply in refused), "a refusal costs no rate"
    # A minute later, by moving the schedule: one more, and no second.
    person = in_room(scene.room, "person:ann")
    await client.hincrby(person, "tat", -60_000)
    assert "answer" in await scene.post(ANN, "k5", interval=60_000)
    assert (await scene.post(ANN, "k6", interval=60_000))["code"] == "rate_limited"
    assert "answer" in await scene.post(BEN, "k0", interval=60_000)


async def test_of_many_at_once_no_more_than_the_burst_pass(scene: Scene) -> None:
    replies = await asyncio.gather(*(scene.post(ANN, f"k{n}", interval=60_000) for n in range(40)))
    assert sum("answer" in reply for reply in replies) == 5


async def test_slow_mode_counts_posts_alone(scene: Scene) -> None:
    await scene.enter(FAY)
    await scene.set(slow_mode="60")
    assert "answer" in await scene.post(ANN, "w", op="whisper", target="fay")
    assert "answer" in await scene.post(ANN, "p")
    assert "answer" in await scene.post(ANN, "e", "changed", op="edit", target=1)
    assert (await scene.post(ANN, "q"))["code"] == "slow_mode"


async def test_help_passes_where_nothing_else_does(scene: Scene, client: Redis, review: Review) -> None:
    await scene.set(locked="1", closed="1", turns="1")
    await client.hset(in_room(scene.room, "person:ann"), mapping={"muted": "0", "removed": "0"})
    reply = await scene.post(ANN, "h", "please", op="help", verdict="none", severity="moderate")
    assert "answer" in reply
    flag = await only_flag(scene, review)
    assert (flag["state"], flag["severity"], flag["verdict"]) == ("open", "moderate", "none")
    assert await scene.log() == []
    again = await scene.post(ANN, "h2", op="help", severity="moderate", burst=1, interval=60_000)
    assert "answer" in again
    assert (await scene.post(ANN, "h3", op="help", burst=1, interval=60_000))["code"] == "rate_limited"


async def test_a_reply_needs_what_it_answers(scene: Scene) -> None:
    assert (await scene.post(ANN, reply_to=1))["code"] == "not_found"
    await scene.post(ANN, "a")
    assert (await scene.post(ANN, "b", reply_to=1))["answer"]["seq"] == 2


# ── flags ────────────────────────────────────────────────────────────────────────────────


async def test_a_crisis_is_flagged_with_its_message(scene: Scene, review: Review) -> None:
    reply = await scene.post(ANN, "k", "dark", severity="high")
    flag = await only_flag(scene, review)
    assert (flag["seq"], flag["verdict"], flag["state"]) == (reply["answer"]["seq"], "delivered", "open")
    assert flag["due_at"] == flag["opened_at"] + 60_000
    assert [entry["type"] for entry in await scene.log("ann")] == ["support"]


async def test_a_refused_crisis_is_flagged_once_and_its_author_cared_for_once(
    scene: Scene, review: Review
) -> None:
    await scene.set(locked="1")
    tries = [await scene.post(ANN, "k", "dark", severity="high") for _ in range(3)]
    for refused in tries:
        assert (refused["code"], refused["support"]) == ("room_locked", True)
    flag = await only_flag(scene, review)
    assert (flag["flag"], flag["verdict"], flag["rev"]) == (tries[0]["flag"], "refused", 1)
    await scene.set(locked="0")
    reply = await scene.post(ANN, "k", "dark", severity="high")
    flag = await only_flag(scene, review)
    assert (flag["verdict"], flag["seq"]) == ("delivered", reply["answer"]["seq"])
    assert [entry["type"] for entry in await scene.log("ann")] == ["support"]


async def test_a_refused_text_that_is_then_held_keeps_its_flag(scene: Scene, review: Review) -> None:
    await scene.set(locked="1")
    refused = await scene.post(ANN, "k", "dark", severity="high")
    await scene.set(locked="0")
    held = await scene.post(ANN, "k", "dark", severity="high", verdict="held")
    flag = await only_flag(scene, review)
    assert flag["flag"] == refused["flag"] == held["answer"]["flag"]
    (event,) = [entry for entry in await scene.log("ann") if entry["type"] == "held"]
    assert event["flag"] == flag["flag"], "what the author is told names the same flag"
    assert "seq" in await scene.decide(MIA, flag["flag"], "approve")


async def test_a_key_whose_text_changed_after_a_refusal_shows_staff_what_is_said(
    scene: Scene, review: Review
) -> None:
    await scene.set(locked="1")
    await scene.post(ANN, "k", "dark", severity="moderate")
    await scene.post(ANN, "k", "darkest", severity="imminent")
    flag = await only_flag(scene, review)
    assert (flag["text"], flag["severity"]) == ("darkest", "imminent")
    await scene.set(locked="0")
    await scene.post(ANN, "k", "lighter", severity="low")
    flag = await only_flag(scene, review)
    assert (flag["text"], flag["severity"], flag["verdict"]) == ("lighter", "imminent", "delivered")


async def flood(scene: Scene, many: int, severity: str = "moderate", first: int = 0) -> list[str]:
    """So many refused texts of Ann's; the flag of each."""
    await scene.set(locked="1")
    replies = [
        await scene.post(ANN, f"k{number}", f"dark {number}", severity=severity)
        for number in range(first, first + many)
    ]
    assert {reply["code"] for reply in replies} == {"room_locked"}
    return [reply["flag"] for reply in replies]


async def texts_of(scene: Scene, review: Review) -> list[str]:
    """All that Ann's flags show, in no order."""
    flags = await review.flags_of(scene.room, "ann", 999)
    return [text["text"] for flag in flags for text in (flag, *flag.get("also", ()))]


async def test_a_flood_of_refused_texts_joins_the_newest_flag_and_loses_none(
    scene: Scene, review: Review
) -> None:
    flags = await flood(scene, 30)
    assert len(set(flags)) == 5
    assert len(set(flags[:5])) == 5
    assert set(flags[5:25]) == {flags[4]}, "until it is full; then the others fill up"
    assert sorted(await texts_of(scene, review)) == sorted(f"dark {number}" for number in range(30))
    newest = await flag_of(scene, review, flags[4])
    assert [more["key"] for more in newest["also"]] == [f"k{number}" for number in range(5, 25)]
    assert newest["rev"] == 21, "staff are told of each"
    again = await flood(scene, 30)
    assert again == flags
    assert (await flag_of(scene, review, flags[4]))["rev"] == 21, "sent again, nothing is new"
    assert len([entry for entry in await scene.log("ann") if entry["type"] == "support"]) == 30


async def test_a_flood_that_fills_its_flags_opens_another(scene: Scene, review: Review) -> None:
    flags = await flood(scene, 5 * 21 + 1)
    assert len(set(flags)) == 6
    await scene.post(BEN, "k", "low", severity="moderate")
    assert len(await review.flags_of(scene.room, "ben", 9)) == 1
    long = [
        await scene.post(ANN, f"l{number}", f"{number}" * 12_000, severity="moderate") for number in range(3)
    ]
    assert len({reply["flag"] for reply in long}) == 2, "three such texts are more than one flag takes"


async def test_the_gravest_text_of_a_flood_sets_its_flag(scene: Scene, review: Review) -> None:
    flags = await flood(scene, 6)
    before = await flag_of(scene, review, flags[4])
    await wait_until(lambda: time.time() * 1_000 > before["clock_at"] + 1)  # all of it may be one millisecond
    assert await flood(scene, 1, "imminent", 6) == [flags[4]]
    found = await flag_of(scene, review, flags[4])
    assert (found["severity"], found["clock"], found["step"]) == ("imminent", "imminent", 1)
    assert found["clock_at"] > before["clock_at"]
    await flood(scene, 1, "moderate", 7)
    assert (await flag_of(scene, review, flags[4]))["severity"] == "imminent"


async def test_with_whom_somebody_is_a_graver_text_calls_anew(scene: Scene, review: Review) -> None:
    flags = await flood(scene, 6)
    for flag in flags[:5]:
        await scene.review(FAY, "attend", flag, least=2)
    assert (await flood(scene, 1, "moderate", 6))[0] in flags
    (anew,) = await flood(scene, 1, "high", 7)
    assert anew not in flags
    assert (await flag_of(scene, review, anew))["next_at"]


async def test_only_open_flags_of_the_last_minute_take_more_in(
    scene: Scene, review: Review, client: Redis
) -> None:
    flags = await flood(scene, 5)
    await scene.decide(MIA, flags[0], "dismiss")
    (sixth,) = await flood(scene, 1, first=5)
    assert sixth not in flags, "four are open"
    for flag in (*flags, sixth):
        found = await flag_of(scene, review, flag)
        key = in_room(scene.room, f"flag:{flag}")
        await client.hset(key, "wire", msgpack.packb({**found, "opened_at": found["opened_at"] - 60_000}))
    (seventh,) = await flood(scene, 1, first=6)
    assert seventh not in (*flags, sixth)


async def test_a_joined_text_that_is_refused_no_more_gets_a_flag_of_its_own(
    scene: Scene, review: Review
) -> None:
    flags = await flood(scene, 7)
    assert (await scene.post(ANN, "k5", "darker 5", severity="high"))["flag"] == flags[4]
    joined = await flag_of(scene, review, flags[4])
    assert [more["text"] for more in joined["also"]] == ["darker 5", "dark 6"]
    assert joined["severity"] == "high"
    await scene.set(locked="0")
    told = len(await scene.log("ann"))
    held = await scene.post(ANN, "k5", "darker 5", severity="high", verdict="held")
    assert held["answer"]["flag"] not in flags
    assert [entry["type"] for entry in (await scene.log("ann"))[told:]] == ["held"]
    await scene.post(ANN, "k6", "not so bad")
    assert "also" not in await flag_of(scene, review, flags[4])
    assert sorted(await texts_of(scene, review)) == [*(f"dark {number}" for number in range(5)), "darker 5"]


async def test_texts_that_joined_are_put_aside_with_their_flag(
    scene: Scene, review: Review, client: Redis
) -> None:
    flags = await flood(scene, 7)
    await scene.decide(MIA, flags[4], "dismiss")
    assert "also" not in await flag_of(scene, review, flags[4])
    opened = await scene.review(MAX, "evidence", flags[4], purpose="to see")
    assert [opened["text"], *(more["text"] for more in opened["also"])] == ["dark 4", "dark 5", "dark 6"]
    assert await flood(scene, 7) == flags, "sent again, they are known"
    assert (await flag_of(scene, review, flags[4]))["state"] == "decided"
    (anew,) = [(await scene.post(ANN, "k5", "darker still", severity="high"))["flag"]]
    assert anew not in flags
    await client.delete(in_room(scene.room, f"evidence:{flags[4]}"))
    assert (await flood(scene, 1, first=6)) == [flags[4]], "what expired opens nothing anew"


async def test_a_joined_text_that_asks_for_a_sanction_allows_one(scene: Scene) -> None:
    flags = await flood(scene, 6)
    assert (await scene.decide(MIA, flags[4], "mute"))["code"] == "forbidden"
    await scene.post(ANN, "rude", "you idiot", severity="moderate", risk=False)
    assert "code" not in await scene.decide(MIA, flags[4], "mute")


CHILD = {"route": "safeguarding", "routed_by": "rule"}


async def test_a_text_about_a_child_at_risk_goes_to_those_who_safeguard(
    scene: Scene, review: Review, broker: Broker
) -> None:
    """By itself and once, also when it joins a flag or its text becomes such a one; anybody may take it."""
    heard: list[dict[str, Any]] = []
    up = asyncio.Event()
    broker.subscribe(scene.room, "staff", lambda _, event: heard.append(msgpack.unpackb(event)), up.set)
    await up.wait()

    async def say(key: str, text: str, **more: Any) -> Any:
        flag = {**scene.flag(ANN, text, "moderate"), **more.pop("flag", CHILD)}
        return await scene.post(
            ANN, key, text, flag=flag, crisis=True, support=b"\x80", leads=["max"], **more
        )

    def told() -> list[Any]:
        return [event["to"] for event in heard if event.get("code") == "safeguarding"]

    await say("k", "she is six", verdict="held")
    flag = await only_flag(scene, review)
    assert (flag["route"], flag["routed_by"], flag["severity"]) == ("safeguarding", "rule", "moderate")
    await wait_until(lambda: told() == [["max"]])
    assert "flag" in await scene.review(MIA, "claim", flag["flag"], leads=["max"])
    await scene.review(FAY, "note", flag["flag"], least=2, note="it is so", ask="safeguarding", leads=["max"])
    assert (await scene.review(MIA, "claim", flag["flag"], leads=["max"]))["code"] == "forbidden"
    await wait_until(lambda: told() == [["max"]] * 2)
    await scene.set(locked="1")
    for number in range(6):
        await say(f"r{number}", f"dark {number}", flag={})
    assert len(await review.flags_of(scene.room, "ann", 99)) == 6
    joined = (await say("r7", "she is six"))["flag"]
    await say("r8", "so is he")
    found = await flag_of(scene, review, joined)
    assert (found["route"], len(found["also"])) == ("safeguarding", 3)
    await wait_until(lambda: told() == [["max"]] * 3)
    broker.unsubscribe(scene.room, "staff")


async def test_no_flag_for_a_stranger(scene: Scene, review: Review) -> None:
    refused = await scene.post(Who("zoe", "nobody"), severity="high")
    assert refused == {"code": "not_found"}
    assert await review.flags_of(scene.room, "zoe", 9) == []


async def test_a_held_text_is_flagged_and_heard_by_nobody(scene: Scene, review: Review) -> None:
    reply = await scene.post(ANN, "k", "call 123", **HELD)
    assert "seq" not in reply["answer"]
    flag = await only_flag(scene, review)
    assert (flag["flag"], flag["verdict"], flag["text"]) == (reply["answer"]["flag"], "held", "call 123")
    assert await scene.log() == []
    (event,) = await scene.log("ann")
    assert (event["type"], event["text"], event["flag"]) == ("held", "call 123", flag["flag"])


async def test_a_room_that_holds_asks_the_node_for_a_flag_first(scene: Scene) -> None:
    await scene.set(hold="all")
    assert await scene.post(ANN) == {"stale": "held"}
    assert await scene.log() == []
    assert (await scene.post(ANN, waits=True, **HELD))["answer"]["verdict"] == "held"
    assert "answer" in await scene.post(FAY)
    await scene.set(hold="none")
    assert await scene.post(BEN, waits=True, **HELD) == {"stale": "deliver"}


async def test_a_room_that_holds_newcomers_holds_until_one_post_was_delivered(scene: Scene) -> None:
    await scene.enter(FAY)
    await scene.post(BEN, "b")
    await scene.set(hold="new")
    assert "answer" in await scene.post(BEN, "c")
    assert "answer" in await scene.post(ANN, "w", op="whisper", target="fay")
    assert await scene.post(ANN) == {"stale": "held"}
    held = await scene.post(ANN, waits=True, **HELD)
    assert await scene.post(ANN, "k2") == {"stale": "held"}
    await scene.decide(MIA, held["answer"]["flag"], "approve")
    assert "answer" in await scene.post(ANN, "k2")


# ── replaces, edit, whisper ──────────────────────────────────────────────────────────────


async def test_what_was_replaced_can_be_released_no_more(scene: Scene, review: Review, client: Redis) -> None:
    held = await scene.post(ANN, "old", "call 123", **HELD)
    assert "answer" in await scene.post(ANN, "new", "call me", replaces="old")
    flag = held["answer"]["flag"]
    found = await flag_of(scene, review, flag)
    assert (found["verdict"], found["state"]) == ("replaced", "decided")
    assert (await scene.decide(MIA, flag, "approve"))["code"] == "conflict"
    assert await scene.texts() == ["call me"]
    assert not await client.hexists(in_room(scene.room, f"flag:{flag}"), "body")
    assert "call 123" not in str(await scene.log("ann"))
    again = await scene.post(ANN, "old")
    assert again["decision"] == {"action": "replaced"}
    assert (await scene.post(ANN, "newer", replaces="old"))["code"] == "not_found"


async def test_a_replaced_crisis_stays_with_staff(scene: Scene, review: Review) -> None:
    held = await scene.post(ANN, "old", "dark 123", severity="high", verdict="held")
    await scene.post(ANN, "new", "dark", severity="high", replaces="old")
    found = await flag_of(scene, review, held["answer"]["flag"])
    assert (found["verdict"], found["state"]) == ("replaced", "open")
    assert len(await review.open_flags([scene.room])) == 2


async def test_one_replaces_only_ones_own_held_text(scene: Scene) -> None:
    await scene.post(ANN, "sent")
    await scene.post(ANN, "old", **HELD)
    assert (await scene.post(ANN, "new", replaces="sent"))["code"] == "not_found"
    assert (await scene.post(BEN, "new", replaces="old"))["code"] == "not_found"


async def test_what_was_released_is_not_replaced(scene: Scene) -> None:
    held = await scene.post(ANN, "old", **HELD)
    await scene.decide(MIA, held["answer"]["flag"], "approve")
    assert (await scene.post(ANN, "new", replaces="old"))["code"] == "conflict"


async def test_an_edit_rewrites_the_message_and_its_earlier_edits(scene: Scene) -> None:
    await scene.post(ANN, "a", "one")
    await scene.post(ANN, "b", "two", op="edit", target=1)
    assert (await scene.post(ANN, "c", "three", op="edit", target=1))["answer"]["seq"] == 3
    log = await scene.log()
    assert [entry["text"] for entry in log] == ["three"] * 3
    assert log[0]["edits"] == [2, 3]
    for who, target in ((BEN, 1), (ANN, 2), (ANN, 9)):
        assert (await scene.post(who, "x", op="edit", target=target))["code"] == "not_found"


async def test_a_held_edit_leaves_the_original_until_it_is_released(scene: Scene) -> None:
    await scene.post(ANN, "a", "one")
    held = await scene.post(ANN, "b", "call 123", op="edit", target=1, **HELD)
    assert await scene.texts() == ["one"]
    assert (await scene.decide(MIA, held["answer"]["flag"], "approve"))["seq"] == 2
    assert await scene.texts() == ["call 123"]


async def test_a_held_edit_of_a_retracted_message_stays_out(scene: Scene) -> None:
    await scene.post(ANN, "a", "one")
    held = await scene.post(ANN, "b", "call 123", op="edit", target=1, **HELD)
    await scene.act(ANN, "retract", seq=1)
    assert (await scene.decide(MIA, held["answer"]["flag"], "approve"))["code"] == "conflict"
    assert await scene.texts() == [None]


async def test_a_whisper_is_for_two(scene: Scene) -> None:
    await scene.enter(FAY)
    await scene.enter(BEN)
    reply = await scene.post(ANN, "w", "psst", op="whisper", target="fay")
    assert reply["answer"]["useq"] == 1
    assert await scene.log() == []
    for user in ("ann", "fay"):
        assert [entry["text"] for entry in await scene.log(user)] == ["psst"]
    assert (await scene.post(ANN, "x", op="whisper", target="ben"))["code"] == "forbidden"
    assert (await scene.post(ANN, "x", op="whisper", target="zoe"))["code"] == "not_found"
    assert "answer" in await scene.post(FAY, "y", op="whisper", target="ben")


async def test_an_edit_joins_the_flag_of_its_message(scene: Scene, review: Review) -> None:
    """One open flag a message; a decided one opens again, for the text is another."""
    await scene.post(ANN, "k", "sad", severity="moderate")
    await scene.post(ANN, "e1", "darker", op="edit", target=1, severity="high")
    flag = await only_flag(scene, review)
    assert (flag["text"], flag["severity"], flag["state"]) == ("darker", "high", "open")
    await scene.decide(MIA, flag["flag"], "approve")
    await scene.post(ANN, "e2", "sad again", op="edit", target=1, severity="moderate")
    again = await only_flag(scene, review)
    assert (again["flag"], again["text"], again["severity"], again["state"]) == (
        flag["flag"], "sad again", "moderate", "open",
    )  # fmt: skip


async def test_a_flag_that_is_gone_keeps_no_crisis_text_out(
    scene: Scene, review: Review, client: Redis
) -> None:
    """Its receipt outlived it: the text gets a flag anew."""
    await scene.act(MIA, "mute", least=2, user="ann", seconds=0)
    assert (await scene.post(ANN, "k", "dark", severity="high"))["code"] == "muted"
    (flag,) = await review.open_flags([scene.room])
    await client.delete(in_room(scene.room, f"flag:{flag['flag']}"))
    await client.delete(in_room(scene.room, "queue"))
    assert (await scene.post(ANN, "k", "dark", severity="high"))["code"] == "muted"
    (anew,) = await review.open_flags([scene.room])
    assert anew["text"] == "dark"
    await client.delete(in_room(scene.room, f"flag:{anew['flag']}"))
    await scene.act(MIA, "unmute", least=2, user="ann")
    assert (await scene.post(ANN, "k", "light"))["answer"]["seq"] == 1
