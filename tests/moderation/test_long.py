from __future__ import annotations

import pytest

from moderation import Action, Pipeline

FILLER = "the garden is green and the tea is warm while we talk about the bus home. "


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
    """Wherever a hit stands in a long text, what undoes it is seen with it."""
    lead = (FILLER * 20)[: 600 + before].rpartition(". ")[0]
    assert (
        pipeline.judge(f"{lead}. {FILLER} Please don't kill yourself. {FILLER * 3}").action is Action.DELIVER
    )


def test_what_was_read_is_not_read_again(pipeline: Pipeline) -> None:
    """Of a mended text only the parts that were mended are tried anew."""
    plain = (FILLER * 12 + "nobody here likes you. " + FILLER * 12).strip()
    assert pipeline.rules.hits(plain)
    assert not pipeline.rules.hits(plain, plain)


def test_only_what_is_unlike_is_read(pipeline: Pipeline) -> None:
    """What was mended in the midst of a long text is found there, and nothing else again."""
    before = FILLER * 12 + "nobody here likes you. " + FILLER * 8 + "my frend is here. " + FILLER * 8
    after = before.replace("my frend is", "kys, sam,")
    hits = pipeline.rules.hits(after.strip(), before.strip())
    said = {after[hit.start : hit.end] for hit in hits}
    assert "kys" in said
    assert not any("likes you" in one for one in said)


def test_patterns_that_have_met_much_begin_anew(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """What patterns learn of texts is given back after a while, and nothing is judged otherwise for it."""
    rules = pipeline.rules
    before = rules.hits("nobody here likes you")
    assert rules.hits("i have the pills here and i am going to take them tonight")
    monkeypatch.setattr("moderation.rules._MOST_LEARNED", 0)
    kept = dict(rules._compiled)
    assert rules.hits("nobody here likes you") == before
    assert 0 < len(rules._compiled) < len(kept)
