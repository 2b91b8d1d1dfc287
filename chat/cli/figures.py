"""What was measured on labelled texts, as figures: shares with their intervals, thresholds, AUC."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from moderation import Action, Severity

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Judged:
    """One labelled text after its judgement; the text itself is not kept."""

    label: str
    source: str
    file: str
    category: str
    """What the signal was about, `none` without one."""
    severity: Severity
    action: Action
    score: float
    failed: bool = False


@dataclass(slots=True)
class Tally:
    """What happened to the texts of one group."""

    count: int = 0
    at_least: dict[Severity, int] = field(default_factory=lambda: dict.fromkeys(Severity, 0))
    actions: dict[Action, int] = field(default_factory=lambda: dict.fromkeys(Action, 0))
    failed: int = 0

    def add(self, one: Judged) -> None:
        """Count one text in."""
        self.count += 1
        self.actions[one.action] += 1
        self.failed += one.failed
        for severity in Severity:
            self.at_least[severity] += one.severity >= severity


def tally(judged: Iterable[Judged], by: str) -> dict[str, Tally]:
    """The texts of each group, in order of first appearance."""
    groups: dict[str, Tally] = {}
    for one in judged:
        groups.setdefault(getattr(one, by), Tally()).add(one)
    return groups


def interval(part: int, whole: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    if not whole:
        return 0.0, 1.0
    share = part / whole
    middle = share + _Z * _Z / (2 * whole)
    spread = _Z * math.sqrt(share * (1 - share) / whole + _Z * _Z / (4 * whole * whole))
    scale = 1 + _Z * _Z / whole
    low = max(0.0, (middle - spread) / scale) if part else 0.0
    return low, min(1.0, (middle + spread) / scale) if part < whole else 1.0


@dataclass(frozen=True, slots=True)
class Contrast:
    """The scores of texts that should be told and of those that should not, each sorted."""

    wanted: tuple[float, ...]
    other: tuple[float, ...]
    told: tuple[int, int] = (0, 0)
    """How many of each were told, moderate or above, by the whole pipeline."""

    def auc(self) -> float:
        """How often a text that should be told scores above one that should not; ties count half."""
        if not self.wanted or not self.other:
            return 0.5
        above = 0.0
        at = 0
        order = sorted([(score, 1) for score in self.wanted] + [(score, 0) for score in self.other])
        while at < len(order):
            end = at
            while end < len(order) and order[end][0] == order[at][0]:
                end += 1
            above += sum(kind for _, kind in order[at:end]) * (at + 1 + end) / 2
            at = end
        size = len(self.wanted)
        return (above - size * (size + 1) / 2) / (size * len(self.other))

    def auc_interval(self) -> tuple[float, float]:
        """Its 95 % interval (Hanley and McNeil, 1982)."""
        area = self.auc()
        first, second = len(self.wanted), len(self.other)
        if not first or not second:
            return 0.0, 1.0
        both = area / (2 - area) - area * area
        apart = 2 * area * area / (1 + area) - area * area
        spread = _Z * math.sqrt(
            max(0.0, area * (1 - area) + (first - 1) * both + (second - 1) * apart) / (first * second)
        )
        return max(0.0, area - spread), min(1.0, area + spread)

    def at(self, threshold: float) -> tuple[int, int]:
        """How many of each score at least so much."""
        return (
            len(self.wanted) - bisect_left(self.wanted, threshold),
            len(self.other) - bisect_left(self.other, threshold),
        )

    def sweep(self, thresholds: Sequence[float] = THRESHOLDS) -> list[dict[str, Any]]:
        """Recall beside the false positives of the same threshold, each with its interval."""
        return [self._row(threshold, *self.at(threshold)) for threshold in thresholds]

    def as_told(self) -> dict[str, Any]:
        """The same for what the pipeline told, rules and score together."""
        return self._row(None, *self.told)

    def _row(self, threshold: float | None, right: int, wrong: int) -> dict[str, Any]:
        return {
            "threshold": threshold,
            "recall": right / len(self.wanted) if self.wanted else 0.0,
            "recall_95": interval(right, len(self.wanted)),
            "false_positives": wrong / len(self.other) if self.other else 0.0,
            "false_positives_95": interval(wrong, len(self.other)),
        }

    def roc(self) -> list[tuple[float, float]]:
        """The curve: false-positive rate and recall at every score, from none told to all told."""
        points = [(0.0, 0.0)]
        if self.wanted and self.other:
            for threshold in sorted({*self.wanted, *self.other}, reverse=True):
                right, wrong = self.at(threshold)
                points.append((wrong / len(self.other), right / len(self.wanted)))
        return points


def contrast(judged: Sequence[Judged], positive: frozenset[str]) -> Contrast:
    """The texts with one of these labels against all others."""
    sides: tuple[list[float], list[float]] = ([], [])
    told = [0, 0]
    for one in judged:
        side = one.label not in positive
        sides[side].append(one.score)
        told[side] += one.severity >= Severity.MODERATE
    return Contrast(tuple(sorted(sides[0])), tuple(sorted(sides[1])), (told[0], told[1]))
