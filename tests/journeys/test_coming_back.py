import asyncio

import pytest

from chat.client import CommandError, Ended, new_key
from tests.journeys.people import Person, Stage
from tests.journeys.raw import Dial
from tests.serving import SOON, new_name, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = "Good evening, everyone."
CRISIS = "I want to die"


async def leave_by_the_window(person: Person) -> None:
    """Their connection breaks, and they have noticed."""
    person.client.drop()
    await wait_until(lambda: not person.client.is_open)


async def test_a_dropped_socket_loses_nothing(stage: Stage) -> None:
    """What happened meanwhile comes once, in order, and the private log with it."""
    fay, ana, ben = (
        await stage.person("Fay", "facilitator"),
        await stage.person("Ana"),
        await stage.person("Ben"),
    )
    first = (await ben.say("Before."))["seq"]
    await ana.caught_up_with(first)
    entered = len(ana.heard("joined"))
    await leave_by_the_window(ana)
    await ben.say("While you were out.")
    await ben.ask("edit", seq=first, text="Before, again.")
    await fay.ask("whisper", to=ana.id, text="Are you well?")
    last = (await ben.say("And more."))["seq"]

    await wait_until(lambda: len(ana.heard("joined")) > entered)
    assert ana.heard("joined")[-1]["recovered"] is True
    await ana.caught_up_with(last)
    await ana.hears("whisper", text="Are you well?")
    seqs = [event["seq"] for event in ana.heard("message") + ana.heard("edited")]
    assert sorted(seqs) == [1, 2, 3, 4]
    assert ana.sees(first)["text"] == "Before, again."
    assert len(ana.heard("whisper")) == 1


async def test_a_post_is_sent_again_by_itself(stage: Stage) -> None:
    """Cut in the middle of sending, again and again: each text is in the log, once."""
    ana, ben = await stage.person("Ana"), await stage.person("Ben")
    for number in range(4):
        sending = asyncio.create_task(ana.say(f"Part {number} of the story."))
        await asyncio.sleep(0)
        ana.client.drop()
        assert (await sending)["verdict"] == "delivered"
    await ben.caught_up_with(4)
    assert [event["text"] for event in ben.view.log()] == [
        f"Part {number} of the story." for number in range(4)
    ]


async def test_a_position_is_taken_up_or_its_loss_is_told(stage: Stage) -> None:
    """`since` with the right epoch recovers; any other position gets the latest page and the reason."""
    ana = await stage.person("Ana")
    for text in ("One.", "Two.", "Three."):
        await ana.say(text)
    epoch = ana.view.epoch

    joined = await ana.ask("join", since=1, epoch=epoch, usince=0)
    assert joined["recovered"] is True
    assert "why" not in joined
    assert [event["seq"] for event in joined["events"]] == [2, 3]
    assert (joined["head"], joined["epoch"]) == (3, epoch)
    nothing = await ana.ask("join", since=3, epoch=epoch)
    assert (nothing["recovered"], nothing["events"]) == (True, [])

    for position, why in (
        ({}, "none"),
        ({"since": 1}, "epoch"),
        ({"since": 1, "epoch": "another"}, "epoch"),
        ({"since": 9, "epoch": epoch}, "ahead"),
    ):
        lost = await ana.ask("join", **position)
        assert (lost["recovered"], lost["why"]) == (False, why)
        assert [event["seq"] for event in lost["events"]] == [1, 2, 3]


async def test_the_private_log_is_taken_up_too(stage: Stage) -> None:
    """From `usince` on each event once; without it, all that is still open."""
    mo, ana = await stage.person("Mo", "moderator"), await stage.person("Ana")
    await ana.say(CRISIS, key="first")
    await mo.ask("set_room", hold="all")
    held = await ana.say("May this wait?", key="second")
    gone = await ana.say("And this?", key="third")
    await mo.ask("mute", user=ana.id, seconds=600, reason="A pause.")
    await mo.ask("claim", flag=gone["flag"], room=None)
    await mo.ask("decide", flag=gone["flag"], action="retract", note="", room=None)
    last = (await ana.hears("held_decided"))["useq"]

    joined = await ana.ask("join", since=0, epoch=ana.view.epoch, usince=1)
    assert joined["private"]["head"] == last
    assert [event["useq"] for event in joined["private"]["events"]] == [*range(2, last + 1)]

    fresh = await stage.person("Ana", user=ana.id)
    kept = [event["type"] for event in fresh.view.private.values()]
    assert sorted(kept) == ["held", "muted", "support"]
    assert {event.get("flag") for event in fresh.view.private.values()} >= {held["flag"]}


async def test_a_server_that_stops_and_starts_again(stage: Stage) -> None:
    """Told that it drains, clients come back by themselves to the same log; nothing that was said is gone."""
    async with serving(env=SOON) as server:
        there = Stage(server, "open-circle", stage.forms[0], stage.stack)
        ana, ben = await there.person("Ana"), await there.person("Ben")
        await ana.say(PLAIN)
        await ben.caught_up_with(1)
        epoch = ana.view.epoch
        assert await server.stop() == 0
        await ana.hears("draining")
        sending = asyncio.create_task(ana.say("Are you back?"))
        await server.start()
        assert (await sending)["seq"] == 2
        await ben.caught_up_with(2)
        assert ben.heard("joined")[-1]["recovered"] is True
        assert ben.view.epoch == epoch
        assert [event["text"] for event in ben.view.log()] == [PLAIN, "Are you back?"]
        for person in (ana, ben):
            await person.client.close()


async def test_a_link_with_an_invite(stage: Stage) -> None:
    """A code and a name make a new person of that room, and a token to keep; a name is one person's."""
    link = await stage.server.hearth("invite", stage.room)
    code = link.rpartition("=")[2]
    name = new_name("Iris")
    client = await stage.connect(code, name=name, country="ie")
    assert client.welcome["user"]["name"] == name
    assert [room["room"] for room in client.welcome["rooms"]] == [stage.room]
    assert client.welcome["expires"] > client.welcome["server"]["time"]
    assert client.token == client.welcome["token"] != code
    await client.join(stage.room)
    posted = await client.post(stage.room, CRISIS)
    assert "116 123" in str(posted["support"]["helplines"])

    again = await stage.connect(client.token)
    assert again.welcome["user"] == client.welcome["user"]
    for taken in (name, name.upper()):
        with pytest.raises(Ended) as ended:
            await stage.connect(code, name=taken)
        assert ended.value.refused is not None
        assert ended.value.refused.code == "conflict"
    with pytest.raises(Ended) as ended:
        await stage.connect(code, name="Moderator")
    assert ended.value.refused is not None
    assert ended.value.refused.code == "conflict"


async def test_an_invite_that_was_not_answered_is_sent_again(stage: Stage, dial: Dial) -> None:
    """With its key it is the same person, who may have thought of another name; others get nothing by it."""
    code = (await stage.server.hearth("invite", stage.room, "--uses", "1")).rpartition("=")[2]
    name, other = new_name("Heron"), new_name("Egret")
    hello = {"type": "hello", "token": code, "name": name, "key": new_key()}
    first = await (await dial()).ask(hello)
    again = await (await dial()).ask({**hello, "name": other, "country": "IE"})
    assert first["user"] == {"id": again["user"]["id"], "name": name}
    assert again["user"]["name"] == other
    assert [room["room"] for room in again["rooms"]] == [stage.room]
    for key in ({}, {"key": new_key()}):
        stranger = await (await dial()).ask({"type": "hello", "token": code, "name": other, **key})
        assert stranger["code"] == "unauthenticated"
    weak = await (await dial()).ask({**hello, "key": "short"})
    assert weak["code"] == "bad_request"


async def test_whom_one_hides_is_kept(stage: Stage) -> None:
    ana, ben = await stage.person("Ana"), await stage.person("Ben")
    assert "hidden" not in ana.client.welcome
    await ana.ask("profile", hidden=[ben.id], room=None)
    again = await stage.visitor("Ana", user=ana.id)
    assert again.client.welcome["hidden"] == [ben.id]


async def test_a_token_from_the_command_line(stage: Stage) -> None:
    token = await stage.server.hearth(
        "token", "--role", "facilitator", "--name", new_name("Fay"), "--room", stage.room
    )
    client = await stage.connect(token)
    assert [(room["room"], room["role"]) for room in client.welcome["rooms"]] == [(stage.room, "facilitator")]


async def test_lifting_a_removal_lets_one_back_in(stage: Stage) -> None:
    """Somebody who was removed while away is told on coming back, and is not in the room any more."""
    fay, ana = await stage.person("Fay", "facilitator"), await stage.person("Ana")
    await leave_by_the_window(ana)
    await fay.ask("remove", user=ana.id, seconds=0, reason="For today.")
    refused = await ana.hears("error", code="removed")
    assert refused["room"] == stage.room
    assert stage.room not in ana.client.views
    with pytest.raises(CommandError):
        await ana.client.post(stage.room, PLAIN, key=new_key())
