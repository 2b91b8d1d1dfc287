"""One step of a flag's review, with its effect."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from chat.node.ports import Args
from chat.protocol.wire import pack
from chat.store.keys import in_room
from chat.store.review import Review
from tests.stored import ADA, ANN, BEN, CAT, FAY, HELD, MAX, MIA, TOLD, Scene, Who, first, flag_of, only_flag

pytestmark = pytest.mark.asyncio


async def test_of_two_moderators_one_wins_and_the_other_is_told_who(scene: Scene, review: Review) -> None:
    flag = (await scene.post(ANN, **HELD))["answer"]["flag"]
    claims = await asyncio.gather(*(scene.review(who, "claim", flag) for who in (MIA, MAX)))
    assert "flag" in claims[0]
    assert (claims[1]["code"], claims[1]["by"]["id"]) == ("conflict", "mia")
    assert "flag" in await scene.review(MIA, "claim", flag), "one's own claim is renewed"
    assert (await scene.review(MAX, "decide", flag, action="approve"))["code"] == "conflict"
    assert (await scene.decide(MIA, flag, "approve"))["seq"] == 1
    late = await scene.review(MAX, "claim", flag)
    assert (late["code"], late["by"]["id"]) == ("conflict", "mia")
    assert (await flag_of(scene, review, flag))["decision"]["action"] == "approve"


async def test_one_decision_a_flag(scene: Scene) -> None:
    flag = (await scene.post(ANN, **HELD))["answer"]["flag"]
    await scene.review(MIA, "claim", flag)
    decisions = [
        scene.review(MIA, "decide", flag, action=action, note="n", told={"approve": "a", "retract": "r"})
        for action in ("approve", "retract", "approve")
    ]
    replies = await asyncio.gather(*decisions)
    assert ["code" in reply for reply in replies] == [False, True, True]
    assert len(await scene.texts()) == 1


async def test_a_decision_on_what_changed_since_is_refused(scene: Scene) -> None:
    await scene.post(ANN, severity="high")
    flag = (await scene.review(MIA, "claim", await first(scene)))["flag"]
    await scene.review(FAY, "attend", flag["flag"], least=2)
    stale = await scene.review(
        MIA, "decide", flag["flag"], action="dismiss", note="n", told={}, rev=flag["rev"]
    )
    assert stale["code"] == "conflict"
    fresh = await scene.review(
        MIA, "decide", flag["flag"], action="dismiss", note="n", told={}, rev=flag["rev"] + 1
    )
    assert "flag" in fresh


async def test_a_lease_that_ended_is_anybodys(scene: Scene) -> None:
    flag = (await scene.post(ANN, **HELD))["answer"]["flag"]
    await scene.review(MIA, "claim", flag, lease=-1)
    assert (await scene.review(MIA, "decide", flag, action="approve"))["code"] == "conflict"
    assert "flag" in await scene.review(MAX, "claim", flag)
    assert (await scene.review(MIA, "unclaim", flag))["code"] == "conflict"
    assert "flag" in await scene.review(MAX, "unclaim", flag)


async def test_a_release_is_a_new_seq_and_its_author_is_told(scene: Scene, client: Redis) -> None:
    held = await scene.post(ANN, "k", "late", **HELD)
    await scene.post(BEN, "b", "meanwhile")
    flag = held["answer"]["flag"]
    done = await scene.decide(MIA, flag, "warn", warning="loss")
    assert done["seq"] == 2
    message = (await scene.log())[1]
    assert (message["text"], message["warning"]) == ("late", "loss")
    decided = (await scene.log("ann"))[-1]
    assert (decided["type"], decided["action"], decided["seq"]) == ("held_decided", "warn", 2)
    again = await scene.post(ANN, "k")
    assert (again["answer"], again["decision"]) == (held["answer"], {"action": "warn", "seq": 2})
    assert not await client.hexists(in_room(scene.room, f"flag:{flag}"), "body")


async def test_what_is_retracted_is_never_released(scene: Scene, client: Redis) -> None:
    flag = (await scene.post(ANN, "k", "late", **HELD))["answer"]["flag"]
    assert (await scene.decide(MIA, flag, "dismiss"))["code"] == "bad_request"
    assert "code" not in await scene.decide(MIA, flag, "retract")
    assert await scene.log() == []
    assert not await client.hexists(in_room(scene.room, f"flag:{flag}"), "body")
    assert (await scene.decide(MAX, flag, "approve"))["code"] == "conflict"


@pytest.mark.parametrize("op", ["mute", "remove", "ban"])
async def test_nothing_of_somebody_sanctioned_is_released(scene: Scene, op: str) -> None:
    flag = (await scene.post(ANN, **HELD))["answer"]["flag"]
    await scene.act(MIA, op, least=2, user="ann", seconds=0)
    assert (await scene.decide(MIA, flag, "approve"))["code"] == "conflict"
    assert await scene.log() == []
    assert "code" not in await scene.decide(MIA, flag, "retract")


@pytest.mark.parametrize("action", ["mute", "remove", "ban"])
async def test_nobody_is_sanctioned_for_their_own_risk(scene: Scene, review: Review, action: str) -> None:
    await scene.post(ANN, "k", "dark", severity="high")
    flag = await first(scene)
    assert (await scene.decide(MIA, flag, action))["code"] == "forbidden"
    assert (await flag_of(scene, review, flag))["state"] == "claimed"
    await scene.post(BEN, "h", "help", op="help", verdict="none", severity="moderate")
    help_flag = (await only_flag(scene, review, BEN))["flag"]
    assert (await scene.decide(MIA, help_flag, action))["code"] == "forbidden"


@pytest.mark.parametrize(("action", "code"), [("mute", "muted"), ("remove", "removed"), ("ban", "banned")])
async def test_a_sanction_takes_the_message_out_and_stops_its_author(
    scene: Scene, action: str, code: str
) -> None:
    await scene.post(ANN, "k", "you idiot", severity="none", risk=False)
    assert "code" not in await scene.decide(MIA, await first(scene), action, seconds=60)
    assert await scene.texts() == [None]
    assert (await scene.post(ANN, "k2"))["code"] == code


async def test_a_held_text_without_reasons_may_be_sanctioned(scene: Scene) -> None:
    """A room that holds everything shows staff what no rule knew."""
    await scene.set(hold="all")
    flag = (await scene.post(ANN, verdict="held", waits=True))["answer"]["flag"]
    assert "code" not in await scene.decide(MIA, flag, "mute")
    assert (await scene.post(ANN, "k2"))["code"] == "muted"


async def test_a_flag_about_staff_is_for_those_above(scene: Scene) -> None:
    await scene.post(FAY, "k", "you idiot", severity="none", risk=False)
    flag = await first(scene)
    other = Who("fio", "facilitator")
    assert (await scene.review(other, "attend", flag, least=2))["code"] == "not_found"
    assert (await scene.review(FAY, "attend", flag, least=2))["code"] == "not_found"
    await scene.post(MIA, "k", "you idiot", severity="none", risk=False)
    about_mia = next(
        one for one in await Review(scene.broker).open_flags([scene.room]) if one["author"]["id"] == "mia"
    )
    assert (await scene.decide(MAX, about_mia["flag"], "mute"))["code"] == "forbidden"
    assert (await scene.review(MIA, "claim", about_mia["flag"]))["code"] == "not_found"


async def test_an_escalated_flag_stays_open(scene: Scene, review: Review) -> None:
    flag = (await scene.post(ANN, **HELD))["answer"]["flag"]
    assert "code" not in await scene.decide(MIA, flag, "escalate")
    found = await flag_of(scene, review, flag)
    assert (found["state"], found["escalated"]) == ("open", 1)
    assert "claimed_by" not in found
    assert "code" not in await scene.decide(MAX, flag, "approve")


async def test_attending_tells_the_author_once(scene: Scene, review: Review) -> None:
    await scene.post(ANN, "k", "dark", severity="high")
    flag = await first(scene)
    seen = pack({"type": "support", "room": scene.room, "key": "", "seen": True})
    for _ in range(2):
        assert "flag" in await scene.review(FAY, "attend", flag, least=2, support=seen)
    assert [entry["key"] for entry in await scene.log("ann")] == ["k", "k"]
    assert [who["id"] for who in (await flag_of(scene, review, flag))["attended_by"]] == ["fay"]


def new_report(scene: Scene) -> dict[str, Any]:
    flag = scene.flag(ANN, "", "none")
    return {**flag, "kind": "report", "author": {}, "verdict": "delivered"}


async def report(scene: Scene, who: Who, seq: int = 1) -> Args:
    new = new_report(scene)
    return await scene.review(
        who, "report", new["flag"], least=1, seq=seq, new=new, due=60,
        report={"by": {"id": who.id, "name": who.id}, "reason": "r"},
    )  # fmt: skip


async def test_reports_join_one_flag(scene: Scene, review: Review) -> None:
    await scene.post(ANN, "k", "you idiot")
    for who in (BEN, BEN, CAT):
        assert "code" not in await report(scene, who)
    flag = await only_flag(scene, review)
    assert (flag["kind"], flag["text"], flag["severity"]) == ("report", "you idiot", "none")
    assert [one["by"]["id"] for one in flag["reports"]] == ["ben", "cat"]
    assert await scene.log("ann") == []
    assert (await report(scene, ANN))["code"] == "forbidden"
    assert (await report(scene, BEN, seq=7))["code"] == "not_found"


async def test_reports_join_a_message_that_is_flagged_already(scene: Scene, review: Review) -> None:
    await scene.post(ANN, "k", "dark", severity="high")
    await report(scene, BEN)
    flag = await only_flag(scene, review)
    assert (flag["kind"], flag["severity"], len(flag["reports"])) == ("message", "high", 1)


async def test_a_report_after_the_decision_opens_a_new_flag(scene: Scene, review: Review) -> None:
    await scene.post(ANN, "k", "you idiot")
    await report(scene, BEN)
    await scene.decide(MIA, await first(scene), "dismiss")
    await report(scene, BEN)
    assert await review.open_flags([scene.room]) == [], "the same person says nothing new"
    await report(scene, CAT)
    (flag,) = await review.open_flags([scene.room])
    assert [one["by"]["id"] for one in flag["reports"]] == ["cat"]
    assert len(await review.flags_of(scene.room, "ann", 9)) == 2


async def test_a_lease_that_nobody_renewed_is_given_back_once(scene: Scene, review: Review) -> None:
    flag = (await scene.post(ANN, **HELD))["answer"]["flag"]
    await scene.review(MIA, "claim", flag)
    assert await review.leases_before(scene.room, await scene.now()) == []
    assert (await scene.review(ADA, "expire", flag))["code"] == "conflict"
    await scene.review(MIA, "claim", flag, lease=-1)
    assert await review.leases_before(scene.room, await scene.now()) == [flag]
    replies = await asyncio.gather(*(scene.review(ADA, "expire", flag) for _ in range(3)))
    assert ["code" in reply for reply in replies] == [False, True, True]
    found = await flag_of(scene, review, flag)
    assert (found["state"], "claimed_by" in found) == ("open", False)
    assert await review.leases_before(scene.room, await scene.now()) == []
    assert (await review.audit(scene.room, 0, 1))[0]["held_by"] == "mia"


async def test_reports_of_one_whose_reports_were_dismissed_say_so(scene: Scene, review: Review) -> None:
    """The first were mistaken; they still come, and staff see how often that was so."""
    for seq in (1, 2, 3):
        await scene.post(ANN, f"k{seq}", "fine")
        await report(scene, BEN, seq)
        (flag,) = await review.open_flags([scene.room])
        assert [one["doubt"] for one in flag["reports"]] == [seq - 1]
        await scene.decide(MIA, flag["flag"], "dismiss")


# ── colleagues ───────────────────────────────────────────────────────────────────────────────────


async def claimed(scene: Scene, severity: str = "high") -> str:
    await scene.post(ANN, "k", "dark", severity=severity)
    flag = await first(scene)
    await scene.review(MIA, "claim", flag)
    return flag


async def test_a_claim_is_handed_over_with_a_word(scene: Scene, review: Review) -> None:
    """To somebody who may take it; whoever does not hold it hands nothing over."""
    for who in (MAX, MIA, BEN):
        await scene.enter(who)
    flag = await claimed(scene)
    to_max = {"note": "you know her", "to": "max"}
    assert (await scene.review(MAX, "note", flag, least=2, **to_max))["code"] == "conflict"
    for other in ("ben", "nobody", "ann"):
        assert (await scene.review(MIA, "note", flag, least=2, note="n", to=other))["code"] == "not_found"
    assert "code" not in await scene.review(MIA, "note", flag, least=2, **to_max)
    found = await flag_of(scene, review, flag)
    assert (found["claimed_by"]["id"], found["claimed_by"]["role"]) == ("max", "moderator")
    assert [(note["by"]["id"], note["text"]) for note in found["notes"]] == [("mia", "you know her")]
    assert (await scene.review(MIA, "decide", flag, action="approve"))["code"] == "conflict"
    assert "code" not in await scene.review(MAX, "decide", flag, action="approve", note="n", told=TOLD)
    assert (await scene.review(MAX, "note", flag, least=2, note="late"))["code"] == "conflict"
    assert [entry["action"] for entry in await review.audit(scene.room, 0, 9)] == ["claim", "note", "decide"]


async def test_a_second_opinion_is_somebody_elses(scene: Scene, review: Review) -> None:
    flag = await claimed(scene)
    await scene.review(MIA, "note", flag, least=2, note="what would you do?", ask="opinion")
    await scene.review(MIA, "note", flag, least=2, note="I think of a warning")
    assert "answered_by" not in (await flag_of(scene, review, flag))["opinion"]
    await scene.review(FAY, "note", flag, least=2, note="leave it")
    found = await flag_of(scene, review, flag)
    assert (found["opinion"]["by"]["id"], found["opinion"]["answered_by"]["id"]) == ("mia", "fay")
    assert found["claimed_by"]["id"] == "mia", "it stays with whoever asked"


async def test_a_child_at_risk_is_for_those_who_are_named(scene: Scene, review: Review) -> None:
    """Grave and due at once, whoever had it; decided by a lead or an admin, where there are leads."""
    flag = await claimed(scene, "moderate")
    await scene.review(FAY, "note", flag, least=2, note="she is twelve", ask="safeguarding", leads=["max"])
    found = await flag_of(scene, review, flag)
    assert (found["route"], found["severity"], found["state"]) == ("safeguarding", "high", "open")
    assert found["due_at"] <= await scene.now()
    assert found["next_at"] <= await scene.now(), "the next in the chain is called"
    assert (await scene.review(MIA, "claim", flag, leads=["max"]))["code"] == "forbidden"
    assert "flag" in await scene.review(ADA, "claim", flag, leads=["max"])
    await scene.review(ADA, "unclaim", flag)
    assert "flag" in await scene.review(MAX, "claim", flag, leads=["max"])
    assert "code" not in await scene.review(
        MAX, "decide", flag, action="approve", note="n", told=TOLD, leads=["max"]
    )


async def test_without_leads_a_child_at_risk_is_for_all(scene: Scene) -> None:
    flag = await claimed(scene)
    await scene.review(FAY, "note", flag, least=2, note="she is twelve", ask="safeguarding")
    assert "flag" in await scene.review(MIA, "claim", flag)
