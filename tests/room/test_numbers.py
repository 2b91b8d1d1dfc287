"""Review in numbers: times by severity, rules that were overturned, a reason for each decision."""

from typing import Any

import pytest

from chat.room.numbers import Numbers, Report, Rule, Times, is_overturned, nearest, report

BY = {"id": "mia", "name": "Mia", "role": "moderator"}
MIN = 60_000


def flag(name: str, severity: str = "high", at: int = 0, **fields: Any) -> dict[str, Any]:
    """A flag as the store keeps it."""
    return {
        "flag": name, "kind": "message", "room": "blue", "state": "open", "severity": severity, "opened_at": at,
        "reasons": [{"rule": "crisis.plain"}], "author": {"id": "ann"}, "verdict": "delivered", **fields,
    }  # fmt: skip


def decided(name: str, action: str, after: int, **fields: Any) -> dict[str, Any]:
    """One that was decided so long after it was opened."""
    made = flag(name, **fields)
    return {
        **made,
        "state": "decided",
        "decision": {"action": action, "by": BY, "at": made["opened_at"] + after},
    }


def entry(action: str, name: str, at: int, **fields: Any) -> dict[str, Any]:
    """An audit entry about a flag."""
    return {"action": action, "flag": name, "at": at, **fields}


@pytest.mark.parametrize(
    ("many", "share", "found"),
    [(0, 0.95, 0), (1, 0.95, 1), (20, 0.95, 19), (100, 0.95, 95), (101, 0.95, 96), (3, 0.5, 2)],
)
def test_nearest_is_one_that_there_is(many: int, share: float, found: int) -> None:
    assert nearest(list(range(many, 0, -1)), share) == found


def test_times_are_from_opening_to_the_first_of_each_step() -> None:
    flags = [
        decided("a", "approve", 9 * MIN, at=1_000),
        decided("b", "approve", 3 * MIN),
        flag("c"),
        flag("d", "low"),
    ]
    entries = [
        entry("call", "a", 2_000), entry("claim", "a", 61_000), entry("claim", "b", MIN), entry("call", "b", 500),
        entry("call", "a", 99_000), entry("claim", "b", 2 * MIN), {"action": "mute", "at": 5},
    ]  # fmt: skip
    made = report(flags, entries, 0, 10 * MIN)
    assert made.times == [
        Times("high", "nudge", 2, 0.75, 1.0), Times("high", "claim", 2, 60.0, 60.0),
        Times("high", "decide", 2, 360.0, 540.0),
    ]  # fmt: skip
    assert (made.flags, made.open, made.unanswered) == (4, 2, 0)


@pytest.mark.parametrize(
    ("verdict", "action", "overturned", "is_it"),
    [
        ("held", "approve", None, True), ("held", "warn", None, True), ("blocked", "approve", None, True),
        ("held", "retract", None, False), ("delivered", "approve", None, False), ("delivered", "dismiss", None, True),
        ("held", "retract", {"by": BY}, True), ("delivered", "mute", None, False),
    ],
)  # fmt: skip
def test_what_counts_as_overturned(verdict: str, action: str, overturned: Any, is_it: bool) -> None:
    decision = {"action": action, "by": BY, "at": 1, "overturned": overturned}
    assert is_overturned(flag("a", verdict=verdict, decision=decision)) is is_it
    assert not is_overturned(flag("a", verdict=verdict))


def test_rules_say_how_often_people_did_not_go_along() -> None:
    flags = [
        decided("a", "approve", 1, verdict="held"), decided("b", "retract", 1, verdict="held"), flag("c"),
        decided("d", "dismiss", 1, reasons=[{"rule": "room.heat"}, {"rule": "room.heat"}]),
        decided("e", "dismiss", 1, kind="report", reasons=[]),
    ]  # fmt: skip
    made = report(flags, [], 0, 9)
    assert made.rules == [Rule("crisis.plain", 3, 2, 1), Rule("room.heat", 1, 1, 1)]
    assert [rule.share for rule in made.rules] == [0.5, 1.0]


def test_a_statement_for_each_decision_of_staff_and_of_none_other() -> None:
    sanction = decided("s", "mute", 5, kind="sanction", reasons=[], appeal="x")
    sanction["decision"] |= {"till": 5 + 600_000, "overturned": {"by": BY}}
    upheld = decided("u", "retract", 4, verdict="held", appeal="y")
    flags = [
        sanction, upheld, decided("x", "approve", 9, kind="appeal", reasons=[]),
        decided("y", "dismiss", 9, at=90, kind="appeal", reasons=[]),
        {**flag("w"), "state": "decided", "decision": {"action": "withdrawn", "at": 3}}, flag("o"),
        decided("late", "retract", 1, at=100),
    ]  # fmt: skip
    made = report(flags, [], 0, 50)
    assert [(one.flag, one.found, one.grounds, one.seconds, one.appeal) for one in made.statements] == [
        ("u", "found by a rule", ("crisis.plain",), None, "upheld"), ("s", "seen by staff", (), 600, "taken back"),
        ("x", "appealed", (), None, ""),
    ]  # fmt: skip
    assert made.flags == 4, "a sanction is no flag that waited"
    assert "ann" not in repr(made)


def test_what_nobody_answered_is_counted_where_it_happened() -> None:
    entries = [{"action": "unanswered", "at": at} for at in (1, 5, 10)]
    assert report([], entries, 2, 10) == Report(unanswered=1, times=[], rules=[], statements=[])


def test_a_nodes_own_numbers_are_by_step_severity_and_rule_alone() -> None:
    numbers = Numbers()
    for seconds in range(1, 101):
        numbers.took("claim", "high", seconds * 1_000)
    numbers.decided(decided("a", "approve", 5_000, verdict="held"))
    told = {name: values for name, _, _, values in numbers.lines()}
    assert told["hearth_review_seconds"] == {
        'step="claim",severity="high",quantile="0.5"': 50.5, 'step="claim",severity="high",quantile="0.95"': 95.0,
        'step="decide",severity="high",quantile="0.5"': 5.0, 'step="decide",severity="high",quantile="0.95"': 5.0,
    }  # fmt: skip
    assert told["hearth_review_steps_total"]['step="claim",severity="high"'] == 100
    assert told["hearth_rule_overturned_total"] == {'rule="crisis.plain"': 1}
    assert "blue" not in str(told)
    assert "ann" not in str(told)
