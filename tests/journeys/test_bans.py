"""Whoever is banned stays out, and may ask somebody else to look again."""

from typing import Any

import pytest

from tests.journeys.people import Person, Stage
from tests.journeys.raw import Dial
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUDE = "you are a pathetic idiot and everybody here hates you"
CRISIS = "i don't want to live any more, and nobody knows"


async def at_the_door(dial: Dial, token: str, **more: str) -> dict[str, Any]:
    """What the door says; it shuts."""
    wire = await dial()
    answer = await wire.ask({"type": "hello", "id": 1, "token": token, **more})
    assert (answer["type"], answer["code"]) == ("error", "banned")
    assert await wire.close_code() == 4503
    return answer


async def banned(stage: Stage) -> tuple[Person, Person, str]:
    """Who banned somebody, another moderator, and the token of whom it was."""
    mo, nia = await stage.person("Mo", "moderator"), await stage.person("Nia", "moderator")
    ana = await stage.person("Ana")
    for who in (mo, nia):
        await who.ask("watch", rooms=[stage.room], room=None)
    token = ana.client.token
    await mo.ask("ban", user=ana.id, reason="Sold medication.", room=None)
    await wait_until(lambda: not ana.client.is_open)
    return mo, nia, token


async def test_a_ban_is_taken_back_by_somebody_else(stage: Stage, dial: Dial) -> None:
    mo, nia, token = await banned(stage)
    first = await at_the_door(dial, token)
    assert (first["appeal"], "in your own words" in first["text"]) == ("possible", True)
    said = await at_the_door(dial, token, appeal="That was my sister, on my phone.")
    assert (said["flag"], said["appeal"]) == (first["flag"], "asked")
    assert "Thank you for telling us" in said["text"]
    assert "support" not in said
    asked = await nia.hears("flag", kind="appeal")
    assert asked["text"] == "That was my sister, on my phone."
    assert asked["against"]["action"] == "ban"
    assert mo.heard("flag", kind="appeal") == []
    await mo.refused("not_found", "claim", flag=asked["flag"], room=None)
    assert "Thank you" in (await at_the_door(dial, token))["text"]
    again = await at_the_door(dial, token, appeal="And I mean it.")
    assert "being looked at again already" in again["text"]
    await nia.ask("claim", flag=asked["flag"], room=None)
    await nia.ask("decide", flag=asked["flag"], action="approve", note="Believable.", room=None)
    client = await stage.connect(token)
    await client.join(stage.room)
    assert (await client.post(stage.room, "Thank you, I am back."))["verdict"] == "delivered"


async def test_a_ban_that_stays_is_told_as_such(stage: Stage, dial: Dial) -> None:
    _, nia, token = await banned(stage)
    await at_the_door(dial, token, appeal="I do not see why.")
    asked = await nia.hears("flag", kind="appeal")
    await nia.ask("claim", flag=asked["flag"], room=None)
    await nia.ask("decide", flag=asked["flag"], action="dismiss", note="Twice already.", room=None)
    stays = await at_the_door(dial, token)
    assert (stays["appeal"], "and it stays" in stays["text"]) == ("decided", True)
    assert "being looked at again already" in (await at_the_door(dial, token, appeal="Please."))["text"]


async def test_whoever_is_in_danger_as_they_ask_is_cared_for(stage: Stage, dial: Dial) -> None:
    _, nia, token = await banned(stage)
    answer = await at_the_door(dial, token, appeal=CRISIS)
    assert answer["support"]["helplines"]
    found = await nia.hears("flag", text=CRISIS, verdict="refused")
    assert found["severity"] in ("moderate", "high")
    await nia.hears("flag", kind="appeal")


async def test_a_ban_by_decision_is_appealed_alike(stage: Stage, dial: Dial) -> None:
    """And only by somebody of all rooms is it taken back."""
    mo, ana = await stage.person("Mo", "moderator"), await stage.person("Ana")
    here = await stage.visitor("Nia", "moderator", stage.room)
    admin = await stage.person("Ada", "admin")
    for who in (mo, here, admin):
        await who.ask("watch", rooms=[stage.room], room=None)
    token = ana.client.token
    await ana.say(RUDE)
    flag = (await mo.hears("flag"))["flag"]
    await mo.ask("claim", flag=flag, room=None)
    await mo.ask("decide", flag=flag, action="ban", note="Attacks.", seconds=0, room=None)
    assert (await at_the_door(dial, token, appeal="I am sorry."))["flag"] == flag
    asked = (await here.hears("flag", kind="appeal"))["flag"]
    await here.ask("claim", flag=asked, room=None)
    await here.refused("forbidden", "decide", flag=asked, action="approve", note="n", room=None)
    await here.ask("unclaim", flag=asked, room=None)
    await admin.ask("claim", flag=asked, room=None)
    await admin.ask("decide", flag=asked, action="approve", note="Said sorry.", room=None)
    client = await stage.connect(token)
    await client.join(stage.room)
