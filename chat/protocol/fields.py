"""The kinds of value that frames are made of, each with its bounds."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

MAX_INT = 2**53 - 1
"""Largest integer that every client, JavaScript included, and the store's scripts keep exact."""

Id = Annotated[int, Meta(ge=-MAX_INT, le=MAX_INT)] | Annotated[str, Meta(max_length=64)] | None
Key = Annotated[str, Meta(min_length=1, max_length=128)]
Room = Annotated[str, Meta(min_length=1, max_length=64)]
User = Annotated[str, Meta(min_length=1, max_length=64)]
Flag = Annotated[str, Meta(min_length=1, max_length=160)]
Seq = Annotated[int, Meta(ge=1, le=MAX_INT)]
Position = Annotated[int, Meta(ge=0, le=MAX_INT)]
Seconds = Annotated[int, Meta(ge=0, le=366 * 86_400)]
Line = Annotated[str, Meta(max_length=500)]
"""One short text: a topic, a reason, a note. Longer ones are a wrong field; `text` alone has `too_long`."""
Country = Annotated[str, Meta(pattern=r"^([A-Za-z]{2})?$")]
Language = Annotated[str, Meta(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$", max_length=35)]


ASIDE = "aside-"
"""What the id of a side room begins with; after its first dot stands the room that it belongs to."""


def parent_of(room: str) -> str | None:
    """The room that a side room belongs to; None for every other room."""
    return room.partition(".")[2] or None if room.startswith(ASIDE) else None


class Role(StrEnum):
    """What a person may do in a room. Each may do all that the ones before it may."""

    PARTICIPANT = "participant"
    FACILITATOR = "facilitator"
    MODERATOR = "moderator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Position from 0, the weakest."""
        return _RANKS[self]

    @property
    def is_staff(self) -> bool:
        """Whether this role guides or moderates."""
        return self is not Role.PARTICIPANT


_RANKS = {role: rank for rank, role in enumerate(Role)}


class Hold(StrEnum):
    """Whose posts wait for staff before the room sees them."""

    NONE = "none"
    NEW = "new"
    ALL = "all"


class DutyState(StrEnum):
    """What somebody of staff says of their duty. Connected and nothing said counts as on duty."""

    ON_DUTY = "on_duty"
    ON_CALL = "on_call"
    OFF = "off"
    BREAK = "break"


class Phase(StrEnum):
    """Where a session stands."""

    OPENING = "opening"
    CHECK_IN = "check_in"
    SHARING = "sharing"
    CLOSING = "closing"


class Frame(msgspec.Struct, omit_defaults=True, kw_only=True, tag_field="type"):
    """Base of all that travels: one map with a `type`; fields at their default are left out."""
