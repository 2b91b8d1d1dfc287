"""Flags and the audit trail as staff read them."""

import pytest

from chat.store.review import Review
from tests.stored import ADA, ANN, BEN, MIA, OPEN, Scene

pytestmark = pytest.mark.asyncio


async def test_the_queue_is_by_severity_and_then_by_when_somebody_is_due(
    scene: Scene, review: Review
) -> None:
    other = Scene(scene.broker, scene.client, f"{scene.room}-b", numbers=scene.numbers)
    await scene.broker.add_room(other.room, OPEN, "B", "e")
    for where, key, severity, due in (
        (scene, "late-low", "low", 90),
        (scene, "high", "high", 60),
        (other, "soon-low", "low", 30),
        (other, "imminent", "imminent", 600),
        (scene, "none", "none", 0),
    ):
        await where.post(ANN, key, key, severity=severity, due=due)
    flags = await review.open_flags([scene.room, other.room])
    assert [flag["text"] for flag in flags] == ["imminent", "high", "soon-low", "late-low", "none"]
    assert [flag["text"] for flag in await review.open_flags([other.room])] == ["imminent", "soon-low"]
    assert await review.open_flags([]) == []


async def test_a_decided_flag_leaves_the_queue_and_stays_known(scene: Scene, review: Review) -> None:
    held = await scene.post(ANN, "k", verdict="held", risk=False)
    flag = held["answer"]["flag"]
    await scene.decide(MIA, flag, "retract")
    assert await review.open_flags([scene.room]) == []
    found = await review.flag(scene.room, flag)
    assert found is not None
    assert (found["state"], found["decision"]["by"]["id"], found["decision"]["note"]) == (
        "decided",
        "mia",
        "n",
    )
    assert await review.flag(scene.room, "f_none") is None


async def test_flags_about_somebody_are_theirs_alone_and_the_newest_first(
    scene: Scene, review: Review
) -> None:
    for n in range(4):
        await scene.post(ANN, f"k{n}", f"t{n}", severity="high")
        await scene.client.zadd(f"hearth:{{{scene.room}}}:flags:ann", {f"f_{n + 1}.{scene.room}": n})
    await scene.post(BEN, "b", severity="high")
    assert [flag["text"] for flag in await review.flags_of(scene.room, "ann", 3)] == ["t3", "t2", "t1"]
    assert len(await review.flags_of(scene.room, "ben", 9)) == 1


async def test_the_trail_is_read_in_pages_from_its_end(scene: Scene, review: Review) -> None:
    for n in range(7):
        await scene.act(ADA, "grant", least=4, user=f"u{n}", grant="facilitator")
    assert [entry["n"] for entry in await review.audit(scene.room, 0, 3)] == [5, 6, 7]
    assert [entry["n"] for entry in await review.audit(scene.room, 5, 3)] == [2, 3, 4]
    assert [entry["n"] for entry in await review.audit(scene.room, 2, 3)] == [1]
    assert await review.audit(scene.room, 1, 3) == []
    assert [entry["n"] for entry in await review.audit(scene.room, 99, 2)] == [6, 7]
