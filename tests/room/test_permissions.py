from typing import get_args

import pytest

from chat.protocol.commands import COMMANDS, RESERVED, Command
from chat.protocol.fields import Role
from chat.room.permissions import RIGHTS, Scope, may, may_act_on, role_in

ANYONE = [
    "hello",
    "profile",
    "ping",
    "join",
    "leave",
    "help",
    "post",
    "edit",
    "retract",
    "react",
    "history",
    "report",
    "hand",
    "whisper",
    "typing",
    "appeal",
    "yield",
    "feedback",
]
FACILITATORS = [
    "mute",
    "unmute",
    "remove",
    "readmit",
    "pin",
    "unpin",
    "warn",
    "card",
    "aside",
    "set_room",
    "watch",
    "attend",
    "round",
    "schedule",
    "duty",
    "note",
    "follow_up",
    "invite",
]
MODERATORS = ["claim", "unclaim", "decide", "evidence", "confirm", "ban", "unban", "audit"]
ADMINS = [
    "create_room",
    "close_room",
    "revoke",
    "grant",
    "staff",
    "rules",
    "erase",
    "export",
    "break_glass",
]

LEAST = {
    **dict.fromkeys(ANYONE, Role.PARTICIPANT),
    **dict.fromkeys(FACILITATORS, Role.FACILITATOR),
    **dict.fromkeys(MODERATORS, Role.MODERATOR),
    **dict.fromkeys(ADMINS, Role.ADMIN),
}
"""Who may do what, written down again: a changed right has to be changed in both places on purpose."""


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    names = {str(kind.__struct_config__.tag) for kind in get_args(Command)}
    assert RIGHTS.keys() == COMMANDS.keys() == LEAST.keys() == names
    assert names > RESERVED


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_cell(command: str, role: Role) -> None:
    """A role may do what it or a weaker one is enough for, and nothing else."""
    assert may(role, command) is (list(Role).index(role) >= list(Role).index(LEAST[command]))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_who_has_no_role_may_nothing(command: str) -> None:
    assert not may(None, command)


@pytest.mark.parametrize("command", ["", "posts", "POST", "post ", "*", "__class__"])
@pytest.mark.parametrize("role", Role)
def test_an_unknown_command_is_nobodys(command: str, role: Role) -> None:
    assert not may(role, command)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_each_scope_is_one_that_the_command_can_name(command: str) -> None:
    """A right over a room or flag belongs to a command that names one; what has to be joined names a room."""
    fields = COMMANDS[command].__struct_fields__
    right = RIGHTS[command]
    if right.scope is Scope.ROOM:
        assert "room" in fields
    if right.scope is Scope.FLAG:
        assert "flag" in fields
    if right.is_joined:
        assert right.scope is Scope.ROOM


def test_help_can_be_asked_for_from_outside_the_room() -> None:
    """Who was removed, or stands before a closed room, can still reach staff."""
    assert not RIGHTS["help"].is_joined
    assert RIGHTS["help"].least is Role.PARTICIPANT


@pytest.mark.parametrize("target", [None, *Role])
@pytest.mark.parametrize("actor", Role)
def test_acts_on_a_person_need_a_role_above_theirs(actor: Role, target: Role | None) -> None:
    """Somebody without a role counts as a participant; equals cannot act on each other."""
    order = list(Role)
    assert may_act_on(actor, target) is (order.index(actor) > order.index(target or Role.PARTICIPANT))


@pytest.mark.parametrize(
    ("grants", "role"),
    [
        ({}, None),
        ({"elsewhere": "admin"}, None),
        ({"here": "participant"}, Role.PARTICIPANT),
        ({"*": "moderator"}, Role.MODERATOR),
        ({"*": "participant", "here": "facilitator"}, Role.FACILITATOR),
        ({"*": "admin", "here": "participant"}, Role.ADMIN),
    ],
)
def test_the_strongest_of_a_rooms_own_and_the_general_grant_counts(
    grants: dict[str, str], role: Role | None
) -> None:
    assert role_in(grants, "here") is role


def test_roles_are_ranked_from_the_weakest() -> None:
    assert [role.rank for role in Role] == [0, 1, 2, 3]
    assert [role.is_staff for role in Role] == [False, True, True, True]
