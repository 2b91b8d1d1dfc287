"""No command carries a text that another person could read and nobody judged."""

from __future__ import annotations

import typing

import msgspec
import pytest

from chat.protocol.commands import COMMANDS, RESERVED
from chat.room.texts import TEXTS

# Kinds that are no texts: what they may hold is bounded, and nobody reads them as somebody's words.
IDS = {
    "id",
    "key",
    "room",
    "rooms",
    "user",
    "supervisor",
    "to",
    "flag",
    "replaces",
    "request",
    "epoch",
    "country",
    "language",
    "hidden",
}
CHOICES = {"phase", "hold"}


def texts_of(name: str) -> set[str]:
    """The fields of a command that may hold a string and are no id."""
    hints = typing.get_type_hints(COMMANDS[name], include_extras=True)
    fields = {field.name for field in msgspec.structs.fields(COMMANDS[name])}
    return {
        field
        for field in fields - IDS - CHOICES
        if "str" in str(hints[field]) or "Literal" in str(hints[field])
    }


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - RESERVED))
def test_every_text_of_a_command_is_in_the_table(name: str) -> None:
    """A new text field without a row fails here: somebody has to say who reads it."""
    assert texts_of(name) == {field for command, field in TEXTS if command == name}


def test_the_table_names_nothing_that_does_not_exist() -> None:
    """A row whose command or field is gone fails."""
    for command, field in TEXTS:
        assert field in {known.name for known in msgspec.structs.fields(COMMANDS[command])}
