"""What comes after a decision: the text that is put aside, and another look by somebody else."""

import pytest
from redis.asyncio import Redis

from chat.node.ports import Args
from chat.store.keys import in_room
from chat.store.review import Review
from tests.stored import ADA, ANN, BEN, FAY, HELD, MAX, MIA, Scene, Who, flag_of

pytestmark = pytest.mark.asyncio


async def appeal(scene: Scene, who: Who, flag: str, text: str = "please look", **more: int) -> Args:
    """Ask for another look; the reply."""
    new = {**scene.flag(who, text, "none"), "kind": "appeal", "verdict": "delivered"}
    return await scene.review(who, "appeal", flag, least=1, new=new, due=60, **more)


async def appealed(scene: Scene, review: Review, who: Who, flag: str) -> str:
    """The id of the flag that asks for it."""
    assert "code" not in await appeal(scene, who, flag)
    return str((await flag_of(scene, review, flag))["appeal"])


async def kept(scene: Scene, client: Redis, flag: str) -> bytes | None:
    found: bytes | None = await client.hget(in_room(scene.room, f"evidence:{flag}"), "text")  # type: ignore[assignment]  # nothing is decoded
    return found


# ── evidence ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("action", ["retract", "mute"])
async def test_a_decided_text_leaves_flag_and_log_and_is_opened_for_a_purpose(
    scene: Scene, review: Review, client: Redis, action: str
) -> None:
    await scene.post(ANN, "k", "you idiot", severity="none", risk=False)
    (flag,) = [one["flag"] for one in await review.open_flags([scene.room])]
    await scene.decide(MIA, flag, action)
    found = await flag_of(scene, review, flag)
    assert "text" not in found
    assert await scene.texts() == [None]
    opened = await scene.review(MAX, "evidence", flag, purpose="an appeal")
    assert opened["text"] == "you idiot"
    entry = (await review.audit(scene.room, 0, 1))[0]
    assert (entry["action"], entry["what"], entry["flag"], entry["reason"], entry["by"]["id"]) == (
        "read", "evidence", flag, "an appeal", "max",
    )  # fmt: skip
    left = await client.pttl(in_room(scene.room, f"evidence:{flag}"))
    assert 0 < left <= 86_400_000
    assert found["evidence_until"] <= await scene.now() + left + 1


async def test_where_it_expired_or_is_not_kept_nothing_opens(
    scene: Scene, review: Review, client: Redis
) -> None:
    for key, keep in (("a", 0), ("b", 60_000)):
        flag = (await scene.post(ANN, key, "late", **HELD))["answer"]["flag"]
        await scene.decide(MIA, flag, "retract", evidence=keep)
        assert (await kept(scene, client, flag) is None) is (keep == 0)
        await client.pexpire(in_room(scene.room, f"evidence:{flag}"), 0)
        assert (await scene.review(MIA, "evidence", flag, purpose="p"))["code"] == "not_found"
        assert "text" not in await flag_of(scene, review, flag)


async def test_nobody_opens_what_is_about_themselves_or_without_the_role(scene: Scene) -> None:
    flag = (await scene.post(FAY, "k", "late", **HELD))["answer"]["flag"]
    await scene.decide(MIA, flag, "retract")
    assert (await scene.review(FAY, "evidence", flag, purpose="p"))["code"] == "forbidden"
    assert (await scene.review(Who("fay", "admin"), "evidence", flag, purpose="p"))["code"] == "not_found"
    assert (await scene.review(BEN, "evidence", flag, purpose="p"))["code"] == "forbidden"


async def test_what_its_author_takes_back_is_gone_unless_a_flag_needs_it(
    scene: Scene, review: Review, client: Redis
) -> None:
    await scene.post(ANN, "a", "only mine")
    await scene.act(ANN, "retract", seq=1)
    assert not await client.keys(in_room(scene.room, "evidence:*"))
    assert await review.flags_of(scene.room, "ann", 9) == []
    await scene.post(ANN, "b", "dark", severity="high")
    await scene.act(ANN, "retract", seq=3)
    (flag,) = await review.open_flags([scene.room])
    assert flag["text"] == "dark", "somebody may be in danger"
    await scene.decide(MIA, flag["flag"], "approve")
    assert "text" not in await flag_of(scene, review, flag["flag"])
    assert await kept(scene, client, flag["flag"]) == b"dark"


async def test_what_staff_retract_is_put_aside_under_a_flag_of_its_own(
    scene: Scene, review: Review, client: Redis
) -> None:
    await scene.post(ANN, "a", "names somebody")
    record = {**scene.flag(ANN, "", "none"), "kind": "sanction"}
    await scene.act(FAY, "retract", least=2, seq=1, reason="r", text="t", record=record)
    (flag,) = await review.flags_of(scene.room, "ann", 9)
    assert (flag["kind"], flag["state"], flag["decision"]["action"]) == ("sanction", "decided", "retract")
    assert (await scene.log("ann"))[-1]["flag"] == flag["flag"]
    assert await kept(scene, client, flag["flag"]) == b"names somebody"
    assert await review.open_flags([scene.room]) == []


async def test_a_decided_flag_opens_again_only_when_the_text_changed(scene: Scene, review: Review) -> None:
    await scene.act(MIA, "mute", least=2, user="ann", seconds=0)
    for text, is_open in (("dark", True), ("dark", False), ("darker", True)):
        await scene.post(ANN, "k", text, severity="high")
        flags = await review.open_flags([scene.room])
        assert bool(flags) is is_open, text
        if flags:
            await scene.decide(MIA, flags[0]["flag"], "approve")
    assert len([one for one in await review.flags_of(scene.room, "ann", 9) if one["kind"] == "message"]) == 1


# ── appeals ──────────────────────────────────────────────────────────────────────────────────────


async def test_somebody_else_than_the_first_decides(scene: Scene, review: Review) -> None:
    flag = (await scene.post(ANN, "k", "late", **HELD))["answer"]["flag"]
    assert (await appeal(scene, ANN, flag))["code"] == "conflict", "nobody decided yet"
    await scene.decide(MIA, flag, "retract")
    again = await appealed(scene, review, ANN, flag)
    assert "code" not in await appeal(scene, ANN, flag), "the same once more is one"
    assert (await appeal(scene, ANN, flag, "and again"))["code"] == "conflict"
    (waits,) = await review.open_flags([scene.room])
    assert (waits["flag"], waits["kind"], waits["text"], waits["against"]["flag"]) == (
        again, "appeal", "please look", flag,
    )  # fmt: skip
    for op in ("attend", "claim", "decide", "evidence"):
        assert (await scene.review(MIA, op, again, purpose="p"))["code"] == "not_found", op
    assert (await scene.review(Who("ann", "admin"), "claim", again))["code"] == "not_found"
    done = await scene.decide(MAX, again, "approve")
    assert await scene.texts() == ["late"]
    told = (await scene.log("ann"))[-1]
    assert (told["action"], told["key"], told["flag"], told["seq"], told["text"]) == (
        "approve", "k", flag, done["seq"], "taken back",
    )  # fmt: skip
    first = await flag_of(scene, review, flag)
    assert first["decision"]["overturned"]["by"]["id"] == "max"
    assert (await appeal(scene, ANN, again))["code"] == "conflict", "an appeal has none"


async def test_an_appeal_that_is_not_granted_changes_nothing(scene: Scene, review: Review) -> None:
    await scene.post(ANN, "k", "you idiot", severity="none", risk=False)
    (flag,) = [one["flag"] for one in await review.open_flags([scene.room])]
    await scene.decide(MIA, flag, "mute", seconds=0)
    again = await appealed(scene, review, ANN, flag)
    assert (await scene.decide(MAX, again, "ban"))["code"] == "bad_request"
    assert "code" not in await scene.review(
        MAX, "decide", again, action="dismiss", note="n", told={"upheld": "stays"}, seconds=0
    )
    assert await scene.texts() == [None]
    assert (await scene.post(ANN, "k2"))["code"] == "muted"
    assert (await scene.log("ann"))[-1]["text"] == "stays"
    assert "overturned" not in (await flag_of(scene, review, flag))["decision"]


async def test_a_mute_by_a_facilitator_is_lifted_by_an_appeal(scene: Scene, review: Review) -> None:
    """Only that mute: one that somebody gave since stays."""
    await scene.enter(ANN)
    for is_same in (True, False):
        record = {**scene.flag(ANN, "", "none"), "kind": "sanction"}
        event = b"\x82\xa4type\xa5muted\xa4room\xa1r"
        await scene.act(FAY, "mute", least=2, user="ann", seconds=0, reason="r", event=event, record=record)
        muted = next(entry for entry in reversed(await scene.log("ann")) if entry["type"] == "muted")
        again = await appealed(scene, review, ANN, muted["flag"])
        if not is_same:
            await scene.act(ADA, "mute", least=2, user="ann", seconds=600)
        await scene.decide(MAX, again, "approve")
        assert ("code" in await scene.post(ANN, f"k{is_same}")) is not is_same


async def test_an_appeal_is_its_persons_alone_and_works_while_they_are_out(
    scene: Scene, review: Review
) -> None:
    flag = (await scene.post(ANN, "k", "late", **HELD))["answer"]["flag"]
    await scene.decide(MIA, flag, "retract")
    assert (await appeal(scene, BEN, flag))["code"] == "not_found"
    assert (await appeal(scene, ANN, "f_none"))["code"] == "not_found"
    await scene.act(FAY, "remove", least=2, user="ann", seconds=0)
    assert "code" not in await appeal(scene, ANN, flag)
    assert len(await review.open_flags([scene.room])) == 1


@pytest.mark.parametrize("action", ["approve", "warn", "dismiss"])
async def test_what_hurt_nobody_is_not_appealed(scene: Scene, review: Review, action: str) -> None:
    await scene.post(ANN, "k", "dark", severity="high")
    (flag,) = [one["flag"] for one in await review.open_flags([scene.room])]
    await scene.decide(MIA, flag, action, warning="w")
    assert (await appeal(scene, ANN, flag))["code"] == "conflict"


async def test_a_message_whose_edit_was_flagged_comes_back_whole(scene: Scene, review: Review) -> None:
    """The edit raised the flag, but what was taken out, and what comes back, is the message."""
    await scene.post(ANN, "a", "you are kind")
    await scene.post(ANN, "e", "you idiot", op="edit", target=1, severity="none", risk=False)
    (flag,) = await review.open_flags([scene.room])
    await scene.decide(MIA, flag["flag"], "retract")
    again = await appealed(scene, review, ANN, flag["flag"])
    done = await scene.decide(MAX, again, "approve")
    assert (await scene.log())[-1]["text"] == "you idiot"
    assert (await scene.log())[-1]["seq"] == done["seq"]


async def test_what_its_author_wrote_anew_does_not_come_back_beside_it(scene: Scene, review: Review) -> None:
    flag = (await scene.post(ANN, "k", "late", **HELD))["answer"]["flag"]
    await scene.decide(MIA, flag, "retract")
    again = await appealed(scene, review, ANN, flag)
    assert "answer" in await scene.post(ANN, "new", "in time", replaces="k")
    await scene.decide(MAX, again, "approve")
    assert await scene.texts() == ["in time"]
