import asyncio

import pytest

from chat.client import CommandError, new_key
from tests.journeys.people import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

CRISIS = "I want to die"
PLAIN = "Good evening, everyone."


async def test_comes_in_talks_and_is_heard(stage: Stage) -> None:
    """Hello, welcome, join, and a first message that everybody gets, its sender too."""
    ana = await stage.visitor("Ana")
    welcome = ana.client.welcome
    assert welcome["user"] == {"id": ana.id, "name": ana.name}
    assert stage.room in {room["room"] for room in welcome["rooms"]}
    assert {room["role"] for room in welcome["rooms"]} == {"participant"}
    assert welcome["limits"]["text"] == 4000
    low, high = welcome["server"]["reconnect"]
    assert 0 <= low <= high

    view = await ana.client.join(stage.room)
    assert view.head == 0
    assert view.you == {"role": "participant", "muted_until": None}
    assert ana.id in view.members
    ben = await stage.person("Ben")
    await wait_until(lambda: ben.id in ana.view.members)
    assert ana.view.members[ben.id] == {"id": ben.id, "name": ben.name, "role": "participant"}
    assert ana.view.members == ben.view.members

    posted = await ana.say(PLAIN)
    assert (posted["verdict"], posted["seq"]) == ("delivered", 1)
    assert "support" not in posted
    for person in (ana, ben):
        message = await person.hears("message", seq=1)
        assert message["from"] == {"id": ana.id, "name": ana.name, "role": "participant"}
        assert message["text"] == PLAIN
        assert message["at"] > 0


async def test_says_they_want_to_die_and_is_cared_for(stage: Stage) -> None:
    """The room hears it, its author gets support at once and on every connection, and staff see a flag."""
    fay = await stage.person("Fay", "facilitator")
    assert (await fay.ask("watch", rooms=[stage.room], room=None))["flags"] == []
    ana, ben = await stage.person("Ana"), await stage.person("Ben")
    phone = await stage.person("Ana", user=ana.id)

    key = new_key()
    posted = await ana.say(CRISIS, key=key)
    assert posted["verdict"] == "delivered"
    assert posted["support"]["helplines"]
    assert posted["support"]["severity"] in {"moderate", "high"}
    assert posted["support"]["seen"] is False
    unseen = await ana.hears("support", key=key)
    assert unseen == await phone.hears("support", key=key)
    assert unseen["helplines"] == posted["support"]["helplines"]
    assert unseen["text"] == posted["support"]["text"]

    flag = await fay.hears("flag")
    assert (flag["kind"], flag["state"], flag["room"]) == ("message", "open", stage.room)
    assert (flag["seq"], flag["text"], flag["verdict"]) == (posted["seq"], CRISIS, "delivered")
    assert flag["severity"] == posted["support"]["severity"]
    assert flag["author"]["id"] == ana.id
    assert flag["due_at"] > flag["opened_at"] > 0
    assert flag["attended_by"] == []

    await ben.hears("message", text=CRISIS)
    assert not [event for kind in ("support", "flag") for event in ben.heard(kind)]

    await fay.ask("attend", flag=flag["flag"], room=None)
    seen = await ana.hears("support", key=key, seen=True)
    assert seen["text"] != unseen["text"]
    attended = await fay.hears("flag", rev=flag["rev"] + 1)
    assert [person["id"] for person in attended["attended_by"]] == [fay.id]


async def test_writes_what_the_room_cannot_take(stage: Stage) -> None:
    """A contact is redacted; more waits or is blocked, with the reason; a new version takes its place."""
    mo = await stage.person("Mo", "moderator")
    await mo.ask("watch", rooms=[stage.room], room=None)
    ana, ben = await stage.person("Ana"), await stage.person("Ben")

    posted = await ana.say("call me at 555-123-4567 any time")
    assert (posted["verdict"], posted["masked"]) == ("delivered", True)
    assert posted["reasons"][0]["text"]
    masked = await ben.hears("message", seq=posted["seq"])
    assert masked["masked"] is True
    assert "555" not in masked["text"]

    key = new_key()
    posted = await ana.say("buy xanax from me", key=key)
    assert posted["verdict"] in {"held", "blocked"}
    assert "seq" not in posted
    assert posted["reasons"]
    held = await ana.hears("held", key=key)
    assert held["flag"] == posted["flag"]
    assert held["text"] == "buy xanax from me"
    assert held["reasons"] == posted["reasons"]
    assert held["verdict"] == posted["verdict"]
    flag = await mo.hears("flag", flag=posted["flag"])
    assert flag["text"] == "buy xanax from me"

    better = await ana.say("The side effects are hard on me.", replaces=key)
    assert better["verdict"] == "delivered"
    decided = await ana.hears("held_decided", key=key)
    assert decided["flag"] == posted["flag"]
    await ben.hears("message", text="The side effects are hard on me.")
    await mo.hears("flag", flag=posted["flag"], verdict="replaced", state="decided")
    await mo.refused("conflict", "decide", flag=posted["flag"], action="approve", note="", room=None)
    assert not [message for message in ben.heard("message") if "xanax" in message["text"]]


async def test_takes_a_held_message_back(stage: Stage) -> None:
    """A text that waits can be withdrawn by its key, and is then released by nobody."""
    fay, ana = await stage.person("Fay", "facilitator"), await stage.person("Ana")
    await fay.ask("set_room", hold="all")
    key = new_key()
    posted = await ana.say(PLAIN, key=key)
    assert posted["verdict"] == "held"
    await ana.ask("retract", key=key)
    decided = await ana.hears("held_decided", key=key)
    assert "seq" not in decided
    assert fay.heard("message") == []


async def test_edits_retracts_and_reacts(stage: Stage) -> None:
    """Only one's own; everybody sees the text as it stands now, and no trace of one that was taken back."""
    ana, ben = await stage.person("Ana"), await stage.person("Ben")
    first = (await ana.say("Helo"))["seq"]
    edited = await ana.ask("edit", seq=first, text="Hello", key=new_key())
    assert edited["verdict"] == "delivered"
    await ben.hears("edited", target=first, text="Hello")
    assert ben.sees(first)["text"] == "Hello"
    await ben.refused("not_found", "edit", seq=first, text="Bye")

    await ben.ask("react", seq=first, reaction="🌱", on=True)
    await ana.hears("reacted", target=first, count=1)
    await ana.ask("react", seq=first, reaction="🌱", on=True)
    await ben.hears("reacted", target=first, count=2)
    await ben.ask("react", seq=first, reaction="🌱", on=True)
    await ben.ask("react", seq=first, reaction="🌱", on=False)
    await ana.hears("reacted", target=first, count=1, seq=5)
    assert ana.sees(first)["reactions"] == {"🌱": 1}
    await ben.refused("bad_request", "react", seq=first, reaction="🔪", on=True)

    await ben.refused("forbidden", "retract", seq=first)
    await ana.ask("retract", seq=first)
    gone = await ben.hears("retracted", target=first)
    assert gone["by"] == "author"
    assert "text" not in ben.sees(first)
    assert "text" not in ben.sees(2)
    assert "Hel" not in str((await ben.ask("history", after=0, limit=200))["events"])
    await ana.refused("not_found", "edit", seq=first, text="Back")
    await ben.refused("not_found", "react", seq=first, reaction="🌱", on=True)


async def test_an_edit_that_waits_leaves_the_original(stage: Stage) -> None:
    ana, ben = await stage.person("Ana"), await stage.person("Ben")
    first = (await ana.say(PLAIN))["seq"]
    posted = await ana.ask("edit", seq=first, text="you are a worthless idiot", key=new_key())
    assert posted["verdict"] in {"held", "blocked"}
    last = (await ana.say("Sorry."))["seq"]
    await ben.caught_up_with(last)
    assert ben.sees(first)["text"] == PLAIN


async def test_replies_and_pages_back(stage: Stage) -> None:
    """A reply names what it answers; history pages both ways, each event once and in order."""
    ana = await stage.person("Ana")
    first = (await ana.say(PLAIN))["seq"]
    reply = await ana.say("And to you.", reply_to=first)
    assert (await ana.hears("message", seq=reply["seq"]))["reply_to"] == first
    for word in ("Rain", "again", "today", "and", "wind", "too", "here", "now"):
        await ana.say(f"{word} it is.")
    head = ana.view.head

    newest = await ana.ask("history", before=head + 1, limit=4)
    assert [event["seq"] for event in newest["events"]] == [head - 3, head - 2, head - 1, head]
    older = await ana.ask("history", before=head - 3, limit=200)
    assert [event["seq"] for event in older["events"]] == [*range(1, head - 3)]
    later = await ana.ask("history", after=2, limit=3)
    assert [event["seq"] for event in later["events"]] == [3, 4, 5]
    assert (await ana.ask("history", before=1, limit=5))["events"] == []
    assert (await ana.ask("history", after=head, limit=5))["events"] == []
    await ana.refused("bad_request", "history", before=5, limit=201)
    await ana.refused("bad_request", "history", before=5, limit=0)


async def test_reports_and_asks_for_help(stage: Stage) -> None:
    """Staff see both; the person who was reported sees nothing."""
    fay = await stage.person("Fay", "facilitator")
    await fay.ask("watch", rooms=[stage.room], room=None)
    ana, ben = await stage.person("Ana"), await stage.person("Ben")
    seq = (await ben.say("I would not worry about it so much."))["seq"]
    before = len(ben.heard("flag"))
    await ana.ask("report", seq=seq, reason="This hurt.")
    report = await fay.hears("flag", kind="report")
    assert (report["seq"], report["author"]["id"]) == (seq, ben.id)
    assert report["reports"][0]["reason"] == "This hurt."
    await ana.refused("not_found", "report", seq=999, reason="Nothing there.")

    await ana.ask("help", text="Can somebody talk with me?")
    call = await fay.hears("flag", kind="help")
    assert call["severity"] in {"moderate", "high", "imminent"}
    assert call["text"] == "Can somebody talk with me?"
    assert call["author"]["id"] == ana.id
    assert "seq" not in call
    await ana.say("Thank you.")
    await ben.hears("message", text="Thank you.")
    assert len(ben.heard("flag")) == before == 0
    assert ben.view.private == {}


async def test_whispers_to_staff_and_to_nobody_else(stage: Stage) -> None:
    fay, ana, ben = (
        await stage.person("Fay", "facilitator"),
        await stage.person("Ana"),
        await stage.person("Ben"),
    )
    posted = await ana.ask("whisper", to=fay.id, text="May I pass today?", key=new_key())
    assert posted["verdict"] == "delivered"
    heard = await fay.hears("whisper")
    assert (heard["text"], heard["from"]["id"]) == ("May I pass today?", ana.id)
    await fay.ask("whisper", to=ana.id, text="Of course.")
    await ana.hears("whisper", text="Of course.")
    await ana.refused("forbidden", "whisper", to=ben.id, text="Hello you.")
    await ana.say(PLAIN)
    await ben.hears("message")
    assert ben.heard("whisper") == []
    assert ben.view.private == {}


async def test_the_same_key_is_one_message(stage: Stage) -> None:
    """However often it is sent, and from whichever connection: one entry, the first answer."""
    ana = await stage.person("Ana")
    phone = await stage.person("Ana", user=ana.id)
    ben = await stage.person("Ben")
    key = new_key()
    answers = await asyncio.gather(*(person.say(PLAIN, key=key) for person in (ana, phone, ana, phone)))
    assert {answer["seq"] for answer in answers} == {1}
    other = await ana.say("Something else by the same key.", key=key)
    assert other["seq"] == 1
    assert (await ben.say("Mine.", key=key))["seq"] == 2
    await ana.caught_up_with(2)
    assert [event["text"] for event in ana.view.log()] == [PLAIN, "Mine."]


async def test_a_key_tells_what_was_decided(stage: Stage) -> None:
    """The same key gets the first answer again, and after a decision also learns of that."""
    mo, ana = await stage.person("Mo", "moderator"), await stage.person("Ana")
    await mo.ask("set_room", hold="all")
    key = new_key()
    first = await ana.say(PLAIN, key=key)
    again = await ana.say(PLAIN, key=key)
    assert (again["verdict"], again["flag"]) == (first["verdict"], first["flag"]) == ("held", first["flag"])
    assert "decision" not in again
    await mo.ask("claim", flag=first["flag"], room=None)
    released = await mo.ask("decide", flag=first["flag"], action="approve", note="Fine.", room=None)
    told = await ana.say(PLAIN, key=key)
    assert told["verdict"] == "held"
    assert told["decision"]["action"] == "approve"
    assert told["decision"]["seq"] == released["seq"]


async def test_who_types_is_told_to_the_others(stage: Stage) -> None:
    ana, ben = await stage.person("Ana"), await stage.person("Ben")
    await ana.client.tell("typing", room=stage.room, on=True)
    assert (await ben.hears("typing"))["users"] == [ana.id]


async def test_leaves_and_hears_no_more(stage: Stage) -> None:
    ana, ben = await stage.person("Ana"), await stage.person("Ben")
    await ana.client.leave(stage.room)
    await wait_until(lambda: list(ben.view.members) == [ben.id])
    assert ben.view.count == 1
    await ben.say(PLAIN)
    await ana.refused("not_joined", "post", text="Still here?", key=new_key())
    assert ana.heard("message") == []


async def test_in_two_rooms_of_which_one_is_not_theirs(stage: Stage) -> None:
    """A token of one room opens no other: it is not found, whatever is asked of it."""
    ana = await stage.person("Ana", "participant", stage.room)
    assert [room["room"] for room in ana.client.welcome["rooms"]] == [stage.room]
    asked: dict[str, dict[str, object]] = {
        "join": {},
        "help": {"text": "Hello?"},
        "post": {"text": PLAIN, "key": new_key()},
        "history": {"before": 5, "limit": 5},
    }
    for command, fields in asked.items():
        with pytest.raises(CommandError) as caught:
            await ana.client.request(command, room="open-circle", **fields)
        assert caught.value.code == "not_found", command
    await ana.refused("not_found", "join", room="no-such-room")


async def test_accepts_the_agreement_first(stage: Stage) -> None:
    """Its text comes with the refusal; accepting its version lets one in, once for all."""
    stage.room = "evening-circle"
    ana = await stage.visitor("Ana")
    refused = await ana.refused("agreement_required", "join")
    agreement = refused["agreement"]
    assert agreement["text"]
    await ana.refused("agreement_required", "join", agree=agreement["version"] + 1)
    view = await ana.client.join(stage.room, agree=agreement["version"])
    assert view.state.agreement == agreement["version"]
    await ana.client.leave(stage.room)
    await ana.client.join(stage.room)
    await ana.client.leave(stage.room)
    stage.people.clear()
    stage.room = "open-circle"


async def test_a_full_room_says_so(stage: Stage) -> None:
    stage.room = "small"
    ana = await stage.person("Ana")
    ben = await stage.visitor("Ben")
    await ben.refused("room_full", "join")
    await ana.client.leave("small")
    await ben.client.join("small")
    await ben.client.leave("small")
