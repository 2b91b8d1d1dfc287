import pytest

from chat.node.session import Caller
from chat.protocol.fields import Role

SIDE = "aside-0a1b2c3d4e.blue"


@pytest.mark.parametrize(
    ("grants", "asides", "role", "is_outside"),
    [
        ({"blue": "participant"}, {}, None, True),
        ({"*": "facilitator"}, {}, None, True),
        ({"*": "moderator"}, {}, Role.MODERATOR, True),
        ({"green": "admin"}, {}, None, True),
        ({"blue": "participant"}, {SIDE: "participant"}, Role.PARTICIPANT, False),
        ({"blue": "facilitator"}, {SIDE: "facilitator"}, Role.FACILITATOR, False),
        ({"blue": "participant"}, {SIDE: "facilitator"}, None, True),
        ({}, {SIDE: "facilitator"}, None, True),
        ({SIDE: "admin"}, {}, None, True),
    ],
)
def test_a_side_room_is_its_peoples_alone(
    grants: dict[str, str], asides: dict[str, str], role: Role | None, *, is_outside: bool
) -> None:
    """A grant opens none, however wide; moderators may work on its flags; who was staff is in it no more."""
    caller = Caller("u", "Ann", grants, 0, 0, asides=asides)
    assert caller.role(SIDE) is role
    assert caller.is_outside(SIDE) is is_outside
    assert not caller.is_outside("blue")
