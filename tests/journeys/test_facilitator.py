import asyncio
import time

import pytest

from chat.client import CommandError, Frame, new_key
from tests.journeys.people import Person, Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

CRISIS = "I want to die"
PLAIN = "Good evening, everyone."


async def guided(stage: Stage) -> tuple[Person, Person, Person]:
    """A facilitator who watches, and two participants."""
    fay = await stage.person("Fay", "facilitator", stage.room)
    await fay.ask("watch", rooms=[stage.room], room=None)
    return fay, await stage.person("Ana"), await stage.person("Ben")


async def test_mutes_and_unmutes(stage: Stage) -> None:
    """The muted person reads along and reaches staff; their text gets no seq; nobody else is told of it."""
    fay, ana, ben = await guided(stage)
    phone = await stage.person("Ana", user=ana.id)
    await fay.ask("mute", user=ana.id, seconds=0, reason="A pause.")
    for connection in (ana, phone):
        assert (await connection.hears("muted"))["until"] == 0
        await connection.refused("muted", "post", text=PLAIN, key=new_key())
    await ana.refused("muted", "hand", up=True)

    refused = await ana.refused("muted", "post", text=CRISIS, key=new_key())
    assert refused["support"]["helplines"], "a refusal never refuses care"
    flag = await fay.hears("flag", text=CRISIS)
    assert flag["author"]["id"] == ana.id
    assert "seq" not in flag
    await ana.ask("help", text="May I talk with you?")
    await fay.hears("flag", kind="help")

    await ben.say("Still here.")
    await ana.hears("message", text="Still here.")
    joined = await stage.person("Ana", user=ana.id)
    assert joined.view.you["muted_until"] == 0
    assert "muted" in {event["type"] for event in joined.view.private.values()}

    await fay.ask("unmute", user=ana.id)
    await ana.hears("unmuted")
    assert (await ana.say(PLAIN))["verdict"] == "delivered"
    await ben.hears("message", text=PLAIN)
    assert [event["text"] for event in ben.view.log()] == ["Still here.", PLAIN]
    for kind in ("muted", "unmuted", "support", "flag"):
        assert ben.heard(kind) == []


async def test_a_mute_ends_by_itself(stage: Stage) -> None:
    fay, ana, _ = await guided(stage)
    await fay.ask("mute", user=ana.id, seconds=1, reason="A breath.")

    async def may_post() -> bool:
        try:
            await ana.say(PLAIN)
        except CommandError as refused:
            refusals.append(refused.reply)
            return False
        return True

    refusals: list[Frame] = []
    await wait_until(may_post)
    assert all(refused["code"] == "muted" and 0 < refused["retry_after"] <= 1 for refused in refusals)
    message = await ana.hears("message", text=PLAIN)
    assert message["at"] >= (await ana.hears("muted"))["until"]


async def test_a_mute_that_is_answered_counts_on_every_connection(stage: Stage) -> None:
    """Of all that was sent at that moment, nothing that comes after the answer is in the log."""
    fay, ana, ben = await guided(stage)
    phone = await stage.person("Ana", user=ana.id)
    sending = [
        asyncio.create_task(person.say(f"Word {word}.")) for word in ["one", "two"] for person in (ana, phone)
    ]
    await fay.ask("mute", user=ana.id, seconds=60, reason="A pause.")
    head = (await ben.ask("history", before=10_000, limit=200))["events"]
    await asyncio.gather(*sending, return_exceptions=True)
    await ana.refused("muted", "post", text="After.", key=new_key())
    after = (await ben.ask("history", before=10_000, limit=200))["events"]
    assert after == head


async def test_removes_and_readmits(stage: Stage) -> None:
    """Removed is out of the room on every connection and cannot come back until let in; help still works."""
    fay, ana, ben = await guided(stage)
    await fay.ask("remove", user=ana.id, seconds=0, reason="For today.")
    assert (await ana.hears("removed"))["text"]
    await ben.say("Quiet now.")
    await ben.hears("message")
    await ana.refused("removed", "join")
    refused = await ana.refused("removed", "post", text=CRISIS, key=new_key())
    assert refused["support"]["helplines"]
    await fay.hears("flag", text=CRISIS)
    await ana.ask("help", text="What happened?")
    await fay.hears("flag", kind="help")
    assert ana.heard("message") == []
    assert ben.heard("removed") == []

    await fay.ask("readmit", user=ana.id)
    view = await ana.client.join(stage.room)
    assert view.head == 1
    assert (await ana.say(PLAIN))["seq"] == 2
    stage.people.remove(ana)


async def test_locks_and_unlocks(stage: Stage) -> None:
    """A locked room takes nothing from participants; staff go on, and a crisis text is still cared for."""
    fay, ana, ben = await guided(stage)
    await fay.ask("set_room", locked=True, topic="A short pause")
    changed = await ana.hears("room_changed")
    assert (changed["locked"], changed["topic"]) == (True, "A short pause")
    assert ana.view.state.locked
    await ana.refused("room_locked", "post", text=PLAIN, key=new_key())
    refused = await ana.refused("room_locked", "post", text=CRISIS, key=new_key())
    assert refused["support"]["helplines"]
    flag = await fay.hears("flag", text=CRISIS)
    assert flag["verdict"] not in {"delivered", "held"}
    assert (await fay.say("We take a breath."))["verdict"] == "delivered"
    await ana.ask("help", text="I need somebody.")
    await fay.ask("set_room", locked=False)
    assert (await ana.say(PLAIN))["verdict"] == "delivered"
    late = await stage.person("Cleo")
    assert (late.view.state.topic, late.view.state.locked) == ("A short pause", False)
    await ben.caught_up_with(late.view.head)


async def test_slows_the_room(stage: Stage) -> None:
    """Slow mode asks each for patience and says for how long; a refused post costs nothing."""
    fay, ana, ben = await guided(stage)
    await fay.ask("set_room", slow_mode=30)
    assert (await ana.say(PLAIN))["verdict"] == "delivered"
    refused = await ana.refused("slow_mode", "post", text="And more.", key=new_key())
    assert 0 < refused["retry_after"] <= 30
    assert (await ben.say("Hello Ana."))["verdict"] == "delivered"
    refused = await ana.refused("slow_mode", "post", text=CRISIS, key=new_key())
    assert refused["support"]["helplines"]
    await fay.hears("flag", text=CRISIS)
    assert [(await fay.say(text))["verdict"] for text in ("One.", "Two.")] == ["delivered"] * 2
    await fay.ask("set_room", slow_mode=0)
    assert (await ana.say("And more."))["verdict"] == "delivered"


async def test_takes_turns_by_hands(stage: Stage) -> None:
    """With turns the first hand speaks; lowering it passes the turn on."""
    fay, ana, ben = await guided(stage)
    await fay.ask("set_room", turns=True)
    await ana.refused("not_your_turn", "post", text=PLAIN, key=new_key())
    await ana.ask("hand", up=True)
    await ben.ask("hand", up=True)
    queue = await fay.hears("hands", queue=[ana.id, ben.id])
    assert queue["speaker"] == ana.id
    assert (await ana.say(PLAIN))["verdict"] == "delivered"
    refused = await ben.refused("not_your_turn", "post", text=CRISIS, key=new_key())
    assert refused["support"]["helplines"]
    await fay.hears("flag", text=CRISIS)
    await ana.ask("hand", up=False)
    assert (await fay.hears("hands", queue=[ben.id]))["speaker"] == ben.id
    assert (await ben.say("My turn."))["verdict"] == "delivered"
    await fay.ask("set_room", turns=False)
    await ana.hears("room_changed", turns=False)
    assert (await ana.say("Thank you, Ben."))["verdict"] == "delivered"


async def test_pins_warns_and_retracts(stage: Stage) -> None:
    fay, ana, ben = await guided(stage)
    first, second = [(await ana.say(text))["seq"] for text in (PLAIN, "My dog died last week.")]
    await fay.ask("pin", seq=second)
    await fay.ask("pin", seq=first, seconds=3600)
    await ben.hears("pinned", target=second)
    timed = await ben.hears("pinned", target=first)
    assert timed["until"] > timed["at"]
    assert ben.view.state.pins == (first, second)
    late = await stage.person("Cleo")
    assert late.view.state.pins == (first, second)

    await fay.ask("warn", seq=second, warning="Loss of a pet")
    await ben.hears("warned", target=second, warning="Loss of a pet")
    assert ben.sees(second)["warning"] == "Loss of a pet"

    await fay.ask("unpin", seq=first)
    await ben.hears("unpinned", target=first)
    await fay.ask("retract", seq=second, reason="Asked for it.")
    gone = await ben.hears("retracted", target=second)
    assert gone["by"] == "staff"
    await ana.hears("held_decided", action="retract")
    assert ben.heard("held_decided") == []
    assert list(ben.view.state.pins) == []
    await fay.refused("not_found", "pin", seq=second)
    await fay.refused("not_found", "pin", seq=999)
    await fay.refused("not_found", "warn", seq=second, warning="Loss")


async def test_a_pin_for_a_time_ends_by_itself(stage: Stage) -> None:
    fay, ana, ben = await guided(stage)
    first, second = [(await ana.say(text))["seq"] for text in (PLAIN, "Tea at eight.")]
    await fay.ask("pin", seq=first)
    await fay.ask("pin", seq=second, seconds=1)
    await ben.hears("pinned", target=second)
    await ben.hears("unpinned", target=second)
    assert ben.view.state.pins == (first,)
    await fay.refused("not_found", "unpin", seq=second)


async def test_a_pin_ends_while_nobody_is_there(stage: Stage) -> None:
    """Whoever comes then is not shown it any more, and the log says when it went."""
    fay, ana, ben = await guided(stage)
    seq = (await ana.say(PLAIN))["seq"]
    until = (await fay.ask("pin", seq=seq, seconds=1))["seq"]
    await ben.caught_up_with(until)
    for person in (fay, ana, ben):
        await person.client.close()
        stage.people.remove(person)
    ended = ben.sees(until)["until"]
    await wait_until(lambda: time.time() * 1000 > ended)
    late = await stage.person("Cleo")
    assert late.view.state.pins == ()
    assert late.view.log()[-1]["type"] == "unpinned"


async def test_everyone_knows_whether_staff_are_here(stage: Stage) -> None:
    ana = await stage.person("Ana")
    assert ana.view.state.staffed is False
    fay = await stage.person("Fay", "facilitator", stage.room)
    assert fay.view.state.staffed is True
    await wait_until(lambda: ana.view.state.staffed)
    ben = await stage.person("Ben")
    assert ben.view.state.staffed is True
    await fay.client.leave(stage.room)
    for person in (ana, ben):
        await wait_until(lambda person=person: not person.view.state.staffed)  # type: ignore[misc]  # mypy knows no such lambda


async def test_a_grant_to_somebody_who_is_here_shows_at_once(stage: Stage) -> None:
    ana, ben = await stage.person("Ana"), await stage.person("Ben")
    await stage.server.hearth("staff", "add", "--role", "facilitator", "--user", ben.id, "--room", stage.room)
    await wait_until(lambda: ana.view.members[ben.id]["role"] == "facilitator")
    await wait_until(lambda: ana.view.state.staffed)
    await ben.ask("set_room", topic="Mine to set now")
    told = await ben.hears("notice", code="granted")
    assert [(one["room"], one["role"]) for one in told["rooms"]] == [(stage.room, "facilitator")]
    shared = told["cards"][0]["card"]
    await ben.ask("card", card=shared)
    assert (await ana.hears("card"))["card"]["card"] == shared
    await stage.server.hearth("staff", "revoke", ben.id)
    await wait_until(lambda: ben.id not in ana.view.members)
    await wait_until(lambda: not ana.view.state.staffed)
    stage.people.remove(ben)


async def test_a_closed_room_says_so_to_those_inside_and_to_staff(stage: Stage) -> None:
    fay, ana, _ = await guided(stage)
    await stage.server.hearth("room", "close", stage.room)
    assert (await ana.hears("room_changed"))["closed"] is True
    assert ana.view.state.closed
    await ana.refused("room_closed", "post", text=PLAIN, key=new_key())
    refused = await ana.refused("room_closed", "post", text=CRISIS, key=new_key())
    assert refused["support"]["helplines"]
    late = await stage.visitor("Cleo")
    await late.refused("room_closed", "join")
    moe = await stage.person("Moe", "moderator")
    assert moe.view.state.closed
    await stage.server.hearth("room", "add", stage.room)
    assert not (await fay.client.join(stage.room)).state.closed
    assert (await ana.say(PLAIN))["verdict"] == "delivered"
    stage.people.remove(late)


async def test_shares_a_card(stage: Stage) -> None:
    """With the room, or with one person alone."""
    fay, ana, ben = await guided(stage)
    await fay.ask("card", card="slow-breath", key=new_key())
    shared = await ben.hears("card")
    assert shared["from"]["id"] == fay.id
    assert shared["seq"] == 1
    await fay.ask("card", card="five-senses", to=ana.id, key=new_key())
    given = await ana.hears("card", useq=1)
    assert given["card"] != shared["card"]
    await fay.refused("not_found", "card", card="no-such-card")
    assert len(ben.heard("card")) == 1


async def test_holds_what_is_posted(stage: Stage) -> None:
    """With `hold` a participant's post waits; staff's do not; a crisis is told at once all the same."""
    fay, ana, ben = await guided(stage)
    await fay.ask("set_room", hold="all")
    assert (await fay.say("Staff may."))["verdict"] == "delivered"
    posted = await ana.say(PLAIN)
    assert posted["verdict"] == "held"
    assert posted["reasons"][0]["text"]
    posted = await ana.say(CRISIS)
    assert posted["verdict"] == "held"
    assert posted["support"]["helplines"]
    await fay.hears("flag", text=CRISIS)
    assert [event["text"] for event in ben.view.log() if event["type"] == "message"] == ["Staff may."]


async def test_acts_on_nobody_as_high_and_not_on_themselves(stage: Stage) -> None:
    """And a participant on nobody at all; decisions and bans are for moderators."""
    fay, ana, ben = await guided(stage)
    gil = await stage.person("Gil", "facilitator")
    mo = await stage.person("Mo", "moderator")
    said = (await mo.say(PLAIN))["seq"]
    for target in (gil, mo, fay):
        for command in ("mute", "remove"):
            await fay.refused("forbidden", command, user=target.id, seconds=60, reason="No.")
    await fay.refused("forbidden", "retract", seq=said)
    await fay.refused("not_found", "mute", user="u_nobody", seconds=60, reason="Who?")
    for command, fields in {
        "mute": {"user": ben.id, "seconds": 60, "reason": "No."},
        "remove": {"user": ben.id, "seconds": 60, "reason": "No."},
        "pin": {"seq": said},
        "warn": {"seq": said, "warning": "Loss"},
        "set_room": {"locked": True},
        "card": {"card": "slow-breath"},
    }.items():
        await ana.refused("forbidden", command, **fields)
    await ana.refused("forbidden", "watch", room=None)
    await fay.refused("forbidden", "ban", user=ana.id, reason="No.", room=None)
    await fay.refused("forbidden", "audit", limit=5)
    flag = (await ana.say(CRISIS)) and await fay.hears("flag")
    await fay.refused("forbidden", "claim", flag=flag["flag"], room=None)
    await fay.refused("forbidden", "decide", flag=flag["flag"], action="approve", note="", room=None)
    await ana.refused("forbidden", "claim", flag=flag["flag"], room=None)
    await fay.refused("not_found", "watch", rooms=["no-such-room"], room=None)
    for person in (fay, ana, ben, gil, mo):
        assert person.heard("muted") == person.heard("removed") == []


async def test_guides_one_room_and_no_other(stage: Stage) -> None:
    """A grant for one room gives nothing in another: what cannot be seen there is not found."""
    fay, _, ben = await guided(stage)
    await fay.refused("not_found", "mute", room="open-circle", user=ben.id, seconds=60, reason="No.")
    await fay.refused("not_found", "set_room", room="open-circle", locked=True)
    await fay.refused("not_found", "watch", rooms=["open-circle"], room=None)
