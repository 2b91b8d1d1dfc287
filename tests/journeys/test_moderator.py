import asyncio

import pytest

from chat.client import Ended, new_key
from tests.journeys.people import Person, Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

CRISIS = "I want to die"
DANGER = "I took 20 pills of tylenol"
SALE = "buy xanax from me"
PLAIN = "Good evening, everyone."


async def desk(stage: Stage) -> tuple[Person, Person, Person]:
    """A moderator who watches, and two participants."""
    mo = await stage.person("Mo", "moderator")
    await mo.ask("watch", rooms=[stage.room], room=None)
    return mo, await stage.person("Ana"), await stage.person("Ben")


async def test_releases_a_held_message(stage: Stage) -> None:
    """Claim, read what was around, approve: it is in the room at a new seq, and its author is told."""
    mo, ana, ben = await desk(stage)
    await ben.say(PLAIN)
    await mo.ask("set_room", hold="all")
    key = new_key()
    posted = await ana.say("It has been a hard week.", key=key)
    flag = await mo.hears("flag", flag=posted["flag"])
    assert (flag["state"], flag["verdict"]) == ("open", "held")

    claimed = await mo.ask("claim", flag=flag["flag"], room=None)
    assert claimed["flag"]["state"] == "claimed"
    assert claimed["flag"]["claimed_by"]["id"] == mo.id
    assert claimed["lease_until"] == claimed["flag"]["lease_until"]
    assert PLAIN in str(claimed["context"])
    renewed = await mo.ask("claim", flag=flag["flag"], room=None)
    assert renewed["lease_until"] >= claimed["lease_until"]

    done = await mo.ask("decide", flag=flag["flag"], action="approve", note="Harmless.", room=None)
    message = await ben.hears("message", seq=done["seq"])
    assert message["text"] == "It has been a hard week."
    assert message["from"]["id"] == ana.id
    decided = await ana.hears("held_decided", key=key)
    assert (decided["action"], decided["seq"], decided["flag"]) == ("approve", done["seq"], flag["flag"])
    assert decided["text"]
    assert "Harmless" not in str(decided)
    closed = await mo.hears("flag", flag=flag["flag"], state="decided")
    assert closed["decision"]["action"] == "approve"
    await mo.refused("conflict", "decide", flag=flag["flag"], action="retract", note="", room=None)
    assert (await mo.ask("watch", rooms=[stage.room], room=None))["flags"] == []
    assert ben.heard("held_decided") == ben.heard("flag") == []


async def test_releases_it_with_a_warning(stage: Stage) -> None:
    mo, ana, ben = await desk(stage)
    await mo.ask("set_room", hold="all")
    posted = await ana.say("My brother died last year.")
    await mo.ask("claim", flag=posted["flag"], room=None)
    await mo.refused("bad_request", "decide", flag=posted["flag"], action="warn", note="", room=None)
    done = await mo.ask("decide", flag=posted["flag"], action="warn", warning="Grief", note="", room=None)
    assert (await ben.hears("message", seq=done["seq"]))["warning"] == "Grief"


async def test_keeps_a_held_message_from_the_room(stage: Stage) -> None:
    """Retracted is never released, and its text is gone from the author's own log as well."""
    mo, ana, ben = await desk(stage)
    key = new_key()
    posted = await ana.say(DANGER, key=key)
    assert posted["verdict"] == "held"
    assert posted["support"]["severity"] == "imminent"
    assert posted["support"]["helplines"][0]
    assert "block" not in str(posted["reasons"]).lower()
    flag = await mo.hears("flag", flag=posted["flag"])
    assert (flag["severity"], flag["text"]) == ("imminent", DANGER)
    await mo.ask("attend", flag=flag["flag"], room=None)
    await ana.hears("support", key=key, seen=True)
    await mo.ask("claim", flag=flag["flag"], room=None)
    words = "We are with you. Please write to us with help at any time."
    await mo.ask("decide", flag=flag["flag"], action="retract", note="Method.", text=words, room=None)
    decided = await ana.hears("held_decided", key=key)
    assert (decided["action"], decided["text"]) == ("retract", words)
    assert "seq" not in decided
    await ana.say(PLAIN)
    await ben.hears("message", text=PLAIN)
    assert "pills" not in str(ben.view.entries)
    again = await stage.person("Ana", user=ana.id)
    assert "pills" not in str(again.view.private)


async def test_two_moderators_and_one_decision(stage: Stage) -> None:
    """One holds the claim, the other is told who; without a claim, or by an old view, nothing is decided."""
    mo, ana, ben = await desk(stage)
    nia = await stage.person("Nia", "moderator")
    await mo.ask("set_room", hold="all")
    posted = await ana.say(PLAIN)
    flag = await mo.hears("flag", flag=posted["flag"])
    await nia.refused("conflict", "decide", flag=flag["flag"], action="approve", note="", room=None)

    answers = await asyncio.gather(
        *(person.ask("claim", flag=flag["flag"], room=None) for person in (mo, nia)), return_exceptions=True
    )
    [winner] = [person for person, answer in zip((mo, nia), answers, strict=True) if isinstance(answer, dict)]
    loser = nia if winner is mo else mo
    refused = await loser.refused("conflict", "claim", flag=flag["flag"], room=None)
    assert refused["by"] in (
        winner.id,
        winner.name,
        {"id": winner.id, "name": winner.name, "role": "moderator"},
    )
    await loser.refused("conflict", "decide", flag=flag["flag"], action="retract", note="", room=None)
    await winner.refused(
        "conflict", "decide", flag=flag["flag"], action="approve", note="", rev=flag["rev"], room=None
    )
    await winner.ask("unclaim", flag=flag["flag"], room=None)
    taken = await loser.ask("claim", flag=flag["flag"], room=None)
    await loser.ask(
        "decide", flag=flag["flag"], action="approve", note="", rev=taken["flag"]["rev"], room=None
    )
    await ben.hears("message", text=PLAIN)
    await winner.refused("conflict", "claim", flag=flag["flag"], room=None)


async def test_a_claim_ends_with_its_connection(stage: Stage) -> None:
    mo, ana, _ = await desk(stage)
    nia = await stage.person("Nia", "moderator")
    await mo.ask("set_room", hold="all")
    posted = await ana.say(PLAIN)
    await nia.ask("claim", flag=posted["flag"], room=None)
    await mo.refused("conflict", "claim", flag=posted["flag"], room=None)
    await nia.client.close()
    await mo.hears("flag", flag=posted["flag"], state="open", rev=3)
    assert (await mo.ask("claim", flag=posted["flag"], room=None))["flag"]["claimed_by"]["id"] == mo.id
    stage.people.remove(nia)


async def test_decides_about_a_delivered_message(stage: Stage) -> None:
    """`dismiss` leaves it, `warn` puts a warning, `retract` removes it and tells its author."""
    mo, ana, ben = await desk(stage)
    seqs = [(await ana.say(text))["seq"] for text in ("One thing.", "Another thing.", "A third thing.")]
    for seq, action in zip(seqs, ("dismiss", "warn", "retract"), strict=True):
        await ben.ask("report", seq=seq, reason="Please look.")
        flag = await mo.hears("flag", kind="report", seq=seq)
        await mo.ask("claim", flag=flag["flag"], room=None)
        warning = "Heavy" if action == "warn" else None
        await mo.ask("decide", flag=flag["flag"], action=action, note="", warning=warning, room=None)
    await ben.hears("retracted", target=seqs[2])
    assert ben.sees(seqs[0])["text"] == "One thing."
    assert ben.sees(seqs[1])["warning"] == "Heavy"
    assert ben.sees(seqs[2])["retracted"] is True
    decided = await ana.hears("held_decided")
    assert decided["action"] == "retract"
    assert len(ana.heard("held_decided")) == 1
    assert ana.heard("flag") == []


async def test_no_sanction_follows_from_pain(stage: Stage) -> None:
    """A flag that is only about the author's own risk leads to no mute, removal or ban."""
    mo, ana, ben = await desk(stage)
    await ana.say(CRISIS)
    flag = await mo.hears("flag", text=CRISIS)
    await mo.ask("claim", flag=flag["flag"], room=None)
    for action in ("mute", "remove", "ban"):
        await mo.refused(
            "forbidden", "decide", flag=flag["flag"], action=action, note="", seconds=60, room=None
        )
    await mo.ask("decide", flag=flag["flag"], action="approve", note="Cared for.", room=None)
    assert (await ana.say("Thank you."))["verdict"] == "delivered"
    await ben.hears("message", text=CRISIS)
    assert "retracted" not in ben.sees(flag["seq"])


async def test_mutes_by_decision(stage: Stage) -> None:
    """The text stays out and its author may not post; the room sees neither."""
    mo, ana, ben = await desk(stage)
    key = new_key()
    posted = await ana.say(SALE, key=key)
    await mo.ask("claim", flag=posted["flag"], room=None)
    await mo.ask("decide", flag=posted["flag"], action="mute", note="", seconds=600, room=None)
    assert (await ana.hears("muted"))["until"] > 0
    await ana.hears("held_decided", key=key)
    await ana.refused("muted", "post", text=PLAIN, key=new_key())
    await ben.say(PLAIN)
    await ana.hears("message", text=PLAIN)
    assert ben.heard("muted") == []


async def test_bans_and_lifts_it(stage: Stage) -> None:
    """All of the person's connections end with a code that says to stay away, and no new one is let in."""
    mo, ana, _ = await desk(stage)
    token = ana.client.token
    phone = await stage.person("Ana", user=ana.id)
    await mo.ask("ban", user=ana.id, reason="Sold medication.", room=None)
    for connection in (ana, phone):
        with pytest.raises(Ended) as ended:
            async for _event in connection.client.events():
                pass
        assert ended.value.code == 4503
    with pytest.raises(Ended) as ended:
        await stage.connect(token)
    assert ended.value.code == 4503
    assert ended.value.refused is not None
    assert ended.value.refused.code == "banned"
    await mo.ask("unban", user=ana.id, reason="It was a mistake.", room=None)
    client = await stage.connect(token)
    await client.join(stage.room)
    assert (await client.post(stage.room, PLAIN))["verdict"] == "delivered"


async def test_bans_nobody_as_high(stage: Stage) -> None:
    mo, _, _ = await desk(stage)
    nia = await stage.person("Nia", "moderator")
    await mo.refused("forbidden", "ban", user=nia.id, reason="No.", room=None)
    await mo.refused("forbidden", "ban", user=mo.id, reason="No.", room=None)
    assert (await nia.say(PLAIN))["verdict"] == "delivered"


async def test_nobody_sees_a_flag_about_themselves(stage: Stage) -> None:
    """One about a facilitator goes to moderators alone; one about a moderator to the others."""
    mo, _, _ = await desk(stage)
    nia = await stage.person("Nia", "moderator")
    fay = await stage.person("Fay", "facilitator")
    for person in (nia, fay):
        await person.ask("watch", rooms=[stage.room], room=None)
    await mo.say(CRISIS)
    mine = await nia.hears("flag", text=CRISIS)
    await mo.refused("not_found", "claim", flag=mine["flag"], room=None)
    await mo.refused("not_found", "attend", flag=mine["flag"], room=None)
    assert (await mo.ask("watch", rooms=[stage.room], room=None))["flags"] == []
    assert (await fay.ask("watch", rooms=[stage.room], room=None))["flags"] == []
    await fay.refused("not_found", "attend", flag=mine["flag"], room=None)
    [listed] = (await nia.ask("watch", rooms=[stage.room], room=None))["flags"]
    assert listed["flag"] == mine["flag"]
    assert mo.heard("flag") == fay.heard("flag") == []


async def test_the_queue_is_in_order(stage: Stage) -> None:
    """The most pressing first, whatever came first."""
    mo, ana, ben = await desk(stage)
    cleo = await stage.person("Cleo")
    await ana.say(SALE)
    await ben.say(CRISIS)
    await cleo.say(DANGER)
    await wait_until(lambda: len({flag["flag"] for flag in mo.heard("flag")}) == 3)
    flags = (await mo.ask("watch", rooms=[stage.room], room=None))["flags"]
    order = ["imminent", "high", "moderate", "low", "none"]
    ranks = [order.index(flag["severity"]) for flag in flags]
    assert ranks == sorted(ranks)
    assert flags[0]["text"] == DANGER
    assert flags[-1]["text"] == SALE


async def test_escalates_and_leaves_it_open(stage: Stage) -> None:
    mo, ana, _ = await desk(stage)
    nia = await stage.person("Nia", "moderator")
    await ana.say(CRISIS)
    flag = await mo.hears("flag")
    await mo.ask("claim", flag=flag["flag"], room=None)
    await mo.ask("decide", flag=flag["flag"], action="escalate", note="Please take over.", room=None)
    claimed = await nia.ask("claim", flag=flag["flag"], room=None)
    assert claimed["flag"]["state"] == "claimed"


async def test_what_staff_did_is_in_the_audit_trail(stage: Stage) -> None:
    """In order, with who and what; not with what people wrote."""
    mo, ana, ben = await desk(stage)
    seq = (await ana.say("A quiet thought."))["seq"]
    await mo.ask("pin", seq=seq)
    await mo.ask("mute", user=ben.id, seconds=60, reason="A pause.")
    await mo.ask("retract", seq=seq, reason="Asked for it.")
    page = await mo.ask("audit", limit=50)
    assert [entry["n"] for entry in page["events"]] == [*range(1, len(page["events"]) + 1)]
    acts = [entry["action"] for entry in page["events"] if entry["by"]["id"] == mo.id]
    assert acts == ["pin", "mute", "retract"]
    assert "quiet thought" not in str(page)
    about = await mo.ask("audit", limit=50, user=ben.id)
    assert [entry["action"] for entry in about["events"]] == ["mute"]


async def test_nobody_reads_of_a_flag_about_themselves_in_the_trail(stage: Stage) -> None:
    """Nor of an appeal on an act of their own beside another flag of its author."""
    mo, ana, _ = await desk(stage)
    nia = await stage.person("Nia", "moderator")
    await nia.say(CRISIS)
    flag = await mo.hears("flag", author={"id": nia.id, "name": nia.name, "role": "moderator"})
    await mo.ask("claim", flag=flag["flag"], room=None)
    assert flag["flag"] in str(await mo.ask("audit", limit=50))
    assert flag["flag"] not in str(await nia.ask("audit", limit=50))
    said = await ana.say("I feel like a burden to everyone.")
    first = await mo.hears("flag", seq=said["seq"])
    await mo.ask("claim", flag=first["flag"], room=None)
    await mo.ask("decide", flag=first["flag"], action="retract", note="n", room=None)
    await ana.ask("appeal", flag=first["flag"], text="Please look again.", room=None)
    said = await ana.say(CRISIS)
    second = await mo.hears("flag", seq=said["seq"])
    context = (await mo.ask("claim", flag=second["flag"], anyway=True, room=None))["context"]
    assert [earlier["kind"] for earlier in context["earlier"]] == ["message"]


async def test_flags_of_a_room_stay_in_it(stage: Stage) -> None:
    """A moderator of one room sees, claims and reads nothing of another."""
    mo, ana, _ = await desk(stage)
    out = await stage.visitor("Otto", "moderator", "open-circle")
    await ana.say(CRISIS)
    flag = await mo.hears("flag")
    for command in ("attend", "claim", "unclaim"):
        await out.refused("not_found", command, flag=flag["flag"], room=None)
    await out.refused("not_found", "decide", flag=flag["flag"], action="approve", note="", room=None)
    await out.refused("not_found", "audit", limit=5)
    await out.refused("not_found", "watch", rooms=[stage.room], room=None)
    queue = await out.ask("watch", room=None)
    assert flag["flag"] not in {other["flag"] for other in queue["flags"]}
    await mo.refused("not_found", "claim", flag="no-such-flag", room=None)


async def test_somebody_else_looks_again(stage: Stage) -> None:
    """An author appeals; the first moderator neither sees nor takes it; the second takes the decision back."""
    mo, ana, ben = await desk(stage)
    nia = await stage.person("Nia", "moderator")
    await nia.ask("watch", rooms=[stage.room], room=None)
    await mo.ask("set_room", hold="all")
    key = new_key()
    flag = (await ana.say("It has been a hard week.", key=key))["flag"]
    await mo.ask("claim", flag=flag, room=None)
    await mo.ask("decide", flag=flag, action="retract", note="Off topic.", room=None)
    await ana.hears("held_decided", key=key)
    assert (await ana.ask("appeal", flag=flag, text="It was about my week.", room=None))["note"]
    waits = await nia.hears("flag", kind="appeal", state="open")
    assert waits["against"]["flag"] == flag
    assert mo.heard("flag", kind="appeal") == []
    await mo.refused("not_found", "claim", flag=waits["flag"], room=None)
    opened = await nia.ask("evidence", flag=flag, purpose="the appeal", room=None)
    assert opened["text"] == "It has been a hard week."
    await nia.ask("claim", flag=waits["flag"], room=None)
    done = await nia.ask("decide", flag=waits["flag"], action="approve", note="Fine.", room=None)
    assert (await ben.hears("message", seq=done["seq"]))["text"] == "It has been a hard week."
    assert (await ana.hears("held_decided", action="approve"))["key"] == key
    await ana.refused("conflict", "appeal", flag=flag, text="Once more.", room=None)
    await ben.refused("not_found", "appeal", flag=flag, text="And I?", room=None)


async def test_a_mute_can_be_appealed(stage: Stage) -> None:
    mo, ana, _ = await desk(stage)
    fay = await stage.person("Fay", "facilitator")
    await fay.ask("mute", user=ana.id, seconds=600, reason="Too much.")
    muted = await ana.hears("muted")
    await ana.ask("appeal", flag=muted["flag"], text="I will be gentler.", room=None)
    refused = await ana.refused("conflict", "appeal", flag=muted["flag"], text=CRISIS, room=None)
    assert refused["support"]["helplines"]
    assert (await mo.hears("flag", kind="help"))["text"] == CRISIS
    waits = await mo.hears("flag", kind="appeal", state="open")
    await mo.ask("claim", flag=waits["flag"], room=None)
    await mo.ask("decide", flag=waits["flag"], action="approve", note="Fine.", room=None)
    await ana.hears("unmuted")
    assert (await ana.say(PLAIN))["verdict"] == "delivered"


async def test_the_claim_shows_what_helps_to_decide(stage: Stage) -> None:
    """What was around, what the author wrote of late and how it went over time, earlier flags, reports; audited."""
    mo, ana, ben = await desk(stage)
    await ben.say(PLAIN)
    first = await ana.say("I feel like a burden to everyone.")
    flag = await mo.hears("flag", seq=first["seq"])
    await mo.ask("claim", flag=flag["flag"], room=None)
    await mo.ask("decide", flag=flag["flag"], action="approve", note="Spoke with her.", room=None)
    second = await ana.say("Thank you all for listening.")
    await ben.ask("report", seq=second["seq"], reason="I worry about her.")
    flag = await mo.hears("flag", kind="report", seq=second["seq"])
    context = (await mo.ask("claim", flag=flag["flag"], room=None))["context"]
    assert PLAIN in [event.get("text") for event in context["around"]]
    assert [event["seq"] for event in context["recent"]] == [first["seq"], second["seq"]]
    [earlier] = context["earlier"]
    assert (earlier["decision"]["action"], "text" in earlier) == ("approve", False)
    assert [point["severity"] for point in context["line"]][-1] == "none"
    assert context["line"][0]["severity"] != "none"
    assert [report["reason"] for report in context["reports"]] == ["I worry about her."]
    trail = (await mo.ask("audit", limit=5))["events"]
    assert (trail[-1]["action"], trail[-1]["what"], trail[-1]["user"]) == ("claim", "context", ana.id)


async def test_the_queue_is_chosen_from_and_counted(stage: Stage) -> None:
    mo, ana, ben = await desk(stage)
    seq = (await ben.say(PLAIN))["seq"]
    await ana.ask("report", seq=seq, reason="Please look.")
    await ana.say(CRISIS)
    await ben.ask("help", text="")
    await mo.hears("flag", kind="help")

    async def listed(**fields: object) -> list[tuple[str, str]]:
        queue = await mo.ask("watch", rooms=[stage.room], room=None, **fields)
        assert queue["counts"]["open"] == 3
        assert queue["counts"]["kind"] == {"message": 1, "help": 1, "report": 1}
        assert queue.get("more", False) is (fields.get("limit") == 1)
        return [(flag["kind"], flag["author"]["id"]) for flag in queue["flags"]]

    assert await listed() == [("message", ana.id), ("help", ben.id), ("report", ben.id)]
    assert await listed(severity="moderate") == [("message", ana.id), ("help", ben.id)]
    assert await listed(kinds=["report"]) == [("report", ben.id)]
    assert await listed(limit=1) == [("message", ana.id)]
    await mo.refused("bad_request", "watch", rooms=[stage.room], room=None, severity="grave")
