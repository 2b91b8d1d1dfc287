"""The corpus: what the pipeline says of our own sentences, group by group, and no group may fall below its floor."""

from __future__ import annotations

from collections import Counter

import pytest

from moderation import Pipeline, load
from tests.corpus.score import CONFIG, HALVES, HERE, Group, floors, groups, score


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return load(CONFIG)


@pytest.mark.parametrize("half", HALVES)
def test_no_group_falls(pipeline: Pipeline, half: str) -> None:
    """Each group is read as well as it has been before; of the sealed half only names and rates are told."""
    floor = floors().get(half, {})
    fallen = {
        group.name: f"{group.rate:.2f} under {floor[group.name]:.2f}"
        for group in score(pipeline, half)
        if group.rate < floor.get(group.name, 0.0)
    }
    assert not fallen


@pytest.mark.parametrize("half", HALVES)
def test_every_floor_is_of_a_group(half: str) -> None:
    """A group that is renamed takes its floor with it, and a new one gets one."""
    known = {group.name for group in groups(half)}
    assert not known ^ floors().get(half, {}).keys() or half == "sealed"


@pytest.mark.parametrize("half", ["open", "sealed"])
def test_no_sentence_stands_twice(half: str) -> None:
    """Each case of a half is one case, but for what two profiles make of it."""
    seen = Counter(
        (case.said, case.text, case.wanted.get("profile")) for group in groups(half) for case in group.cases
    )
    assert max(seen.values(), default=1) == 1


def test_no_sentence_leaves_by_a_repr() -> None:
    """A group that is printed, as by a failing test, prints no sentence."""
    some: Group = next(groups("open"))
    assert some.cases[0].text not in repr(some)


def test_the_folders_are_the_halves() -> None:
    """Nothing is left unscored."""
    assert {path.name for path in HERE.iterdir() if path.is_dir() and path.name[0] != "_"} <= set(HALVES)
