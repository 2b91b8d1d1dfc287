"""How heavy reading was, when a break is due, and who else might take a flag."""

from typing import Any

import pytest

from chat.protocol.fields import DutyState, Role
from chat.room.clocks import Staff
from chat.room.wellbeing import WEIGHT, Care, Exposure, Load, another, free, is_break_due


def test_a_break_is_due_each_time_that_so_much_more_was_read() -> None:
    counts: dict[str, int] = {}
    due = []
    for severity in ["imminent"] * 5 + ["high"] * 4 + ["none"] * 9:
        counts[severity] = counts.get(severity, 0) + 1
        due.append(is_break_due(Exposure(counts), severity, 12))
    assert [at for at, is_due in enumerate(due) if is_due] == [2, 4, 8]
    assert Exposure(counts).weight == 5 * WEIGHT["imminent"] + 4 * WEIGHT["high"]
    assert not is_break_due(Exposure({"imminent": 99}), "imminent", 0)


def test_only_who_is_here_on_duty_and_holds_nothing_is_free() -> None:
    staff = [
        Staff("a", Role.MODERATOR, None, True), Staff("b", Role.ADMIN, DutyState.ON_DUTY, True),
        Staff("away", Role.MODERATOR, None, False), Staff("rests", Role.MODERATOR, DutyState.BREAK, True),
        Staff("off", Role.MODERATOR, DutyState.OFF, True), Staff("guides", Role.FACILITATOR, None, True),
        Staff("busy", Role.MODERATOR, None, True), Staff("me", Role.MODERATOR, None, True),
    ]  # fmt: skip
    assert free(staff, {"busy"}, but={"me"}) == ["a", "b"]


@pytest.mark.parametrize(
    ("severity", "last", "categories", "others", "instead"),
    [
        ("imminent", "imminent", [], {"a": Load()}, (Care.IN_A_ROW, "a")),
        ("imminent", "imminent", [], {}, None),
        ("imminent", "imminent", [], {"a": Load("imminent"), "b": Load("high")}, (Care.IN_A_ROW, "b")),
        ("imminent", "high", [], {"a": Load()}, None),
        ("high", "imminent", [], {"a": Load()}, None),
        ("low", "", ["suicide", "abuse"], {"a": Load()}, (Care.TOPIC, "a")),
        ("low", "", ["abuse"], {"a": Load(avoids=("abuse",))}, None),
        ("low", "", ["suicide"], {"a": Load()}, None),
    ],
)
def test_only_somebody_against_whom_nothing_speaks_is_named(
    severity: str, last: str, categories: list[str], others: dict[str, Load], instead: Any
) -> None:
    flag = {"severity": severity, "categories": categories}
    assert another(flag, Load(last, ("abuse",)), others) == instead


def test_two_are_never_sent_to_each_other() -> None:
    """Whoever else is free has just been with somebody in danger as well: it is taken by who comes first."""
    flag = {"severity": "imminent", "categories": []}
    assert another(flag, Load("imminent"), {"b": Load("imminent")}) is None
