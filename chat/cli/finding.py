"""What a check of `hearth doctor` says: a state, what was found, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended. Only `wrong` keeps a server from working as it should."""

    OK = "ok"
    WARN = "warn"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what would mend it."""

    check: str
    state: State
    found: str
    mend: str = ""


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, found)


def warn(check: str, found: str, mend: str) -> Finding:
    """It works, and could be better."""
    return Finding(check, State.WARN, found, mend)


def wrong(check: str, found: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, State.WRONG, found, mend)
