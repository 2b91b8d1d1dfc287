import pytest

from chat.client import new_key
from tests.journeys.people import Person, Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = "Good evening, everyone."
SECRET = "It is about my brother."
CRISIS = "I want to die"


async def talk(stage: Stage, fay: Person, ana: Person) -> str:
    """A private talk that both are in."""
    side = str((await fay.ask("aside", user=ana.id))["room"])
    invited = await ana.hears("aside", side_room=side)
    assert invited["with"] == {"id": fay.id, "name": fay.name, "role": "facilitator"}
    for person in (fay, ana):
        await person.client.join(side)
    return side


async def test_a_private_talk_beside_the_group(stage: Stage) -> None:
    """Its log is its own; the person keeps the group; nobody else sees, hears or enters it."""
    fay, ana, ben = (
        await stage.person("Fay", "facilitator"),
        await stage.person("Ana"),
        await stage.person("Ben"),
    )
    ada = await stage.person("Ada", "admin")
    side = await talk(stage, fay, ana)
    said = await ana.client.post(side, SECRET)
    assert (said["verdict"], said["seq"]) == ("delivered", 1)
    await wait_until(lambda: fay.client.views[side].head == 1)
    await ana.say(PLAIN)
    await ben.hears("message", text=PLAIN)
    for stranger in (ben, ada):
        for command in ("join", "history", "help", "leave"):
            await stranger.refused("not_found", command, room=side)
        await stranger.refused("not_found", "post", room=side, text=PLAIN, key=new_key())
        await stranger.refused("not_found", "whisper", room=side, to=ana.id, text=PLAIN)
    late = await stage.person("Cleo", "moderator")
    assert side not in str(late.client.welcome)
    for stranger in (ben, late):
        assert SECRET not in str(stranger.client.views)
        assert side not in str([*stranger.heard("aside"), *stranger.heard("presence")])
    stage.people.remove(ada)


async def test_it_is_ended_by_either_and_stays_ended(stage: Stage) -> None:
    """Nobody writes there any more, nobody comes back; the facilitator may look after the group."""
    fay, ana = await stage.person("Fay", "facilitator"), await stage.person("Ana")
    await fay.ask("watch", rooms=[stage.room], room=None)
    side = await talk(stage, fay, ana)
    await ana.client.post(side, SECRET)
    await fay.refused("conflict", "aside", user=ana.id)
    await ana.ask("leave", room=side)
    over = await fay.hears("aside", side_room=side, is_over=True)
    assert over["with"]["id"] == ana.id
    notice = await fay.hears("notice", code="aftercare")
    assert (await fay.ask("card", card=notice["card"]))["verdict"] == "delivered"
    await fay.refused("room_closed", "post", room=side, text=PLAIN, key=new_key())
    await ana.refused("room_closed", "join", room=side)
    again = await stage.person("Ana", user=ana.id)
    assert not [event for event in again.view.private.values() if event["type"] == "aside"]
    assert (await fay.ask("aside", user=ana.id))["room"] != side


async def test_an_invitation_can_be_declined(stage: Stage) -> None:
    fay, ana = await stage.person("Fay", "facilitator"), await stage.person("Ana")
    side = (await fay.ask("aside", user=ana.id))["room"]
    await ana.hears("aside", side_room=side)
    await ana.ask("leave", room=side)
    await fay.hears("aside", side_room=side, is_over=True)
    assert fay.heard("notice") == []
    await ana.ask("leave", room=stage.room)
    await ana.client.join(stage.room)


async def test_moderation_is_the_same_and_remembers_the_group(stage: Stage) -> None:
    """A crisis in the talk raises a flag that the group's moderators get, and its author is cared for."""
    mo, fay, ana = (
        await stage.person("Mo", "moderator"),
        await stage.person("Fay", "facilitator"),
        await stage.person("Ana"),
    )
    await mo.ask("watch", rooms=[stage.room], room=None)
    side = await talk(stage, fay, ana)
    posted = await ana.client.post(side, CRISIS)
    assert posted["support"]["helplines"]
    flag = await mo.hears("flag", room=side)
    assert flag["author"]["id"] == ana.id
    await mo.ask("attend", flag=flag["flag"], room=None)
    await ana.hears("support", room=side, seen=True)
    held = await ana.client.post(side, "buy xanax from me")
    assert held["verdict"] in {"held", "blocked"}


async def test_what_was_said_in_the_group_counts_in_the_talk(stage: Stage) -> None:
    """A sentence that is split over both is one sentence."""
    fay, ana = await stage.person("Fay", "facilitator"), await stage.person("Ana")
    alone = await ana.say("I took them")
    assert "support" not in alone
    ben = await stage.person("Ben")
    await fay.ask("watch", rooms=[stage.room], room=None)
    side = str((await fay.ask("aside", user=ben.id))["room"])
    await ben.client.join(side)
    await ben.say("the pills are in front of me")
    # What the room's node shows to staff, it reads later texts with.
    await fay.hears("flag", text="the pills are in front of me")
    beside = await ben.client.post(side, "I took them")
    assert beside["support"]["severity"] in {"high", "imminent"}


async def test_a_supervisor_is_there_openly(stage: Stage) -> None:
    fay, mo, ana = (
        await stage.person("Fay", "facilitator"),
        await stage.person("Mo", "moderator"),
        await stage.person("Ana"),
    )
    side = (await fay.ask("aside", user=ana.id, supervisor=mo.id))["room"]
    for person in (ana, mo):
        assert (await person.hears("aside", side_room=side))["supervisor"]["id"] == mo.id
        await person.client.join(side)
    await wait_until(lambda: mo.id in ana.client.views[side].members)


async def test_who_may_not_be_asked(stage: Stage) -> None:
    fay, ana, ben = (
        await stage.person("Fay", "facilitator"),
        await stage.person("Ana"),
        await stage.person("Ben"),
    )
    await fay.refused("forbidden", "aside", user=fay.id)
    await fay.refused("not_found", "aside", user="u_nobody")
    await fay.refused("not_found", "aside", user=ana.id, supervisor=ben.id)
    await ana.refused("forbidden", "aside", user=ben.id)
    side = await talk(stage, fay, ana)
    await fay.refused("bad_request", "aside", room=side, user=ana.id)
