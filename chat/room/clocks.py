"""Who is called when nobody comes: the ladder of each severity, as a table, and what one step of it does.

A flag's clock begins when it is raised. The opening call is at once; each later one follows a time at which somebody
should have been there, and is a missed clock: the author is told so, and not left waiting for us. A link of the chain
in which nobody can be reached is passed over at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final

from chat.protocol.fields import DutyState, Role
from moderation import Severity

Flag = Mapping[str, Any]
"""A flag as it travels."""


class Group(StrEnum):
    """One link of the chain."""

    FACILITATORS = "facilitators"
    MODERATORS = "moderators"
    ON_CALL = "on_call"
    SUPERVISORS = "supervisors"


class Standing(Enum):
    """How far somebody of staff is with a flag. Each includes those before it."""

    WAITING = 0
    TAKEN = 1
    """A moderator holds its claim."""
    ATTENDED = 2
    """A person is with the author."""
    DECIDED = 3


@dataclass(frozen=True, slots=True)
class Call:
    """Whom one step of a ladder calls, whether it pages outside as well, and what makes it needless."""

    groups: tuple[Group, ...]
    is_page: bool = False
    unless: Standing = Standing.TAKEN


_ROOM = (Group.FACILITATORS, Group.MODERATORS)

LADDERS: Mapping[Severity, tuple[Call, ...]] = {
    Severity.MODERATE: (
        Call(_ROOM),
        Call((Group.MODERATORS, Group.ON_CALL)),
        Call((Group.ON_CALL,), is_page=True),
        Call((Group.SUPERVISORS,), is_page=True),
    ),
    Severity.HIGH: (
        Call((*_ROOM, Group.ON_CALL)),
        Call((Group.MODERATORS, Group.ON_CALL), is_page=True),
        Call((Group.SUPERVISORS,), is_page=True, unless=Standing.ATTENDED),
    ),
    Severity.IMMINENT: (
        Call((*_ROOM, Group.ON_CALL), is_page=True),
        Call((Group.MODERATORS, Group.ON_CALL), is_page=True),
        Call((Group.SUPERVISORS,), is_page=True, unless=Standing.ATTENDED),
    ),
}
"""By severity: the opening call, then one for each clock that was missed. The last is repeated, ever more seldom."""

SLOWEST: Final = 3_600_000
"""Milliseconds between two repeats at the most."""


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody of staff as the store knows them in a room."""

    id: str
    role: Role
    duty: DutyState | None = None
    """What they said last, if anything."""
    is_here: bool = False
    """Whether they have a connection in the room, or one that watches it."""
    avoids: frozenset[str] = frozenset()
    """Topics that they would rather not take."""

    @property
    def is_reached(self) -> bool:
        """Whether a notice reaches them now: connected, and not on a break or off."""
        return self.is_here and self.duty not in (DutyState.OFF, DutyState.BREAK)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step does."""

    step: int
    """Calls made so far, this one with them."""
    groups: tuple[Group, ...] = ()
    to: tuple[str, ...] = ()
    """Whom a notice reaches."""
    cover: tuple[str, ...] = ()
    """Who is asked to look after the room meanwhile: its other facilitators, where the flag is about staff."""
    is_page: bool = False
    tells: str | None = None
    """What the author is told: `late` after a missed clock, `nobody` where the chain is empty."""
    next_at: int | None = None


def standing(flag: Flag, now: int) -> Standing:
    """How far staff are with a flag at the time `now`."""
    if flag["state"] == "decided":
        return Standing.DECIDED
    if flag["attended_by"]:
        return Standing.ATTENDED
    if flag.get("claimed_by") and (flag.get("lease_until") or 0) > now:
        return Standing.TAKEN
    return Standing.WAITING


def opening(flag: Flag, staff: Sequence[Staff], *, may_page: bool) -> Taken:
    """The call at the moment in which a flag is raised.

    Whoever would rather not take its topic is left out while a colleague hears it, and called once a clock was missed.
    """
    taken = _call(flag, staff, 0, may_page=may_page)
    spared = _spared(flag, staff)
    to = tuple(one for one in taken.to if one not in spared) or taken.to
    return Taken(
        1, taken.groups, to, _cover(flag, staff), taken.is_page,
        None if taken.to or taken.is_page else "nobody",
    )  # fmt: skip


def step(flag: Flag, staff: Sequence[Staff], waits: Sequence[float], *, may_page: bool, now: int) -> Taken:
    """The call after a missed clock; `waits`: seconds after the opening at which one is missed.

    A moderator who was asked to hand it on (`summons`) wants the next call whatever stands.
    """
    at = int(flag["step"])
    next_at = _next(flag, at, waits, now)
    call = _ladder(flag)[min(at, len(_ladder(flag)) - 1)]
    if standing(flag, now).value >= call.unless.value and not flag.get("summons"):
        return Taken(at + 1, next_at=next_at)
    taken = _call(flag, staff, at, may_page=may_page)
    late = [one for one in _spared(flag, staff) if one not in taken.to] if at == 1 else []
    to = (*taken.to, *late)
    is_reached = bool(to or taken.is_page)
    tells = "late" if is_reached else "nobody"
    is_repeat = at > len(waits) or bool(flag["attended_by"])
    return Taken(
        at + 1, taken.groups, to, (), taken.is_page, None if is_repeat else tells, next_at
    )  # fmt: skip


def _ladder(flag: Flag) -> tuple[Call, ...]:
    severity = Severity.of(flag["severity"])
    if flag.get("route") != "safeguarding":
        return LADDERS[severity]
    # A child may be at risk: grave at least, and supervisors hear it with all others.
    first, *later = LADDERS[max(severity, Severity.HIGH)]
    return (Call((*first.groups, Group.SUPERVISORS), first.is_page), *later)


def _next(flag: Flag, at: int, waits: Sequence[float], now: int) -> int:
    """When the call after this one is due: as the table says, then in gaps that double."""
    if at < len(waits):
        return max(int(flag["clock_at"] + waits[at] * 1000), now)
    gap = waits[-1] * 1000 * 2 ** min(at - len(waits), 12)
    return int(now + min(gap, SLOWEST))


def _call(flag: Flag, staff: Sequence[Staff], at: int, *, may_page: bool) -> Taken:
    """The first call from `at` on that reaches somebody; the last one where none does."""
    ladder = _ladder(flag)
    found = Taken(at)
    for call in ladder[min(at, len(ladder) - 1) :]:
        to = tuple(one.id for one in _of(call.groups, flag, staff) if one.is_reached)
        found = Taken(at, call.groups, to, is_page=call.is_page and may_page)
        if found.to or found.is_page:
            break
    return found


def _spared(flag: Flag, staff: Sequence[Staff]) -> list[str]:
    """Who of the opening call can be reached, and would rather not take the flag's topic."""
    called = _of(_ladder(flag)[0].groups, flag, staff)
    topics = frozenset(flag.get("categories", ()))
    return [one.id for one in called if one.is_reached and topics & one.avoids]


def _of(groups: Iterable[Group], flag: Flag, staff: Sequence[Staff]) -> list[Staff]:
    """Who is in these groups. Nobody is called about themselves, nor a facilitator about staff."""
    is_about_staff = flag["author"]["role"] != Role.PARTICIPANT
    least = Role.MODERATOR if is_about_staff else Role.FACILITATOR
    wanted = tuple(groups)
    return [
        one
        for one in staff
        if one.id != flag["author"]["id"]
        and one.role.rank >= least.rank
        and any(_is_in(one, group) for group in wanted)
    ]


_ROLES = {
    Group.FACILITATORS: Role.FACILITATOR,
    Group.MODERATORS: Role.MODERATOR,
    Group.SUPERVISORS: Role.ADMIN,
}


def _is_in(one: Staff, group: Group) -> bool:
    if group is Group.ON_CALL:
        return one.duty is DutyState.ON_CALL
    return one.role is _ROLES[group]


def _cover(flag: Flag, staff: Sequence[Staff]) -> tuple[str, ...]:
    if flag["author"]["role"] == Role.PARTICIPANT:
        return ()
    return tuple(
        one.id
        for one in staff
        if one.role is Role.FACILITATOR and one.is_reached and one.id != flag["author"]["id"]
    )


def is_answered(author: str, seq: int, events: Iterable[Mapping[str, Any]]) -> bool:
    """Whether somebody else said anything after a message, or answered it."""
    return any(
        event["type"] == "message" and event["seq"] > seq and event["from"]["id"] != author
        for event in events
    )
