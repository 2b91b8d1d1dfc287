"""The learned score: two small linear models that may raise attention and never hold or block."""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moderation.features import SIZE, word_codes, word_places, words_of
from moderation.verdict import Severity

HEADS = ("crisis", "abuse")
WEIGHTS = Path(__file__).with_name("weights.bin")
FEWEST = 7  # words: of fewer the models know too little, and the rules enough
OWN = frozenset(("i", "im", "ive", "id", "ill", "my", "me", "myself", "am", "mine"))
MOST_ODDS = 6.0  # log odds beyond which words alone prove no more
LONG, LONGEST = 30, 200
"""From how many words on a text must say more, and from how many on no more than that."""
_MAGIC = b"HEARTH3\n"
_HEAD = struct.Struct("<5d")
_RULES = struct.Struct("<6d")
_LIMIT = 30_000  # words whose sums are remembered: ordinary talk uses far fewer


def norm(count: int) -> float:
    """What a sum over so many words is scaled by."""
    return 1.0 / math.sqrt(count + 4)


def excess(count: int) -> float:
    """How often a text of so many words doubles the length from which it must say more.

    A long text of plain distress gathers many small hints that a short one has no room for.
    """
    return max(0.0, math.log2(min(count, LONGEST) / LONG)) if count else 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """The words' own log odds, by head."""

    crisis: float = -MOST_ODDS
    abuse: float = -MOST_ODDS
    words: int = 0
    """How many words there are, 0 if the author speaks of somebody else alone."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one word or pair of words added to the log odds of a head."""

    text: str = field(repr=False)
    head: str
    weight: float


@dataclass(frozen=True, slots=True)
class Head:
    """One model: its weights in steps of `step`, and the log odds from which its words ask for attention."""

    weights: array[int]
    step: float
    bias: float
    due: float
    """What a text must say more for each time that it is as long again."""
    low: float
    moderate: float


@dataclass(frozen=True, slots=True)
class Beside:
    """How words and rules make one probability: log odds for each severity, and a factor for the words'."""

    severities: tuple[float, ...] = (-4.0, -2.0, 1.0, 3.0, 5.0)
    slope: float = 0.8


# Of one word: its sum for either head, and its codes for pairs.
_Known = tuple[int, int, int, int, int]


class _Words(dict[str, _Known]):
    """What is known of each word; fills itself, up to a limit."""

    def __init__(self, heads: tuple[Head, ...]) -> None:
        super().__init__()
        self._heads = heads

    def __missing__(self, word: str) -> _Known:
        places = word_places(word)
        first, second = (sum(head.weights[place] for place in places) for head in self._heads)
        known = (first, second, *word_codes(word))
        if len(self) < _LIMIT:
            self[word] = known
        return known


class Classifier:
    """Both models; without weights it says what the rules alone say."""

    def __init__(
        self, heads: tuple[Head, ...] = (), beside: Beside | None = None, digest: bytes = b"rules only"
    ) -> None:
        self.heads = heads
        self.beside = beside or Beside()
        self.digest = digest
        self._known = _Words(heads)

    def raw(self, plain: str) -> Score:
        """The log odds of a plain form."""
        words = words_of(plain) if self.heads else []
        if not words:
            return Score()
        crisis, abuse = self.heads
        known = self._known
        first, second, opens, closes, gaps = zip(*[known[word] for word in words], strict=True)
        places = [one ^ other for one, other in zip(opens, closes[1:], strict=False)]
        places += [one ^ other for one, other in zip(gaps, closes[2:], strict=False)]
        scale, longer = norm(len(words)), excess(len(words))
        total = sum(first) + sum(map(crisis.weights.__getitem__, places))
        other = sum(second) + sum(map(abuse.weights.__getitem__, places))
        return Score(
            crisis.bias + total * crisis.step * scale - crisis.due * longer,
            abuse.bias + other * abuse.step * scale - abuse.due * longer,
            len(words) if not OWN.isdisjoint(words) else 0,
        )

    def score(self, raw: Score, severity: Severity) -> float:
        """Probability of a crisis of any category, 0 to 1, from the words and what the rules found."""
        words = max(-MOST_ODDS, min(MOST_ODDS, max(raw.crisis, raw.abuse)))
        return 1.0 / (1.0 + math.exp(-self.beside.severities[severity] - self.beside.slope * words))

    def attention(self, raw: Score, margin: float = 0.0) -> Severity:
        """How much attention the words alone ask for, moderate at most; `margin`: how much surer they must be."""
        if raw.words < FEWEST:
            return Severity.NONE
        crisis, abuse = self.heads
        first, second = raw.crisis - margin, raw.abuse - margin
        if first >= crisis.moderate or second >= abuse.moderate:
            return Severity.MODERATE
        return Severity.LOW if first >= crisis.low or second >= abuse.low else Severity.NONE

    def speaker(self, raw: Score) -> str:
        """The id of the rule that speaks for the model that is surer."""
        crisis, abuse = self.heads
        is_abuse = raw.abuse - abuse.moderate > raw.crisis - crisis.moderate
        return "model.abuse" if is_abuse else "model.attention"

    def strongest(self, plain: str, most: int) -> list[Part]:
        """The words and pairs that moved the surer model most, the strongest first."""
        if not self.heads:
            return []
        raw = self.raw(plain)
        at = int(self.speaker(raw) == "model.abuse")
        sums: dict[str, float] = {}
        for text, weight in self._parts(words_of(plain), at):
            sums[text] = sums.get(text, 0.0) + weight
        order = sorted(sums.items(), key=lambda one: -abs(one[1]))[:most]
        return [Part(text, HEADS[at], weight) for text, weight in order if weight]

    def _parts(self, words: Sequence[str], at: int) -> Iterator[tuple[str, float]]:
        head = self.heads[at]
        factor = head.step * norm(len(words))
        for index, word in enumerate(words):
            known = self._known[word]
            yield word, known[at] * factor
            for back, gap in ((1, " "), (2, " … ")):
                if index >= back:
                    code = self._known[words[index - back]][2 if back == 1 else 4]
                    yield f"{words[index - back]}{gap}{word}", head.weights[code ^ known[3]] * factor


@dataclass(frozen=True, slots=True)
class Fitted:
    """One head as it is packed: its weights are whole steps already, or become so."""

    weights: Sequence[float]
    bias: float
    due: float
    low: float
    moderate: float


def rounded(weights: Sequence[float]) -> tuple[float, array[int]]:
    """A step, and each weight in such steps; the few that are larger than a byte reaches are cut."""
    sizes = sorted(map(abs, weights))
    step = (sizes[int(len(sizes) * 0.9999)] or sizes[-1] or 1.0) / 127
    return step, array("b", (max(-127, min(127, round(weight / step))) for weight in weights))


def pack(heads: Sequence[Fitted], beside: Beside) -> bytes:
    """Weights as a small file: how they stand beside the rules, then for each head one signed byte a place."""
    parts = [_MAGIC, _RULES.pack(*beside.severities, beside.slope)]
    for one in heads:
        step, steps = rounded(one.weights)
        parts += [_HEAD.pack(one.bias, step, one.due, one.low, one.moderate), steps.tobytes()]
    return zlib.compress(b"".join(parts), 9)


def unpack(packed: bytes) -> Classifier:
    """The classifier of such a file; ValueError if it is none."""
    try:
        content = zlib.decompress(packed)
    except zlib.error as error:
        raise ValueError("not a weights file") from error
    length = len(_MAGIC) + _RULES.size + len(HEADS) * (_HEAD.size + SIZE)
    if not content.startswith(_MAGIC) or len(content) != length:
        raise ValueError("not a weights file of this version")
    at = len(_MAGIC)
    *severities, slope = _RULES.unpack_from(content, at)
    at += _RULES.size
    heads = []
    for _ in HEADS:
        bias, step, due, low, moderate = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        weights = array("b")
        weights.frombytes(content[at : at + SIZE])
        heads.append(Head(weights, step, bias, due, low, moderate))
        at += SIZE
    return Classifier(tuple(heads), Beside(tuple(severities), slope), hashlib.sha256(packed).digest())


def load_classifier(path: Path = WEIGHTS) -> Classifier:
    """The classifier with the shipped weights; by rules alone where there are none."""
    return unpack(path.read_bytes()) if path.exists() else Classifier()
