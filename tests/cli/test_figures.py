from __future__ import annotations

import pytest

from chat.cli.figures import Contrast, Judged, contrast, interval, tally
from moderation import Action, Severity


def judged(label: str, severity: Severity = Severity.NONE, score: float = 0.0) -> Judged:
    return Judged(label, "own", "rows", "none", severity, Action.DELIVER, score)


def test_a_group_counts_each_severity_and_all_below_it() -> None:
    groups = tally([judged("a", Severity.HIGH), judged("b"), judged("a", Severity.LOW)], "label")
    assert list(groups) == ["a", "b"]
    assert [groups["a"].at_least[level] for level in Severity] == [2, 2, 1, 1, 0]
    assert tally([judged("a")], "source")["own"].count == 1


def test_an_interval_holds_its_share_and_stays_a_share() -> None:
    """Wilson's, by the example of Newcombe (1998)."""
    low, high = interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert interval(0, 0) == (0.0, 1.0)
    assert interval(0, 20)[0] == 0.0
    assert interval(20, 20)[1] == 1.0


@pytest.mark.parametrize(
    ("wanted", "other", "area"),
    [((0.5, 0.9), (0.1, 0.5), 0.875), ((), (0.1,), 0.5), ((0.9,), (0.1,), 1.0), ((0.1,), (0.9,), 0.0)],
)
def test_the_area_counts_ties_half(wanted: tuple[float, ...], other: tuple[float, ...], area: float) -> None:
    curve = Contrast(wanted, other)
    assert curve.auc() == area
    low, high = curve.auc_interval()
    assert low <= area <= high


def test_a_threshold_gives_recall_beside_false_positives() -> None:
    (row,) = Contrast((0.2, 0.6, 0.8), (0.1, 0.6)).sweep([0.6])
    assert (row["recall"], row["false_positives"]) == (2 / 3, 0.5)


def test_the_curve_runs_from_none_to_all() -> None:
    points = Contrast((0.2, 0.9), (0.1, 0.2)).roc()
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)
    assert points == sorted(points)


def test_what_was_told_is_counted_apart_from_the_score() -> None:
    curve = contrast(
        [judged("crisis", Severity.MODERATE, 0.1), judged("crisis"), judged("calm", Severity.LOW, 0.9)],
        frozenset(["crisis"]),
    )
    assert curve.told == (1, 0)
    assert curve.as_told()["recall"] == 0.5
    assert curve.other == (0.9,)
