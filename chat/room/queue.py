"""The order in which flags want somebody, and how many there are.

Severity comes first, then time left. What nobody came to rises, one severity for each quarter of an hour that it is
late, up to high: so that nothing waits for ever behind what comes after it. Imminent ones stay before all else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

RANK: Mapping[str, int] = {"none": 0, "low": 1, "moderate": 2, "high": 3, "imminent": 4}
RISE = 900_000
"""Milliseconds late for which a flag counts as one severity graver."""
CEILING = RANK["high"]
ATTENDED = 600_000
"""How much later a flag counts as due once somebody is with its author."""
DOUBT = 300_000
"""How much later one counts for each report of the same person that was dismissed; it sinks, and never vanishes."""
MOST_DOUBT = 6

Flag = Mapping[str, Any]


def urgency(flag: Flag, now: int) -> tuple[int, int, int, str]:
    """Where a flag stands at `now` (milliseconds): the least comes first."""
    due = flag["due_at"]
    rank = RANK[flag["severity"]]
    if rank < CEILING:
        rank = min(CEILING, rank + max(0, now - due) // RISE)
    if flag["attended_by"]:
        due += ATTENDED
    if flag["kind"] == "report" and flag["reports"]:
        due += DOUBT * min(MOST_DOUBT, *(report.get("doubt", 0) for report in flag["reports"]))
    return -rank, due, flag["opened_at"], flag["flag"]


def in_order(flags: Iterable[Flag], now: int) -> list[Flag]:
    """Flags, the most pressing first."""
    return sorted(flags, key=lambda flag: urgency(flag, now))


def is_wanted(flag: Flag, severity: str | None, kinds: Collection[str] | None) -> bool:
    """Whether a flag is at least as grave, and of one of these kinds; None asks for no less."""
    return (severity is None or RANK[flag["severity"]] >= RANK[severity]) and (
        kinds is None or flag["kind"] in kinds
    )


def counts(flags: Collection[Flag], now: int) -> dict[str, Any]:
    """How many flags there are: in all, claimed, late, and by severity and kind."""
    return {
        "open": len(flags),
        "claimed": sum(is_claimed(flag, now) for flag in flags),
        "late": sum(flag["due_at"] < now and not flag["attended_by"] for flag in flags),
        "severity": dict(Counter(flag["severity"] for flag in flags)),
        "kind": dict(Counter(flag["kind"] for flag in flags)),
    }


def is_claimed(flag: Flag, now: int) -> bool:
    """Whether somebody holds it, in a lease that runs."""
    return bool(flag.get("claimed_by")) and (flag.get("lease_until") or 0) > now
