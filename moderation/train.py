"""How the learned score is trained: which sources, which labels, which loss; `.ci/train` runs it.

None of the sentences is kept, and the same data give the same weights.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from moderation.classifier import HEADS, norm
from moderation.features import SIZE, pair_feature, skip_feature, word_features, words_of
from moderation.text import fold

EPOCHS = 3
RATE = 0.15
_LONGEST = 6_000  # characters: what a room takes, and some


@dataclass(frozen=True, slots=True)
class Source:
    """One file: which labels mean which head, and how much each of its texts weighs."""

    name: str
    weight: float
    crisis: frozenset[str] = frozenset()
    abuse: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    every: int = 1


# Distress that is not a crisis weighs little as a counterexample: some of it is one, unlabelled.
SOURCES = (
    Source(
        "crisis_helpharm_dev",
        2.0,
        crisis=frozenset(("suicidal_ideation", "self-harm", "violent_thoughts")),
        skipped=frozenset(("anxiety_crisis", "substance_abuse_or_withdrawal", "risk_taking_behaviours")),
    ),
    Source("crisis_tweets", 1.0, crisis=frozenset(("suicidal_intention",))),
    Source("crisis_suicidewatch", 1.0, crisis=frozenset(("suicidewatch",))),
    Source("distress_causes", 0.25, skipped=frozenset(("bias_or_abuse",))),
    Source("abuse_disclosure_dreaddit", 0.6, abuse=frozenset(("domesticviolence", "survivorsofabuse"))),
    Source("benign_support_chat", 1.0),
    Source("benign_empathetic", 0.6, every=2),
    Source("benign_everyday", 0.5, every=3),
    Source("benign_counsel_answers", 0.5),
    Source("conduct_olid", 0.5, every=4),
    Source("conduct_davidson", 0.4, every=8),
)
CALM = "benign_support_chat"
"""The source whose second half, never trained on, fixes the thresholds."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text as the training sees it."""

    source: str
    label: str
    wanted: tuple[float, ...]
    weight: float
    places: array[int]
    scale: float


def places_of(plain: str) -> tuple[array[int], int]:
    """All feature places of a plain form, and how many words it has."""
    words = words_of(plain)
    places = array("I")
    for word in words:
        places.extend(word_features(word))
    places.extend(pair_feature(first, second) for first, second in pairwise(words))
    places.extend(skip_feature(first, second) for first, second in zip(words, words[2:], strict=False))
    return places, len(words)


def read(folder: Path) -> Iterator[Example]:
    """The examples of every source, in the order of the files."""
    for source in SOURCES:
        lines = (folder / f"{source.name}.jsonl").read_text("utf-8").strip("\n").split("\n")
        for line in lines[:: source.every]:
            row = json.loads(line)
            label = str(row["label"])
            if label in source.skipped:
                continue
            places, count = places_of(fold(row["text"][:_LONGEST]).plain)
            if not count:
                continue
            wanted = (float(label in source.crisis), float(label in source.abuse))
            yield Example(source.name, label, wanted, source.weight, places, norm(count))


def fit(
    examples: Sequence[Example], head: int, shuffle: Callable[[list[Example]], None]
) -> tuple[list[float], float]:
    """Weights and bias of one head: logistic loss, AdaGrad, `EPOCHS` times over, each time shuffled."""
    order = list(examples)
    weights = [0.0] * SIZE
    squares = [1e-4] * SIZE
    bias, bias_square = -1.0, 1e-4
    for _ in range(EPOCHS):
        shuffle(order)
        for one in order:
            if head == 1 and one.wanted[0] and not one.wanted[1]:
                continue  # what tells of a wish to die may tell of abuse too: it is no counterexample
            total = bias + one.scale * sum([weights[place] for place in one.places])
            slope = (1 / (1 + math.exp(-max(-30.0, min(30.0, total)))) - one.wanted[head]) * one.weight
            if head == 0 and one.wanted[1]:
                slope *= 0.5
            if abs(slope) < 1e-3:
                continue
            bias_square += slope * slope
            bias -= RATE * slope / math.sqrt(bias_square)
            slope *= one.scale
            added = slope * slope
            for place in one.places:
                square = squares[place] + added
                squares[place] = square
                weights[place] -= RATE * slope / math.sqrt(square)
    return weights, bias


def raw(weights: Sequence[float], bias: float, one: Example) -> float:
    """The log odds of one example."""
    return bias + one.scale * sum([weights[place] for place in one.places])


def report(
    held: Sequence[Example], calm: Sequence[Example], weights: Sequence[float], bias: float, head: int
) -> str:
    """What the weights do on a source that they have not seen, beside the support talk kept apart."""
    quiet = sorted(raw(weights, bias, one) for one in calm)
    line = quiet[int(len(quiet) * 0.99)]
    wanted = [raw(weights, bias, one) for one in held if one.wanted[head]]
    other = [raw(weights, bias, one) for one in held if not one.wanted[head]]
    parts = [f"{HEADS[head]}: at 1 % of support talk"]
    for name, scores in (("found", wanted), ("others told", other)):
        if scores:
            parts.append(f"{name} {sum(score > line for score in scores) / len(scores):.1%} of {len(scores)}")
    return ", ".join(parts)
