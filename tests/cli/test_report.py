"""`hearth report` tells how review went, without a word of what was said."""

import csv
import io
import json

import pytest

from chat.store.review import Review
from tests.cli.conftest import Run, beside
from tests.stored import ANN, HELD, MAX, MIA, Scene

pytestmark = pytest.mark.asyncio


async def reviewed(scene: Scene) -> None:
    """A held text that is released, a flagged one that is taken down and appealed, one that waits."""
    await scene.decide(MIA, (await scene.post(ANN, "a", "late", **HELD))["answer"]["flag"], "approve")
    await scene.post(ANN, "b", "you idiot", severity="none", risk=False)
    (flag,) = [one["flag"] for one in await Review(scene.broker).open_flags([scene.room])]
    await scene.decide(MIA, flag, "mute", seconds=60, note="a secret note")
    new = {**scene.flag(ANN, "please", "none"), "kind": "appeal", "verdict": "delivered"}
    await scene.review(ANN, "appeal", flag, least=1, new=new, due=60)
    await scene.decide(MAX, new["flag"], "approve")
    await scene.post(ANN, "c", "dark", severity="high")


async def test_numbers_and_reasons_in_three_forms(scene: Scene, here: Run) -> None:
    await reviewed(scene)
    told = json.loads((await beside(here, "report", "--room", scene.room, "--format", "json")).out)
    assert (told["flags"], told["open"], told["unanswered"]) == (4, 1, 0)
    assert {(row["severity"], row["step"], row["count"]) for row in told["times"]} == {
        ("none", "claim", 3), ("none", "decide", 3),
    }  # fmt: skip
    (rule,) = told["rules"]
    assert (rule["flags"], rule["decided"], rule["overturned"], rule["share"]) == (3, 2, 2, 1.0)
    assert [(one["action"], one["found"], one["appeal"]) for one in told["statements"]] == [
        ("approve", "found by a rule", ""), ("mute", "found by a rule", "taken back"), ("approve", "appealed", ""),
    ]  # fmt: skip

    rows = list(
        csv.DictReader(
            io.StringIO((await beside(here, "report", "--room", scene.room, "--format", "csv")).out)
        )
    )
    assert {"what": "rule", "of": "r", "number": "share", "value": "1"} in rows
    done = await beside(here, "report", "--room", scene.room, "--format", "csv", "--statements")
    assert [row["action"] for row in csv.DictReader(io.StringIO(done.out))] == ["approve", "mute", "approve"]
    plain = await beside(here, "report", "--room", scene.room)
    assert "4 flags, 1 of them open" in plain.out
    for out in (str(told), done.out, plain.out):
        assert not any(word in out for word in ("late", "idiot", "secret", "please", "dark"))


async def test_another_period_has_none_of_it(scene: Scene, here: Run) -> None:
    await reviewed(scene)
    done = await beside(
        here, "report", "--room", scene.room, "--from", "2001-01-01", "--to", "2001-02-01", "--format", "json"
    )
    told = json.loads(done.out)
    assert (told["flags"], told["times"], told["rules"], told["statements"]) == (0, [], [], [])
    assert (await beside(here, "report", "--from", "yesterday")).code == 2


async def test_the_reading_is_in_the_trail(scene: Scene, here: Run, review: Review) -> None:
    await beside(here, "report", "--room", scene.room)
    entry = (await review.audit(scene.room, 0, 1))[0]
    assert (entry["action"], entry["what"]) == ("read", "report")
