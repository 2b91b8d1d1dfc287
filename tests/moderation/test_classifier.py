from __future__ import annotations

import math
from pathlib import Path

import pytest

from moderation.classifier import (
    FEWEST,
    HEADS,
    LONG,
    LONGEST,
    MOST_ODDS,
    Beside,
    Classifier,
    Fitted,
    Score,
    excess,
    load_classifier,
    pack,
    unpack,
)
from moderation.features import SIZE, word_codes, word_places, words_of
from moderation.verdict import Severity


def made(**weights: float) -> Classifier:
    """A classifier whose crisis head knows some words by themselves alone."""
    places = [0.0] * SIZE
    for word, weight in weights.items():
        places[word_places(word)[0]] = weight
    flat = [0.0] * SIZE
    flat[1] = 1.0
    return unpack(pack([Fitted(places, -1.0, 0.5, 0.0, 1.0), Fitted(flat, -3.0, 0.0, 8.0, 9.0)], Beside()))


def test_the_odds_are_the_sum_of_words_pairs_and_gaps() -> None:
    """What is looked up quickly is what the features say, one by one."""
    classifier = load_classifier()
    plain = "i am so tired of all this and i want it to stop"
    words = words_of(plain)
    codes = [word_codes(word) for word in words]
    places = [place for word in words for place in word_places(word)]
    places += [codes[at][0] ^ codes[at + 1][1] for at in range(len(words) - 1)]
    places += [codes[at][2] ^ codes[at + 2][1] for at in range(len(words) - 2)]
    crisis = classifier.heads[0]
    total = sum(crisis.weights[place] for place in places)
    raw = classifier.raw(plain)
    assert raw.crisis == pytest.approx(crisis.bias + total * crisis.step / (len(words) + 4) ** 0.5)
    assert raw == classifier.raw(plain)


@pytest.mark.parametrize("plain", ["", "?", "word", "two words", "\u4f60\u597d"])
def test_short_and_strange_texts_have_odds_and_ask_for_nothing(plain: str) -> None:
    classifier = load_classifier()
    raw = classifier.raw(plain)
    assert classifier.attention(raw) is Severity.NONE
    assert 0 <= classifier.score(raw, Severity.NONE) <= 1


def test_attention_wants_enough_words_and_some_of_the_authors_own() -> None:
    classifier = made(bleak=9.0)
    few, other = "i feel bleak", "the view from that window was bleak"
    assert len(words_of(few)) < FEWEST
    assert classifier.attention(classifier.raw(few)) is Severity.NONE
    assert classifier.attention(classifier.raw(other)) is Severity.NONE
    assert classifier.attention(classifier.raw("i feel so very bleak today again")) is Severity.MODERATE


def test_attention_asks_more_where_the_bar_is_higher() -> None:
    classifier = made(bleak=9.0)
    raw = classifier.raw("i feel so very bleak today again")
    over = raw.crisis - classifier.heads[0].moderate
    assert classifier.attention(raw, over - 0.1) is Severity.MODERATE
    assert classifier.attention(raw, over + 0.1) is Severity.LOW
    assert classifier.attention(raw, math.inf) is Severity.NONE


def test_a_long_text_must_say_more() -> None:
    """Each time that it is as long again, up to a length; the same words then weigh less."""
    assert excess(0) == excess(LONG) == 0
    assert excess(2 * LONG) == pytest.approx(1)
    assert excess(10 * LONGEST) == excess(LONGEST)
    classifier = made()
    short, long = (classifier.raw("walk " * count).crisis for count in (LONG, 2 * LONG))
    assert short - long == pytest.approx(classifier.heads[0].due)


def test_attention_is_moderate_at_most() -> None:
    """Whatever the words are, they never hold or call anybody out."""
    classifier = load_classifier()
    assert classifier.attention(Score(99.0, 99.0, 50)) is Severity.MODERATE


def test_the_score_rises_with_the_words_and_with_the_severity() -> None:
    classifier = load_classifier()
    for words in (-MOST_ODDS, 0.0, MOST_ODDS):
        scores = [classifier.score(Score(words, -MOST_ODDS, 9), severity) for severity in Severity]
        assert scores == sorted(scores)
    for severity in Severity:
        low, high = (classifier.score(Score(words, -9.0, 9), severity) for words in (-2.0, 2.0))
        assert low < high


def test_the_strongest_parts_are_named_with_their_weight() -> None:
    classifier = made(bleak=9.0, sunny=-5.0)
    first, second = classifier.strongest("i feel bleak on a sunny day", 2)
    assert (first.text, first.head) == ("bleak", HEADS[0])
    assert second.text == "sunny"
    assert first.weight > 0 > second.weight
    assert "bleak" not in repr(first)
    assert Classifier().strongest("i feel bleak", 2) == []


def test_weights_come_back_as_they_were_packed() -> None:
    weights = [0.0] * SIZE
    weights[5], weights[6] = 0.5, -0.5
    heads = [Fitted(weights, -1.5, 0.75, 0.25, 1.25)] * 2
    packed = pack(heads, Beside((-3.0, -2.0, 0.0, 2.0, 4.0), 0.5))
    classifier = unpack(packed)
    assert packed == pack(heads, Beside((-3.0, -2.0, 0.0, 2.0, 4.0), 0.5))
    assert classifier.beside == Beside((-3.0, -2.0, 0.0, 2.0, 4.0), 0.5)
    head = classifier.heads[1]
    assert (head.bias, head.due, head.low, head.moderate) == (-1.5, 0.75, 0.25, 1.25)
    assert head.weights[5] == -head.weights[6] == 127


@pytest.mark.parametrize("packed", [b"", b"weights", b"x\x9c", pack([], Beside())])
def test_what_is_no_weights_file_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="not a weights file"):
        unpack(packed)


def test_without_weights_the_rules_speak_alone(tmp_path: Path) -> None:
    classifier = load_classifier(tmp_path / "none.bin")
    assert classifier.raw("i want to be gone from all of this") == Score()
    assert classifier.attention(Score()) is Severity.NONE
    assert classifier.score(Score(), Severity.NONE) < 0.1 < classifier.score(Score(), Severity.HIGH)
