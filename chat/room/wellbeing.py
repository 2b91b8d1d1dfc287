"""Moderators are people too: how heavy what they read was, when a break is due, and what somebody else might take.

Nothing here keeps anybody from a person in danger: what it refuses can be taken all the same, by saying so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from chat.protocol.fields import DutyState, Role
from chat.room.clocks import Staff

WEIGHT: Final[Mapping[str, int]] = {"none": 0, "low": 1, "moderate": 2, "high": 3, "imminent": 5}
"""How heavy one text of a severity is to read."""


class Care(StrEnum):
    """Why somebody else might take a flag."""

    IN_A_ROW = "in_a_row"
    """It would be the second imminent one in a row."""
    TOPIC = "topic"
    """Its topic is one that this person asked not to take."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What somebody read today."""

    counts: Mapping[str, int] = field(default_factory=dict)
    """Texts by severity."""
    last: str = ""
    """The severity of the last one."""

    @property
    def weight(self) -> int:
        """All of it."""
        return sum(WEIGHT[severity] * many for severity, many in self.counts.items())


def is_break_due(now: Exposure, severity: str, every: int) -> bool:
    """Whether with the text just read, of a severity, another `every` is full; 0: breaks are not suggested."""
    return every > 0 and now.weight // every > (now.weight - WEIGHT[severity]) // every


def free(staff: Iterable[Staff], busy: Collection[str], *, but: Collection[str]) -> list[str]:
    """Moderators who are here, on duty and hold nothing, without those named."""
    return [
        one.id
        for one in staff
        if one.is_here
        and one.duty in (None, DutyState.ON_DUTY)
        and one.role.rank >= Role.MODERATOR.rank
        and one.id not in busy
        and one.id not in but
    ]


@dataclass(frozen=True, slots=True)
class Load:
    """What speaks for or against giving somebody a flag."""

    last: str = ""
    """The severity of what they read last."""
    avoids: Collection[str] = ()


def why_not(flag: Mapping[str, Any], load: Load) -> Care | None:
    """Why somebody had better not take a flag; None where nothing speaks against it."""
    if flag["severity"] == load.last == "imminent":
        return Care.IN_A_ROW
    if any(category in load.avoids for category in flag["categories"]):
        return Care.TOPIC
    return None


def another(flag: Mapping[str, Any], mine: Load, others: Mapping[str, Load]) -> tuple[Care, str] | None:
    """Why, and which of those who are free might take a flag instead.

    Only somebody against whom nothing speaks is named: else two would be sent to each other, and nobody came.
    """
    why = why_not(flag, mine)
    if why is None:
        return None
    return next(((why, user) for user, load in others.items() if why_not(flag, load) is None), None)
