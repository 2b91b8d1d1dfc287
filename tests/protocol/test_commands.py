from typing import Any, get_args

import msgspec
import pytest

from chat.protocol.commands import COMMANDS, RESERVED, Command
from chat.protocol.fields import MAX_INT

LEAST: dict[str, dict[str, Any]] = {
    "hello": {"token": "t"},
    "profile": {},
    "join": {"room": "r"},
    "leave": {"room": "r"},
    "post": {"room": "r", "key": "k", "text": "t"},
    "edit": {"room": "r", "seq": 1, "text": "t"},
    "retract": {"room": "r"},
    "react": {"room": "r", "seq": 1, "reaction": "x", "on": True},
    "history": {"room": "r"},
    "report": {"room": "r", "seq": 1, "reason": "t"},
    "help": {"room": "r"},
    "hand": {"room": "r", "up": True},
    "whisper": {"room": "r", "to": "u", "text": "t"},
    "typing": {"room": "r", "on": True},
    "mute": {"room": "r", "user": "u", "seconds": 0, "reason": "t"},
    "unmute": {"room": "r", "user": "u"},
    "remove": {"room": "r", "user": "u", "seconds": 0, "reason": "t"},
    "readmit": {"room": "r", "user": "u"},
    "pin": {"room": "r", "seq": 1},
    "unpin": {"room": "r", "seq": 1},
    "warn": {"room": "r", "seq": 1, "warning": "t"},
    "card": {"room": "r", "card": "c"},
    "aside": {"room": "r", "user": "u"},
    "set_room": {"room": "r"},
    "watch": {},
    "attend": {"flag": "f"},
    "claim": {"flag": "f"},
    "unclaim": {"flag": "f"},
    "decide": {"flag": "f", "action": "approve", "note": ""},
    "erase": {"user": "u", "reason": "t"},
    "break_glass": {},
    "confirm": {},
    "note": {"flag": "f", "text": "t"},
    "evidence": {"flag": "f", "purpose": "t"},
    "ban": {"user": "u", "reason": "t"},
    "unban": {"user": "u", "reason": "t"},
    "appeal": {"flag": "f", "text": "t"},
    "audit": {},
    "duty": {},
    "follow_up": {},
    "ping": {},
    **{name: {} for name in RESERVED},
}
"""The fewest fields with which each command is whole."""

WRONG: dict[str, list[Any]] = {
    "room": ["", "r" * 65, 1, None, ["r"], {}],
    "key": ["", "k" * 129, 1],
    "text": [1, None, ["t"], {"t": 1}, True],
    "seq": [0, -1, MAX_INT + 1, 1.5, "1", True],
    "reply_to": [0, -1, "1"],
    "since": [-1, MAX_INT + 1, "0", True],
    "limit": [0, 201, "50", 1.5],
    "seconds": [-1, 366 * 86_400 + 1, "60", 0.5, True],
    "slow_mode": [-1, 3_601, True],
    "phase": ["", "lunch", 1],
    "hold": ["", "some", True],
    "action": ["", "delete", 1],
    "on": [1, 0, "true", None],
    "up": [1, "yes"],
    "locked": [1, "true"],
    "reaction": ["", "x" * 33, 1],
    "warning": [1, "w" * 501],
    "user": ["", "u" * 65, 1],
    "to": ["", "u" * 65, 1],
    "flag": ["", "f" * 161, 1],
    "token": ["", "t" * 8_193, 1],
    "country": ["Ireland", "1E", "I", 1],
    "language": ["-", "english-language-of-the-islands-over-there-and-more", 1],
    "hidden": ["u", [1], ["u"] * 65],
    "severity": ["grave", "", 1],
    "kinds": ["report", ["other"], ["report"] * 9],
    "purpose": ["", "p" * 501, 1],
    "rooms": ["r", [1], ["r"] * 1_001],
    "id": [True, 1.5, "i" * 65, [], MAX_INT + 1],
}
"""Values that no command takes in a field of this name."""


def read(name: str, fields: dict[str, Any]) -> Command:
    command: Command = msgspec.convert({"type": name, **fields}, COMMANDS[name])
    return command


def test_every_command_is_known_by_its_type() -> None:
    assert COMMANDS.keys() == LEAST.keys()
    assert {*COMMANDS.values()} == {*get_args(Command)}
    assert len(COMMANDS) == len(get_args(Command))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_fewest_fields_are_enough_and_each_is_needed(name: str) -> None:
    read(name, LEAST[name])
    for field in LEAST[name]:
        with pytest.raises(msgspec.ValidationError):
            read(name, {other: value for other, value in LEAST[name].items() if other != field})


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_wrong_values_are_refused_in_every_field(name: str) -> None:
    for field in COMMANDS[name].__struct_fields__:
        for value in WRONG.get(field, []):
            if value is None and field not in LEAST[name]:
                continue
            with pytest.raises(msgspec.ValidationError):
                read(name, {**LEAST[name], field: value})


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_none_is_as_good_as_absent_where_a_field_is_optional(name: str) -> None:
    bounded = {"limit"}
    rest = {
        field: None for field in COMMANDS[name].__struct_fields__ if field not in LEAST[name].keys() | bounded
    }
    assert read(name, {**LEAST[name], **rest}) == read(name, LEAST[name])


def test_a_text_of_any_length_is_read_and_judged_later() -> None:
    """Too long is an answer of its own, with care where the text calls for it; no wrong field."""
    for name in ("post", "edit", "whisper", "help"):
        read(name, {**LEAST[name], "text": "t" * 60_000})


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_its_duty(name: str) -> None:
    assert (COMMANDS[name].__doc__ or "").strip().endswith(".")
