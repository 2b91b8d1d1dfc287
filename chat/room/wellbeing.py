"""Moderators are people too: how heavy what they read was, when a break is due, and what somebody else might take.

Nothing here keeps anybody from a person in danger: what it refuses can be taken all the same, by saying so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
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


def why_another(
    flag: Mapping[str, Any], read: Exposure, avoids: Collection[str], others: Sequence[str]
) -> Care | None:
    """Why one of `others` might take this flag instead; None where nobody is free, or nothing speaks for it."""
    if not others:
        return None
    if flag["severity"] == read.last == "imminent":
        return Care.IN_A_ROW
    if any(category in avoids for category in flag["categories"]):
        return Care.TOPIC
    return None
