"""How configuration is read: TOML files into closed tables, every fault named by file and key."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

Name = Callable[[tuple[str, ...]], str]
"""How a place in a table is called: its keys in, what the operator wrote out."""


class ConfigError(ValueError):
    """Configuration that cannot be used: one line for each fault, naming its place."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class Part(BaseModel):
    """One table: closed, so that a misspelt name is told, and unchangeable once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's content; a fault in it names file, line and column."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read ({type(error).__name__})"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: {error}"]) from None


def faults(error: ValidationError, name: Name) -> list[str]:
    """One line for each fault: its place, then what would be right. The value itself is not repeated."""
    found = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        says = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            says = "there is no setting of this name"
        found.append(f"{name(tuple(map(str, fault['loc'])))}: {says[:1].lower() + says[1:]}")
    return found
