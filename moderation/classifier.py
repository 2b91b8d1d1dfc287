"""The learned score: two small linear models that may raise attention and never hold or block."""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moderation.features import SIZE, pair_feature, skip_feature, word_features, words_of
from moderation.verdict import Severity

HEADS = ("crisis", "abuse")
WEIGHTS = Path(__file__).with_name("weights.bin")
_MAGIC = b"HEARTH1\n"
_FEWEST = 7  # words: of fewer the models know too little, and the rules enough
_OWN = frozenset(("i", "im", "ive", "id", "ill", "my", "me", "myself", "am"))
_LIMIT = 30_000  # words whose sums are remembered: ordinary talk uses far fewer

# Log odds of a crisis by the rules alone, for each severity, and how much a point of the words' own adds.
_BY_RULES = (-2.6, -1.3, 1.4, 3.0, 4.6)
_SLOPE = 0.8
_LEAST = (-4.0, -1.5, -1.0, -1.0, -1.0)  # how far calm words can speak against what a rule found
# Log odds, crisis and abuse, from which the words alone ask for attention: fixed on support talk that was
# not trained on, see the model card.
LOW = (-1.7, -2.2)
MODERATE = (-0.8, -1.5)


def norm(count: int) -> float:
    """What a sum over so many words is scaled by."""
    return 1.0 / math.sqrt(count + 4)


@dataclass(frozen=True, slots=True)
class Score:
    """The words' own log odds, by head."""

    crisis: float = -6.0
    abuse: float = -6.0
    words: int = 0
    """How many words there are, 0 if the author speaks of somebody else alone."""


@dataclass(slots=True)
class Head:
    """The weights of one model, in steps of `step`."""

    weights: array[int]
    step: float
    bias: float


@dataclass(slots=True)
class Classifier:
    """Both models; without weights it says what the rules alone say."""

    heads: tuple[Head, ...] = ()
    digest: bytes = b"rules only"
    _words: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False)

    def raw(self, plain: str) -> Score:
        """The log odds of a plain form."""
        if not self.heads:
            return Score()
        words = words_of(plain)
        if not words:
            return Score()
        known = self._words
        crisis, abuse = self.heads
        first, second = crisis.weights, abuse.weights
        total = other = 0
        before = earlier = ""
        for word in words:
            sums = known.get(word) or self._learn(word)
            total += sums[0]
            other += sums[1]
            if before:
                place = pair_feature(before, word)
                total += first[place]
                other += second[place]
                if earlier:
                    place = skip_feature(earlier, word)
                    total += first[place]
                    other += second[place]
            earlier, before = before, word
        scale = norm(len(words))
        return Score(
            crisis.bias + total * crisis.step * scale,
            abuse.bias + other * abuse.step * scale,
            len(words) if not _OWN.isdisjoint(words) else 0,
        )

    def _learn(self, word: str) -> tuple[int, ...]:
        places = word_features(word)
        sums = tuple(sum(head.weights[place] for place in places) for head in self.heads)
        if len(self._words) < _LIMIT:
            self._words[word] = sums
        return sums

    def score(self, raw: Score, severity: Severity) -> float:
        """Probability of a crisis, 0 to 1, from the words and what the rules found."""
        words = max(raw.crisis, raw.abuse)
        odds = _BY_RULES[severity] + _SLOPE * max(_LEAST[severity], min(4.0, words))
        return 1.0 / (1.0 + math.exp(-odds))

    def attention(self, raw: Score) -> Severity:
        """How much attention the words alone ask for."""
        if raw.words < _FEWEST:
            return Severity.NONE
        if raw.crisis >= MODERATE[0] or raw.abuse >= MODERATE[1]:
            return Severity.MODERATE
        return Severity.LOW if raw.crisis >= LOW[0] or raw.abuse >= LOW[1] else Severity.NONE

    def speaker(self, raw: Score) -> str:
        """The id of the rule that speaks for the model that is surer."""
        return "model.abuse" if raw.abuse - MODERATE[1] > raw.crisis - MODERATE[0] else "model.attention"


def pack(heads: Sequence[tuple[Sequence[float], float]]) -> bytes:
    """Weights as a small file: for each head its bias, its step, and one signed byte a place."""
    parts = [_MAGIC]
    for weights, bias in heads:
        step = max(1e-9, sorted(map(abs, weights))[int(len(weights) * 0.999)]) / 127
        steps = array("b", (max(-127, min(127, round(weight / step))) for weight in weights))
        parts.append(struct.pack("<dd", bias, step) + steps.tobytes())
    return zlib.compress(b"".join(parts), 9)


def unpack(packed: bytes) -> Classifier:
    """The classifier of such a file; ValueError if it is none."""
    try:
        content = zlib.decompress(packed)
    except zlib.error as error:
        raise ValueError("not a weights file") from error
    if not content.startswith(_MAGIC) or len(content) != len(_MAGIC) + len(HEADS) * (16 + SIZE):
        raise ValueError("not a weights file of this version")
    heads = []
    at = len(_MAGIC)
    for _ in HEADS:
        bias, step = struct.unpack_from("<dd", content, at)
        weights = array("b")
        weights.frombytes(content[at + 16 : at + 16 + SIZE])
        heads.append(Head(weights, step, bias))
        at += 16 + SIZE
    return Classifier(tuple(heads), hashlib.sha256(packed).digest())


def load_classifier(path: Path = WEIGHTS) -> Classifier:
    """The classifier with the shipped weights; by rules alone where there are none."""
    return unpack(path.read_bytes()) if path.exists() else Classifier()
