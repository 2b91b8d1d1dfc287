"""The order in which flags want somebody: nothing waits for ever."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from chat.room.queue import RANK, RISE, counts, in_order, is_wanted

CASES = json.loads((Path(__file__).parent / "queue.json").read_text())
DUE = {"none": 900_000, "low": 180_000, "moderate": 300_000, "high": 120_000, "imminent": 60_000}


def flag(**fields: Any) -> dict[str, Any]:
    """A flag with what the order looks at."""
    return {"kind": "message", "attended_by": [], "reports": [], "opened_at": 0, **fields}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_shared_cases(case: dict[str, Any]) -> None:
    flags = [flag(**fields) for fields in case["flags"]]
    for seed in range(5):
        random.Random(seed).shuffle(flags)
        assert [one["flag"] for one in in_order(flags, case["now"])] == case["order"]


@pytest.mark.parametrize("seed", range(5))
def test_nothing_starves_while_staff_keep_up(seed: int) -> None:
    """A desk that decides one flag a minute while a little less than one a minute comes in, most of them high.

    By severity alone the first plain report would wait for as long as high ones keep coming.
    """
    dice = random.Random(seed)
    open_flags: dict[str, dict[str, Any]] = {}
    waits: dict[str, list[int]] = {severity: [] for severity in RANK}
    now = 0
    for minute in range(3_000):
        now = minute * 60_000
        busy = range(2 if minute % 40 < 10 else 1)  # an evening's rush, and what it leaves
        for number in busy:
            if dice.random() < 0.75:
                severity = dice.choices(list(RANK), (1, 1, 2, 12, 1))[0]
                name = f"{minute}.{number}"
                open_flags[name] = flag(
                    flag=name, severity=severity, opened_at=now, due_at=now + DUE[severity]
                )
        if open_flags:
            first = in_order(open_flags.values(), now)[0]
            del open_flags[first["flag"]]
            waits[first["severity"]].append(now - first["opened_at"])
    worst = {severity: max(found) for severity, found in waits.items() if found}
    assert worst["imminent"] <= 5 * 60_000
    # It rises to high once it is three steps late; from then on it waits like the high ones that came before it.
    assert worst["none"] <= DUE["none"] + 3 * RISE + worst["high"]
    oldest = min((one["opened_at"] for one in open_flags.values()), default=now)
    assert now - oldest <= DUE["none"] + 3 * RISE + worst["high"]


def test_what_is_asked_for_and_counted() -> None:
    flags = [
        flag(flag="a", severity="high", due_at=5, claimed_by={"id": "m"}, lease_until=20),
        flag(flag="b", severity="none", due_at=50, kind="report"),
        flag(flag="c", severity="low", due_at=5, claimed_by={"id": "m"}, lease_until=5),
        flag(flag="d", severity="low", due_at=5, attended_by=[{"id": "m"}]),
    ]
    assert [one["flag"] for one in flags if is_wanted(one, "low", None)] == ["a", "c", "d"]
    assert [one["flag"] for one in flags if is_wanted(one, None, ["report"])] == ["b"]
    assert counts(flags, 10) == {
        "open": 4, "claimed": 1, "late": 2, "severity": {"high": 1, "none": 1, "low": 2},
        "kind": {"message": 3, "report": 1},
    }  # fmt: skip
