"""Training: what is read, what is left out, and that the same data give the same weights."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.classifier import OWN, pack, unpack
from moderation.features import words_of
from moderation.text import fold
from moderation.train import (
    BY_RULES,
    CALM,
    FIXED,
    LEFT_OUT,
    OWN_FOLDER,
    OWN_NAME,
    SOURCES,
    Texts,
    Trained,
    calibrate,
    fit,
    fix,
    minimise,
    own_groups,
    read,
    threshold,
    train,
    usable,
)
from moderation.verdict import Severity
from tests.corpus.score import groups

DARK = "tonight i feel bleak and i cannot see any morning number"
BRIGHT = "today i went for a walk by the sea and ate soup number"


@pytest.fixture(scope="module", autouse=True)
def few_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Training here takes two of our own sentences of each kind, as all of them take a minute."""
    folder = tmp_path_factory.mktemp("own")
    for says in ("crisis", "abuse", "distress", "calm"):
        texts = next(group["texts"] for group in own() if group["says"] == says)[:2]
        said = f'[[group]]\nname = "few"\nsays = "{says}"\ntexts = {json.dumps(texts)}\n'
        (folder / f"{says}.toml").write_text(said, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moderation.train.OWN_FOLDER", folder)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of each source, in words of ours."""
    folder = tmp_path_factory.mktemp("data")
    for source in SOURCES:
        labels = [*sorted(source.crisis | source.abuse | source.skipped), "calm"]
        lines = [
            json.dumps({"text": f"{BRIGHT if label == 'calm' else DARK} {at} {source.name}", "label": label})
            for at in range(12)
            for label in labels
        ]
        (folder / f"{source.name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def texts(folder: Path) -> Texts:
    return read(folder, lambda text: (fold(text).plain, Severity.NONE, 0.0))


@pytest.fixture(scope="module")
def trained(texts: Texts) -> Trained:
    return train(texts, lambda _: None, rounds=2)


def own() -> list[Any]:
    """All that is shipped, whatever the trainings here take of it."""
    return list(own_groups(OWN_FOLDER))


def test_labels_that_are_passed_over_are_not_read(texts: Texts) -> None:
    assert "anxiety_crisis" not in texts.label
    assert set(texts.source) == {source.name for source in SOURCES} | {OWN_NAME}
    assert texts.wanted[texts.label == "suicidewatch", 0].all()
    assert not texts.wanted[texts.label == "calm"].any()


def test_a_stretch_of_each_dialogue_source_is_never_trained_on(texts: Texts) -> None:
    rows = usable(texts, 0)
    assert set(texts.part[rows & (texts.source == CALM)]) == {0, 1}
    assert {FIXED, 3} <= set(texts.part[texts.source == CALM])


def test_what_is_left_out_is_left_out(texts: Texts) -> None:
    rows = usable(texts, 0, ["crisis_tweets", "survivorsofabuse"])
    assert "crisis_tweets" not in texts.source[rows]
    assert "survivorsofabuse" not in texts.label[rows]


def test_a_counterexample_that_the_rules_doubt_is_none(folder: Path) -> None:
    """But what we wrote ourselves we meant."""
    doubted = read(folder, lambda text: (fold(text).plain, Severity.HIGH, 0.0))
    rows = usable(doubted, 0)
    assert set(doubted.source[rows & ~doubted.wanted.any(axis=1)]) == {OWN_NAME}


def test_some_texts_are_those_texts(texts: Texts) -> None:
    """The columns stay in step when rows are taken out."""
    rows = texts.source == "crisis_tweets"
    few = texts.only(rows)
    weights = np.linspace(-1, 1, 1 << 18)
    assert len(few) == rows.sum()
    assert np.allclose(few.odds(weights, 0.5, 0.1), texts.odds(weights, 0.5, 0.1)[rows])


def test_the_heads_learn_what_parts_the_texts(texts: Texts) -> None:
    weights, bias = fit(texts.only(usable(texts, 0, [OWN_NAME])), 0, strength=0.1, rounds=6)
    odds = texts.odds(weights, bias, 0.0)
    public = texts.source != OWN_NAME
    assert odds[public & texts.wanted[:, 0]].min() > odds[public & (texts.label == "calm")].max()


def test_the_same_data_give_the_same_weights(texts: Texts, trained: Trained) -> None:
    said: list[str] = []
    first = train(texts, said.append, rounds=2)
    assert pack(first.heads, first.beside) == pack(trained.heads, trained.beside)
    assert list(first.beside.severities) == sorted(first.beside.severities)
    assert said[0] == "crisis without crisis_tweets"
    assert [model.without for model, _ in first.blind] == [without for _, without in LEFT_OUT]


def test_minimise_finds_the_least_point() -> None:
    """Rosenbrock's valley, whose bottom is at one and one."""

    def valley(at: Any) -> tuple[float, Any]:
        x, y = at
        down = np.array([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)])
        return float(100 * (y - x * x) ** 2 + (1 - x) ** 2), down

    assert np.allclose(minimise(valley, np.array([-1.2, 1.0]), 200), [1, 1], atol=1e-3)


def test_calibration_puts_even_odds_between_the_two() -> None:
    odds = np.array([3.0, 4.0, 4.5, 6.5, 5.0, 6.0, 7.0, 8.0])
    slope, shift = calibrate(odds, np.arange(8) >= 4)
    assert slope > 0
    assert -shift / slope == pytest.approx(5.5, abs=0.8)


def test_a_threshold_keeps_to_its_share(texts: Texts) -> None:
    """Of those that the rules have told already there is so much less left to tell."""
    odds = np.random.default_rng(1).normal(size=len(texts))
    rows = (texts.source == CALM) & (texts.part == FIXED)
    nobody = np.zeros(len(texts), bool)
    least = threshold(odds, nobody, texts, (0.34, 1.0))
    assert (odds[rows] >= least).sum() == int(rows.sum() * 0.34)
    ruled = replace(texts, severity=np.where(texts.source == CALM, Severity.MODERATE, Severity.NONE))
    assert threshold(odds, ruled.severity > 0, ruled, (0.34, 1.0)) >= least


def test_what_is_read_away_leaves_room_for_what_is_not(folder: Path) -> None:
    """Where words must be surer, or are not asked, the threshold sinks by as much as they no longer tell."""

    def with_margin(margin: float) -> Texts:
        return read(folder, lambda text: (fold(text).plain, Severity.NONE, margin))

    texts = with_margin(0.0)
    odds = np.random.default_rng(1).normal(size=len(texts))
    nobody = np.zeros(len(texts), bool)
    least = threshold(odds, nobody, texts, (0.34, 1.0))
    assert threshold(odds, nobody, with_margin(0.5), (0.34, 1.0)) == pytest.approx(least - 0.5)
    assert not with_margin(math.inf).asked.any()


def test_what_is_packed_is_what_was_measured(trained: Trained) -> None:
    """Rounding comes before the thresholds: it moves the odds, and cuts the largest weights."""
    heads = unpack(pack(trained.heads, trained.beside)).heads
    for head, fitted in zip(heads, trained.heads, strict=True):
        assert np.allclose(np.array(head.weights) * head.step, fitted.weights)


def test_a_long_text_must_say_more(texts: Texts) -> None:
    weights = np.zeros(1 << 18)
    longer = replace(texts, longer=texts.longer + 2.0)
    assert np.allclose(longer.odds(weights, 1.0, 0.3), texts.odds(weights, 1.0, 0.3) - 0.6)


def test_thresholds_are_set_anew_without_training(trained: Trained, folder: Path) -> None:
    """The weights stay as they are; where the rules tell all that may be told, the words tell nothing more."""
    classifier = unpack(pack(trained.heads, trained.beside))
    only = read(folder, lambda text: (fold(text).plain, Severity.NONE, 0.0), parts=BY_RULES)
    assert set(only.part) == set(BY_RULES)
    heads = fix(only, classifier)
    assert unpack(pack(heads, trained.beside)).heads[0].weights == classifier.heads[0].weights
    told = read(folder, lambda text: (fold(text).plain, Severity.MODERATE, 0.0), parts=BY_RULES)
    fewer = fix(told, classifier)
    assert all(one.moderate >= other.moderate for one, other in zip(fewer, heads, strict=True))


def test_our_own_sentences_stand_once_and_not_in_what_is_sealed() -> None:
    """What measures is not trained on; the open half is what rules and score are tuned on."""
    ours = [text for group in own() for text in group["texts"]]
    folded = {fold(text).plain for text in ours}
    assert len(folded) == len(ours) > 400
    sealed = {fold(case.text).plain for group in groups("sealed") for case in group.cases}
    assert len(sealed) > 400
    assert not folded & sealed


def test_our_own_sentences_say_both() -> None:
    """Each group says what it is, and there are as many harmless ones as it takes."""
    assert {group["says"] for group in own()} == {"crisis", "abuse", "distress", "calm"}
    calm = [text for group in own() if group["says"] == "calm" for text in group["texts"]]
    about = [text for text in calm if not OWN.isdisjoint(words_of(fold(text).plain))]
    assert len(about) > 100
