from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import re2
from hypothesis import given, settings

from moderation import Pipeline
from moderation.gate import ANYWHERE, WordGate
from moderation.lexicon import CLOSING, OPENING, Lexicon
from moderation.text import fold
from tests.corpus.score import groups
from tests.moderation_words import ANYTHING


def _hidden(pipeline: Pipeline, text: str) -> list[str]:
    rules = pipeline.rules
    plain = fold(text).plain
    gates = (rules._words, rules._late)
    encoded = plain.encode()
    shown = {number: spans for gate in gates for number, spans in gate.places(encoded).items()}
    shown |= {number: ANYWHERE for gate in gates for number in gate.open}
    hidden = []
    for number, pattern in enumerate(rules._patterns[: len(rules._owner)]):
        rule = rules.rules[rules._owner[number]]
        match = None if rule.gate else _compiled(pattern).search(encoded)
        if match is not None and not any(
            start <= match.start() <= end for start, end in shown.get(number, ())
        ):
            hidden.append(rule.id)
    return hidden


@cache
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern.encode())


def test_no_pattern_is_hidden_that_would_match(pipeline: Pipeline) -> None:
    """What the gate leaves out, matches nothing."""
    for group in groups("open"):
        for case in group.cases[::4]:
            assert not _hidden(pipeline, case.text)


@given(ANYTHING)
@settings(max_examples=20)
def test_strange_texts_hide_nothing(pipeline: Pipeline, text: str) -> None:
    """Nor does it for texts that nobody would write."""
    assert not _hidden(pipeline, text)


def test_words_give_nearly_all_patterns_away(pipeline: Pipeline) -> None:
    """Few patterns are run on every text, and few of the others on an ordinary one."""
    words = pipeline.rules._words
    assert len(words.open) < len(pipeline.rules._patterns) / 15
    plain = b"thank you all, we had a quiet evening and cooked soup with my neighbour"
    assert len(words.places(plain)) < len(pipeline.rules._patterns) / 80


@pytest.mark.parametrize(
    ("text", "is_possible"),
    [
        ("it is time to go", True),
        ("it is to time go", False),
        ("time, to be gone", True),
        ("time", False),
        ("my last day", False),
        ("my-day", True),
    ],
)
def test_words_one_behind_the_other(text: str, *, is_possible: bool) -> None:
    """Common words count only where they stand as the pattern has them."""
    patterns = [f"{OPENING}{Lexicon([]).expand(one)}{CLOSING}" for one in ("time to", "my day")]
    assert bool(WordGate(dict(enumerate(patterns))).places(text.encode())) is is_possible


def test_no_patterns_at_all() -> None:
    """The empty set is a case like any."""
    assert not WordGate({}).places(b"any words")


def test_a_long_text_is_possible_only_where_its_words_are_near() -> None:
    """Words that stand too far apart for any match leave nothing possible, however many there are."""
    gate = WordGate(
        dict(enumerate(f"{OPENING}{Lexicon([]).expand(one)}{CLOSING}" for one in ("sea(?: \\w+){0,3} wind",)))
    )
    rest = "and so we talk on " * 20
    assert gate.places(f"the sea {rest} the wind".encode()) == {}
    text = f"{rest} the sea and its wind {rest}".encode()
    [(start, end)] = gate.places(text)[0]
    assert start <= text.index(b"sea") < text.index(b"wind") < end < len(text)
    assert end - start < len(text) / 3
