from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation import Action, Pipeline
from moderation.windows import windows

FILLER = "the garden is green and the tea is warm while we talk about the bus home. "


@given(st.text("ab \n", max_size=3_000))
def test_each_place_has_one_window_that_sees_around_it(text: str) -> None:
    """All windows together answer for the whole text, each place once, and lie within it."""
    at = 0
    for start, end, first, last in windows(text):
        assert first == at
        assert 0 <= start <= first <= last <= end <= len(text)
        at = last
    assert at == len(text)


@pytest.mark.parametrize("before", range(0, 900, 37))
def test_a_hit_is_found_wherever_it_stands(pipeline: Pipeline, before: int) -> None:
    """No place in a long text hides an attack, and none finds it twice or elsewhere."""
    lead = (FILLER * 20)[:before].rpartition(". ")[0]
    text = f"{lead}. Nobody here likes you, Sam. {FILLER * 8}"
    judgement = pipeline.judge(text)
    assert judgement.action is Action.BLOCK
    assert {text[slice(*one.span)] for one in judgement.reasons if one.rule == "room.attack.insult"} == {
        "Nobody here likes you"
    }


@pytest.mark.parametrize("before", range(0, 500, 41))
def test_what_undoes_a_hit_is_seen(pipeline: Pipeline, before: int) -> None:
    """A window that begins between a hit and what undoes it does not answer for that hit."""
    lead = (FILLER * 20)[: 600 + before].rpartition(". ")[0]
    assert (
        pipeline.judge(f"{lead}. {FILLER} Please don't kill yourself. {FILLER * 3}").action is Action.DELIVER
    )


def test_what_was_read_is_not_read_again(pipeline: Pipeline) -> None:
    """Of a mended text only the parts that were mended are tried anew."""
    plain = (FILLER * 12 + "nobody here likes you. " + FILLER * 12).strip()
    assert pipeline.rules.hits(plain)
    assert not pipeline.rules.hits(plain, plain)
