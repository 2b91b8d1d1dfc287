"""Who may do what: one row a command. A command without a row is refused, and a test finds it.

Acts on a person need a role above theirs in that room; nobody acts on themselves. The store's scripts check the
role once more against the newest grant: this table refuses early and says what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chat.protocol.commands import COMMANDS, RESERVED
from chat.protocol.fields import Role


class Scope(StrEnum):
    """What the right is held over."""

    SELF = "self"
    """The caller alone: no room is involved."""
    ROOM = "room"
    """The room that the command names."""
    FLAG = "flag"
    """The room of the flag that the command names."""
    WATCHED = "watched"
    """Every room in which the caller holds the role."""
    EVERYWHERE = "everywhere"
    """All rooms at once."""


@dataclass(frozen=True, slots=True)
class Right:
    """What a command asks of its caller."""

    scope: Scope
    least: Role
    is_joined: bool = False
    """Whether this connection must have joined the room."""


_ANYONE = Role.PARTICIPANT
_SELF = Right(Scope.SELF, _ANYONE)
_MEMBER = Right(Scope.ROOM, _ANYONE, is_joined=True)
_OUTSIDER = Right(Scope.ROOM, _ANYONE)
_GUIDE = Right(Scope.ROOM, Role.FACILITATOR)
_REVIEW = Right(Scope.FLAG, Role.MODERATOR)
_ADMIN = Right(Scope.EVERYWHERE, Role.ADMIN)

RIGHTS: Mapping[str, Right] = {
    "hello": _SELF,
    "profile": _SELF,
    "ping": _SELF,
    "join": _OUTSIDER,
    "leave": _OUTSIDER,
    "help": _OUTSIDER,
    "post": _MEMBER,
    "edit": _MEMBER,
    "retract": _MEMBER,
    "react": _MEMBER,
    "history": _MEMBER,
    "report": _MEMBER,
    "hand": _MEMBER,
    "whisper": _MEMBER,
    "typing": _MEMBER,
    "mute": _GUIDE,
    "unmute": _GUIDE,
    "remove": _GUIDE,
    "readmit": _GUIDE,
    "pin": _GUIDE,
    "unpin": _GUIDE,
    "warn": _GUIDE,
    "card": _GUIDE,
    "aside": _GUIDE,
    "set_room": _GUIDE,
    "watch": Right(Scope.WATCHED, Role.FACILITATOR),
    "attend": Right(Scope.FLAG, Role.FACILITATOR),
    "claim": _REVIEW,
    "unclaim": _REVIEW,
    "decide": _REVIEW,
    "appeal": Right(Scope.FLAG, _ANYONE),
    "evidence": _REVIEW,
    "ban": Right(Scope.EVERYWHERE, Role.MODERATOR),
    "unban": Right(Scope.EVERYWHERE, Role.MODERATOR),
    "audit": Right(Scope.WATCHED, Role.MODERATOR),
    "duty": Right(Scope.WATCHED, Role.FACILITATOR),
    "follow_up": Right(Scope.WATCHED, Role.FACILITATOR),
    # Unlike the steps of a claim: a facilitator who was with somebody tells the moderators what they know of it.
    "note": Right(Scope.FLAG, Role.FACILITATOR),
    "erase": _ADMIN,
    "break_glass": _ADMIN,
    "confirm": Right(Scope.EVERYWHERE, Role.MODERATOR),
    # Reserved: who will be asked is settled with the name, so that building one changes no right.
    "round": _GUIDE,
    "yield": _MEMBER,
    "schedule": _GUIDE,
    "feedback": _OUTSIDER,
    "create_room": _ADMIN,
    "close_room": _ADMIN,
    "invite": _GUIDE,
    "revoke": _ADMIN,
    "grant": _ADMIN,
    "staff": _ADMIN,
    "rules": _ADMIN,
    "export": _ADMIN,
}

assert RIGHTS.keys() == COMMANDS.keys() >= RESERVED, "every command has a row, and no row lacks a command"

Grants = Mapping[str, str]
"""Room, or `*` for all, to role."""


def role_in(grants: Grants, room: str) -> Role | None:
    """The strongest role that `grants` give in `room`; None where they give none."""
    here, everywhere = grants.get(room), grants.get("*")
    if here is None or everywhere is None:
        one = here or everywhere
        return Role(one) if one else None
    return max(Role(here), Role(everywhere), key=lambda role: role.rank)


def may(role: Role | None, command: str) -> bool:
    """Whether `role` is enough for `command`. Unknown commands are nobody's."""
    right = RIGHTS.get(command)
    return right is not None and role is not None and role.rank >= right.least.rank


def may_act_on(actor: Role, target: Role | None) -> bool:
    """Whether `actor` stands above `target`; someone with no role counts as a participant."""
    return actor.rank > (target or Role.PARTICIPANT).rank
