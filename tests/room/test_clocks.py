from dataclasses import replace
from typing import Any

import pytest

from chat.protocol.fields import DutyState, Role
from chat.room.clocks import (
    LADDERS,
    SLOWEST,
    Group,
    Staff,
    Standing,
    is_answered,
    opening,
    standing,
    step,
)
from moderation import Severity

WAITS = {"moderate": (300, 600, 900), "high": (120, 240), "imminent": (30, 60)}

FAY = Staff("fay", Role.FACILITATOR, is_here=True)
MIA = Staff("mia", Role.MODERATOR, is_here=True)
ADA = Staff("ada", Role.ADMIN, is_here=True)
OTTO = Staff("otto", Role.MODERATOR, DutyState.ON_CALL)
ALL = (FAY, MIA, ADA, OTTO)


def flag(severity: str = "high", **more: Any) -> dict[str, Any]:
    """A flag whose clock began at 0, after its opening call."""
    return {
        "flag": "f", "state": "open", "severity": severity, "author": {"id": "ann", "role": "participant"},
        "attended_by": [], "step": 1, "clock_at": 0, **more,
    }  # fmt: skip


def test_every_crisis_has_a_ladder_and_nothing_else_has() -> None:
    assert set(LADDERS) == {Severity.MODERATE, Severity.HIGH, Severity.IMMINENT}
    for ladder in LADDERS.values():
        assert ladder[-1].groups == (Group.SUPERVISORS,)
        assert ladder[-1].is_page


@pytest.mark.parametrize(
    ("severity", "to", "is_page"),
    [
        ("moderate", ("fay", "mia"), False),
        ("high", ("fay", "mia"), False),
        ("imminent", ("fay", "mia"), True),
    ],
)
def test_the_opening_call(severity: str, to: tuple[str, ...], is_page: bool) -> None:
    """All of the room's staff, from high on back-up as well; imminent ones go outside at once."""
    taken = opening(flag(severity), ALL, may_page=True)
    assert (taken.to, taken.is_page, taken.tells, taken.step) == (to, is_page, None, 1)


@pytest.mark.parametrize(
    ("severity", "calls"),
    [
        ("moderate", [(300_000, ("mia",), False), (600_000, (), True), (900_000, ("ada",), True)]),
        ("high", [(120_000, ("mia",), True), (240_000, ("ada",), True)]),
        ("imminent", [(30_000, ("mia",), True), (60_000, ("ada",), True)]),
    ],
)
def test_each_missed_clock_calls_the_next_and_is_told(
    severity: str, calls: list[tuple[int, tuple[str, ...], bool]]
) -> None:
    waits = WAITS[severity]
    for number, (now, to, is_page) in enumerate(calls, 1):
        taken = step(flag(severity, step=number), ALL, waits, may_page=True, now=now)
        assert (taken.to, taken.is_page, taken.tells, taken.step) == (to, is_page, "late", number + 1)
        if number < len(calls):
            assert taken.next_at == calls[number][0]


def test_whoever_avoids_the_topic_is_called_when_nobody_has_come() -> None:
    """Not while a colleague hears the opening; at once where there is none, whatever the severity."""
    fay = replace(FAY, avoids=frozenset({"suicide"}))
    for severity, waits in WAITS.items():
        about = flag(severity, categories=["suicide", "self_harm"])
        assert opening(about, (fay, MIA), may_page=True).to == ("mia",)
        missed = step(about, (fay, MIA), waits, may_page=True, now=0)
        assert missed.to == ("mia", "fay")
        assert opening(about, (fay, ADA), may_page=True).to == ("fay",)
        assert opening(flag(severity, categories=["abuse"]), (fay, MIA), may_page=True).to == ("fay", "mia")
        second = step({**about, "step": 2}, (fay, MIA, ADA), waits, may_page=True, now=0)
        assert "fay" not in second.to
    alone = step(flag("high", categories=["suicide"]), (fay,), WAITS["high"], may_page=False, now=0)
    assert (alone.to, alone.tells) == (("fay",), "late")
    away = replace(fay, duty=DutyState.BREAK)
    assert opening(flag("high", categories=["suicide"]), (away,), may_page=False).tells == "nobody"


@pytest.mark.parametrize("severity", WAITS)
def test_of_a_child_at_risk_the_supervisor_hears_at_once(severity: str) -> None:
    """With all others, and at each missed clock people outside are called."""
    about = flag(severity, route="safeguarding")
    taken = opening(about, ALL, may_page=True)
    assert (taken.to, taken.is_page) == (("fay", "mia", "ada"), severity == "imminent")
    missed = [
        step({**about, "step": number}, ALL, WAITS[severity], may_page=True, now=0) for number in (1, 2, 3)
    ]
    assert [(one.to, one.is_page) for one in missed] == [(("mia",), True), *[(("ada",), True)] * 2]


def test_the_last_call_is_repeated_ever_more_seldom_and_told_no_more() -> None:
    gaps = []
    for number in range(2, 12):
        taken = step(flag("imminent", step=number), ALL, WAITS["imminent"], may_page=True, now=0)
        assert taken.to == ("ada",)
        assert taken.tells == ("late" if number == 2 else None)
        assert taken.next_at is not None
        gaps.append(taken.next_at)
    assert gaps[:3] == [60_000, 120_000, 240_000]
    assert gaps == sorted(gaps)
    assert gaps[-1] == SLOWEST


def test_an_empty_link_is_passed_over_at_once() -> None:
    assert opening(flag("moderate"), (ADA,), may_page=False).to == ("ada",)
    assert opening(flag("moderate"), (MIA, ADA), may_page=False).to == ("mia",)
    paged = opening(flag("moderate"), (OTTO,), may_page=True)
    assert (paged.to, paged.is_page, paged.tells) == ((), True, None)


@pytest.mark.parametrize(
    "staff",
    [
        (),
        (Staff("fay", Role.FACILITATOR),),
        (Staff("fay", Role.FACILITATOR, DutyState.ON_DUTY),),
        (Staff("fay", Role.FACILITATOR, DutyState.BREAK, is_here=True),),
        (Staff("ada", Role.ADMIN, DutyState.OFF, is_here=True),),
        (OTTO,),
    ],
)
@pytest.mark.parametrize("severity", WAITS)
def test_an_empty_chain_is_said_at_once_and_at_each_clock(severity: str, staff: tuple[Staff, ...]) -> None:
    """Nobody connected, or only people on a break; on call without a way outside reaches nobody either."""
    assert opening(flag(severity), staff, may_page=False).tells == "nobody"
    for number in range(1, len(WAITS[severity]) + 1):
        taken = step(flag(severity, step=number), staff, WAITS[severity], may_page=False, now=0)
        assert (taken.tells, taken.to) == ("nobody", ())
        assert taken.next_at is not None


def test_nobody_is_called_about_themselves_and_facilitators_never_about_staff() -> None:
    """A flag on a facilitator goes to moderators; a colleague is asked to look after the room."""
    gus = Staff("gus", Role.FACILITATOR, is_here=True)
    about = flag("high", author={"id": "fay", "role": "facilitator"})
    taken = opening(about, (FAY, gus, MIA), may_page=False)
    assert (taken.to, taken.cover) == (("mia",), ("gus",))
    alone = opening(flag("high", author={"id": "mia", "role": "moderator"}), (FAY, MIA), may_page=False)
    assert (alone.to, alone.tells, alone.cover) == ((), "nobody", ("fay",))


def test_how_far_staff_are() -> None:
    held: dict[str, Any] = {"claimed_by": {"id": "mia"}, "lease_until": 10}
    assert standing(flag(), 5) is Standing.WAITING
    assert standing(flag(**held), 5) is Standing.TAKEN
    assert standing(flag(**held), 10) is Standing.WAITING
    assert standing(flag(attended_by=[{"id": "fay"}]), 5) is Standing.ATTENDED
    assert standing(flag(state="decided"), 5) is Standing.DECIDED


def test_a_claim_holds_the_next_call_off_but_not_the_supervisors() -> None:
    """Reading is not being there: in danger the supervisor is called while nobody attends."""
    held: dict[str, Any] = {"claimed_by": {"id": "mia"}, "lease_until": 10**9}
    passed = step(flag("imminent", **held), ALL, WAITS["imminent"], may_page=True, now=30_000)
    assert (passed.to, passed.groups, passed.is_page, passed.tells) == ((), (), False, None)
    assert passed.next_at == 60_000
    last = step(flag("imminent", step=2, **held), ALL, WAITS["imminent"], may_page=True, now=60_000)
    assert (last.to, last.tells) == (("ada",), "late")
    calm = step(flag("moderate", step=3, **held), ALL, WAITS["moderate"], may_page=True, now=900_000)
    assert (calm.to, calm.tells) == ((), None)


def test_who_is_asked_to_take_over_is_called_though_somebody_is_there() -> None:
    """An escalation calls the next in the chain, and tells the author nothing: a person is with them."""
    wanted = flag("high", summons=True, attended_by=[{"id": "fay"}])
    taken = step(wanted, ALL, WAITS["high"], may_page=True, now=5)
    assert (taken.to, taken.is_page, taken.tells) == (("mia",), True, None)


def event(seq: int, who: str, kind: str = "message") -> dict[str, Any]:
    return {"type": kind, "seq": seq, "from": {"id": who}}


def test_a_message_is_answered_by_what_somebody_else_says_after_it() -> None:
    assert not is_answered("ann", 5, [])
    assert not is_answered("ann", 5, [event(6, "ann"), event(4, "ben"), event(7, "ben", "card")])
    assert is_answered("ann", 5, [event(6, "ann"), event(7, "ben")])
