"""When to come back, and after how long. Pure."""

from __future__ import annotations

_STAY_AWAY = frozenset({1000, 1002, 1003, 1007, 1008, 1009})
LONGEST = 30.0
"""Seconds that no wait exceeds, unless the server asks for more."""


def may_return(code: int) -> bool:
    """Whether a close code lets the client come back by itself; 1006 is an end without a close frame."""
    return code not in _STAY_AWAY and code < 4500


def wait(tries: int, span: tuple[float, float], asked: float | None, dice: float) -> float:
    """Seconds before attempt number `tries`, from 0.

    `span` is the server's range, over which clients that lost it together spread; wider after each failure.
    `asked` is what the server named, and `dice` a number from 0 to 1.
    """
    least, most = span
    if asked is not None:
        return asked + dice * (most - least)
    wider = 1 << min(tries, 5)
    return min(max(LONGEST, most), (least + dice * (most - least)) * wider)
