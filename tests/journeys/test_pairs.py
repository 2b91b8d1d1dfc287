"""What takes two people."""

import pytest

from tests.journeys.people import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_who_somebody_is_takes_a_second_person(stage: Stage) -> None:
    """Asked with a reason, confirmed by another, seen by whoever asked alone; all of it in the trail."""
    ada, mo, ana = (
        await stage.person("Ada", "admin"),
        await stage.person("Mo", "moderator"),
        await stage.person("Ana"),
    )
    await ana.say("I live by the sea.")
    asked = await ada.ask("break_glass", user=ana.id, purpose="A child may be at risk.", room=None)
    assert "user" not in asked
    await ada.refused("forbidden", "break_glass", request=asked["request"], room=None)
    await ada.refused("forbidden", "confirm", request=asked["request"], room=None)
    await ana.refused("forbidden", "confirm", request=asked["request"], room=None)
    await wait_until(lambda: bool(mo.heard("notice", code="second_person")))
    for one in (mo, ada):
        waits = (await one.ask("confirm", room=None))["requests"]
        assert [
            (one["what"], one["name"], one["reason"], "with" in one) for one in waits if one["user"] == ana.id
        ] == [("break_glass", ana.name, "A child may be at risk.", False)]
    await mo.ask("confirm", request=asked["request"], room=None)
    await wait_until(lambda: bool(ada.heard("notice", code="confirmed")))
    assert not ada.heard("notice", code="second_person")
    assert not ana.heard("notice")
    for one, names in ((mo, []), (ada, [mo.name])):
        waits = (await one.ask("confirm", room=None))["requests"]
        assert [one["with"]["name"] for one in waits if one["user"] == ana.id] == names
    nia = await stage.person("Nia", "moderator")
    await nia.refused("conflict", "confirm", request=asked["request"], room=None)
    await mo.refused("forbidden", "break_glass", request=asked["request"], room=None)
    seen = await ada.ask("break_glass", request=asked["request"])
    assert (seen["user"]["id"], seen["rooms"]) == (ana.id, [stage.room])
    assert [event["text"] for event in seen["events"]] == ["I live by the sea."]
    trail = (await mo.ask("audit", limit=9, user=ana.id))["events"]
    assert [(entry["what"], entry["by"]["id"]) for entry in trail if entry["action"] == "read"][:3] == [
        ("ask break_glass", ada.id), ("confirm", mo.id), ("break_glass", ada.id),
    ]  # fmt: skip


async def test_bad_requests_for_two(stage: Stage) -> None:
    ada, mo = await stage.person("Ada", "admin"), await stage.person("Mo", "moderator")
    for command in ("erase", "break_glass"):
        reason = {"reason": "r"} if command == "erase" else {"purpose": "p"}
        await mo.refused("forbidden", command, user="u_x", room=None, **reason)
        await ada.refused("forbidden", command, user=ada.id, room=None, **reason)
        await ada.refused("not_found", command, user="x*", room=None, **reason)
        other = await stage.person("Olga", "admin")
        await ada.refused("forbidden", command, user=other.id, room=None, **reason)
    await ada.refused("bad_request", "break_glass", room=None)
    await ada.refused("not_found", "break_glass", request="none", room=None)
    await mo.refused("not_found", "confirm", request="none", room=None)
