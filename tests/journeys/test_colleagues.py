"""Moderators among themselves: handing over, opinions, and not too much for one of them."""

import pytest

from tests.journeys.people import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

DANGER = "I took 20 pills of tylenol"


async def test_no_two_imminent_in_a_row_while_somebody_is_free(stage: Stage) -> None:
    """The second is offered to whoever is free, by name; it can be taken all the same."""
    mo, ana, ben = await stage.person("Mo", "moderator"), await stage.person("Ana"), await stage.person("Ben")
    await mo.ask("watch", rooms=[stage.room], room=None)
    for who in (ana, ben):
        await who.say(DANGER)
    await wait_until(lambda: len({flag["flag"] for flag in mo.heard("flag")}) == 2)
    first, second = dict.fromkeys(flag["flag"] for flag in mo.heard("flag"))
    await mo.ask("claim", flag=first, room=None)
    await mo.ask("decide", flag=first, action="retract", note="With her now.", room=None)
    nia = await stage.person("Nia", "moderator")
    refused = await mo.refused("conflict", "claim", flag=second, room=None)
    assert (refused["by"], refused["anyway"]) == (nia.name, True)
    assert nia.name in refused["text"]
    assert (await mo.ask("claim", flag=second, anyway=True, room=None))["flag"]["claimed_by"]["id"] == mo.id
    assert (await mo.ask("claim", flag=second, room=None))["flag"]["claimed_by"]["id"] == mo.id, "a renewal"


async def test_a_topic_that_somebody_does_not_take(stage: Stage) -> None:
    mo, ana = await stage.person("Mo", "moderator"), await stage.person("Ana")
    await mo.ask("watch", rooms=[stage.room], room=None)
    await mo.refused("bad_request", "profile", avoids=["rain"], room=None)
    await mo.ask("profile", avoids=["suicide"], room=None)
    await ana.say("I want to die")
    flag = (await mo.hears("flag"))["flag"]
    nia = await stage.person("Nia", "moderator")
    assert (await mo.refused("conflict", "claim", flag=flag, room=None))["by"] == nia.name
    await nia.client.close()
    stage.people.remove(nia)
    await mo.ask("claim", flag=flag, anyway=True, room=None)


async def test_a_break_is_suggested_after_heavy_reading(stage: Stage) -> None:
    mo = await stage.person("Mo", "moderator")
    await mo.ask("watch", rooms=[stage.room], room=None)
    for number in range(3):
        who = await stage.person(f"Ana {'abc'[number]}")
        posted = await who.say(DANGER)
        assert mo.heard("notice", code="break") == []
        await mo.ask("claim", flag=posted["flag"], anyway=True, room=None)
    assert (await mo.hears("notice", code="break"))["text"]


async def test_a_child_at_risk_is_seen_as_such_and_the_supervisor_called(stage: Stage) -> None:
    """By what the text says, without anybody sending it on."""
    fay, ada, ana = [
        await stage.person(name, role)
        for name, role in (("Fay", "facilitator"), ("Ada", "admin"), ("Ana", "participant"))
    ]
    for who in (fay, ada):
        await who.ask("watch", rooms=[stage.room], room=None)
    await ana.say("he beats the kids when he is drunk")
    flag = await fay.hears("flag")
    assert (flag["route"], flag["routed_by"]) == ("safeguarding", "rule")
    assert (await ada.hears("notice", code="call"))["flag"] == flag["flag"]
    await fay.hears("notice", code="call", flag=flag["flag"])
    await ana.say("my husband hits me")
    await wait_until(lambda: len(fay.heard("flag", rev=1)) == 2)
    assert "route" not in fay.heard("flag", rev=1)[1]


async def test_a_flag_is_handed_over_live(stage: Stage) -> None:
    mo, nia, ana = [
        await stage.person(name, role)
        for name, role in (("Mo", "moderator"), ("Nia", "moderator"), ("Ana", "participant"))
    ]
    for who in (mo, nia):
        await who.ask("watch", rooms=[stage.room], room=None)
    await ana.say("I want to die")
    flag = (await mo.hears("flag"))["flag"]
    await mo.ask("claim", flag=flag, room=None)
    await mo.refused("too_long", "note", flag=flag, text="n" * 501, room=None)
    await mo.refused("bad_request", "note", flag=flag, text=" ", room=None)
    await mo.ask("note", flag=flag, text="You know her.", to=nia.id, room=None)
    assert (await nia.hears("notice", code="handed"))["flag"] == flag
    await nia.ask("decide", flag=flag, action="approve", note="Spoke with her.", room=None)
    assert ana.heard("notice") == ana.heard("flag") == []
