"""How the learned score is trained: which sources, which labels, which loss; `.ci/train` runs it.

None of the sentences is kept, and the same data, rules and libraries give the same weights. Needs the extra `train`.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from moderation.classifier import (
    FEWEST,
    HEADS,
    LONGEST,
    MOST_ODDS,
    OWN,
    Beside,
    Classifier,
    Fitted,
    excess,
    norm,
    rounded,
)
from moderation.features import SIZE, word_codes, word_places, words_of
from moderation.verdict import Severity

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Read = Callable[[str], tuple[str, Severity, float]]
"""The plain form of a text, mended, what the rules alone say of it, and how much surer than usual words must be."""

STRENGTH = 0.7
"""Of the pull of every weight towards 0."""
ROUNDS = 40
DUE = 0.4
"""What a text must say more, in odds before calibration, each time that it is as long again."""
OWN_FOLDER = Path(__file__).with_name("own")
OWN_WEIGHT = 6.0
OWN_NAME = "own"
CALM, EVERYDAY = "benign_support_chat", "benign_everyday"
MODERATE = ((0.009, 0.0042), (0.0098, 0.0048))
"""Shares of the calm talk and of the everyday talk kept for it that rules and heads so far may tell, by head."""
LOW = ((0.016, 0.009), (0.019, 0.011))
MARGIN = 0.15
"""Log odds added to the moderate thresholds: harmless talk of death may be more common in rooms than in that talk."""
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
    parted: bool = False
    """Whether it is cut into four stretches, so that no dialogue is trained on and measured on."""


SOURCES = (
    Source(
        "crisis_helpharm_dev",
        2.0,
        crisis=frozenset(("suicidal_ideation", "self-harm", "violent_thoughts")),
        skipped=frozenset(("anxiety_crisis", "substance_abuse_or_withdrawal", "risk_taking_behaviours")),
    ),
    Source("crisis_tweets", 1.0, crisis=frozenset(("suicidal_intention",))),
    Source("crisis_suicidewatch", 1.0, crisis=frozenset(("suicidewatch",))),
    Source("distress_causes", 2.0, skipped=frozenset(("bias_or_abuse",))),
    Source("abuse_disclosure_dreaddit", 1.2, abuse=frozenset(("domesticviolence", "survivorsofabuse"))),
    Source(CALM, 3.0, parted=True),
    Source("benign_empathetic", 1.5, parted=True),
    Source(EVERYDAY, 1.5, parted=True),
    Source("benign_counsel_answers", 0.5),
    Source("conduct_olid", 0.5, every=4),
    Source("conduct_davidson", 0.4, every=8),
)
TRAINED, FIXED, MEASURED = frozenset((0, 1)), 2, 3
"""The stretches of a parted source: two are trained on, one fixes the thresholds, one is only ever measured."""
BY_RULES = TRAINED | {FIXED}
"""Where it is counted how much the rules tell, which nothing here trains."""
LEFT_OUT: tuple[tuple[int, tuple[str, ...]], ...] = (
    (0, ("crisis_tweets",)),
    (0, ("crisis_suicidewatch", "distress_causes")),
    (0, ("crisis_helpharm_dev",)),
    (0, ("abuse_disclosure_dreaddit",)),
    (1, ("domesticviolence",)),
    (1, ("survivorsofabuse",)),
)
"""For each head the sources or labels left out together, to see what it is worth on words it has never seen."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Every text as the training sees it, in columns."""

    source: npt.NDArray[np.str_]
    label: npt.NDArray[np.str_]
    part: Ints
    """The stretch of a parted source, -1 of others."""
    severity: Ints
    """What the rules alone say."""
    wanted: Bools
    """One column a head."""
    weight: Floats
    asked: Bools
    """Whether the score may raise attention to it at all."""
    places: npt.NDArray[np.int32]
    starts: Ints
    scale: Floats
    longer: Floats
    """How often a text doubles the length from which it must say more."""
    margin: Floats
    """How much surer than the threshold the words must be."""

    def __len__(self) -> int:
        return len(self.weight)

    def odds(self, weights: Floats, bias: float, due: float) -> Floats:
        """The log odds of each."""
        sums: Floats = np.add.reduceat(weights[self.places], self.starts)
        return sums * self.scale + bias - due * self.longer

    def only(self, rows: Bools) -> Texts:
        """Some of them."""
        counts = np.diff(self.starts, append=len(self.places))
        kept = counts[rows]
        return Texts(
            self.source[rows], self.label[rows], self.part[rows], self.severity[rows], self.wanted[rows],
            self.weight[rows], self.asked[rows], self.places[np.repeat(rows, counts)],
            np.concatenate(([0], np.cumsum(kept)[:-1])), self.scale[rows], self.longer[rows], self.margin[rows],
        )  # fmt: skip


class _Places:
    """The places of a text; a word's are worked out once."""

    def __init__(self) -> None:
        self._words: dict[str, tuple[list[int], tuple[int, int, int]]] = {}

    def of(self, words: list[str]) -> npt.NDArray[np.int32]:
        """All of one text."""
        found: list[int] = []
        codes: list[tuple[int, int, int]] = []
        for word in words:
            known = self._words.get(word)
            if known is None:
                known = self._words[word] = (word_places(word), word_codes(word))
            found += known[0]
            codes.append(known[1])
        found += [one[0] ^ other[1] for one, other in pairwise(codes)]
        found += [one[2] ^ other[1] for one, other in zip(codes, codes[2:], strict=False)]
        return np.array(found, np.int32)


def rows_of(folder: Path) -> Iterator[tuple[Source, dict[str, Any], int]]:
    """Every line that is used, in the order of the files, with its stretch."""
    for source in SOURCES:
        lines = (folder / f"{source.name}.jsonl").read_text("utf-8").strip("\n").split("\n")[:: source.every]
        for at, line in enumerate(lines):
            yield source, json.loads(line), at * 4 // len(lines) if source.parted else -1
    for group in own_groups(OWN_FOLDER):
        says = frozenset((group["says"],))
        own = Source(OWN_NAME, OWN_WEIGHT, says & {"crisis"}, says & {"abuse"})
        for text in group["texts"]:
            yield own, {"text": text, "label": group["says"]}, -1


def own_groups(folder: Path) -> Iterator[dict[str, Any]]:
    """Our own sentences: groups with a `name`, what they say and their `texts`."""
    for path in sorted(folder.glob("*.toml")):
        yield from tomllib.loads(path.read_text("utf-8"))["group"]


def read(folder: Path, read_text: Read, parts: Collection[int] = ()) -> Texts:
    """The texts of every source and our own, or some stretches of those that are parted.

    What has no word, or a label that is passed over, is left out.
    """
    places = _Places()
    cells: list[tuple[Any, ...]] = []
    found: list[npt.NDArray[np.int32]] = []
    for source, row, stretch in rows_of(folder):
        label = str(row["label"])
        if label in source.skipped or (parts and stretch not in parts):
            continue
        plain, severity, margin = read_text(row["text"][:_LONGEST])
        words = words_of(plain)
        if not words:
            continue
        wanted = (label in source.crisis, label in source.abuse)
        asked = len(words) >= FEWEST and not OWN.isdisjoint(words) and margin < math.inf
        # The rest of a long post says little new, and costs as much again.
        read_words = words[:LONGEST]
        cells.append((
            source.name, label, stretch, int(severity), wanted, source.weight, asked,
            norm(len(read_words)), excess(len(words)), margin,
        ))  # fmt: skip
        found.append(places.of(read_words))
    sources, labels, parts, severities, wants, weights, asks, scales, longer, bars = zip(*cells, strict=True)
    lengths = np.array([len(one) for one in found])
    return Texts(
        np.array(sources), np.array(labels), np.array(parts), np.array(severities), np.array(wants),
        np.array(weights, np.float64), np.array(asks), np.concatenate(found),
        np.concatenate(([0], np.cumsum(lengths)[:-1])), np.array(scales), np.array(longer), np.array(bars),
    )  # fmt: skip


def usable(texts: Texts, head: int, without: Collection[str] = ()) -> Bools:
    """The rows that one head is trained on, without some sources or labels.

    A counterexample that the rules take for a crisis is none: some of the labels are wrong. What tells of a wish to
    die may tell of abuse too, and is no counterexample for that head.
    """
    left_out = np.isin(texts.source, list(without)) | np.isin(texts.label, list(without))
    kept = (texts.part < 0) | np.isin(texts.part, list(TRAINED))
    doubtful = ~texts.wanted.any(axis=1) & (texts.severity >= Severity.MODERATE) & (texts.source != OWN_NAME)
    if head == HEADS.index("abuse"):
        doubtful |= texts.wanted[:, 0] & ~texts.wanted[:, 1]
    rows: Bools = kept & ~left_out & ~doubtful
    return rows


class _Sheet:
    """The features of some texts, by text and by place: both ways through them are one gather and one sum."""

    def __init__(self, texts: Texts) -> None:
        counts = np.diff(texts.starts, append=len(texts.places))
        order = np.argsort(texts.places, kind="stable")
        ordered = texts.places[order]
        self._places, self._starts, self._scale = texts.places, texts.starts, texts.scale
        self._known = np.unique(ordered)
        self._firsts = np.searchsorted(ordered, self._known)
        self._texts = np.repeat(np.arange(len(texts), dtype=np.int32), counts)[order]

    def odds(self, weights: Floats) -> Floats:
        """What the weights say of each text."""
        sums = np.add.reduceat(np.take(weights.astype(np.float32), self._places), self._starts)
        return sums.astype(np.float64) * self._scale

    def down(self, slope: Floats) -> Floats:
        """What a slope at each text says to each weight."""
        found = np.zeros(SIZE)
        found[self._known] = np.add.reduceat(np.take(slope * self._scale, self._texts), self._firsts)
        return found


def fit(texts: Texts, head: int, *, strength: float = STRENGTH, rounds: int = ROUNDS) -> tuple[Floats, float]:
    """Weights and bias of one head: logistic loss with a pull towards 0, to its minimum by L-BFGS."""
    wanted = texts.wanted[:, head].astype(np.float64)
    # What is wanted of the other head is no plain counterexample.
    weight = np.where(texts.wanted.any(axis=1) & (wanted == 0), texts.weight * 0.5, texts.weight)
    sheet = _Sheet(texts)

    def loss(point: Floats) -> tuple[float, Floats]:
        weights, bias = point[:-1], point[-1]
        odds = sheet.odds(weights) + bias
        slope = weight * (1 / (1 + np.exp(-odds)) - wanted)
        value = float(weight @ (np.logaddexp(0, odds) - wanted * odds) + strength / 2 * (weights @ weights))
        return value, np.append(sheet.down(slope) + strength * weights, slope.sum())

    point = minimise(loss, np.zeros(SIZE + 1), rounds)
    return point[:-1], float(point[-1])


def minimise(loss: Callable[[Floats], tuple[float, Floats]], point: Floats, rounds: int) -> Floats:
    """L-BFGS with ten remembered steps and a backtracking line search (Nocedal and Wright, algorithm 7.5)."""
    value, down = loss(point)
    steps: list[tuple[Floats, Floats, float]] = []
    for _ in range(rounds):
        if np.abs(down).max() < 1e-5:
            break
        way = _direction(down, steps)
        fall = float(way @ down)
        length = 1.0 if steps else 1.0 / max(1.0, float(np.linalg.norm(down)))
        for _ in range(20):
            new = point + length * way
            new_value, new_down = loss(new)
            if new_value <= value + 1e-4 * length * fall:
                break
            length /= 2
        else:
            break
        step, change = new - point, new_down - down
        if (curve := float(step @ change)) > 1e-12:
            steps = [*steps[-9:], (step, change, 1 / curve)]
        point, value, down = new, new_value, new_down
    return point


def _direction(down: Floats, steps: list[tuple[Floats, Floats, float]]) -> Floats:
    way = -down
    shares = []
    for step, change, inverse in reversed(steps):
        share = inverse * float(step @ way)
        shares.append(share)
        way = way - share * change
    if steps:
        step, change, inverse = steps[-1]
        way = way / (inverse * float(change @ change))
    for (step, change, inverse), share in zip(steps, reversed(shares), strict=True):
        way = way + (share - inverse * float(change @ way)) * step
    return way


def calibrate(odds: Floats, wanted: Bools) -> tuple[float, float]:
    """Platt's slope and shift: what turns the odds on texts never trained on into log odds that hold there.

    Both sides count alike, as nobody knows how many messages of a room are crises.
    """
    share = np.where(wanted, 0.5 / max(1, wanted.sum()), 0.5 / max(1, (~wanted).sum()))
    goal = wanted.astype(np.float64)

    def loss(point: Floats) -> tuple[float, Floats]:
        both = point[0] * odds + point[1]
        slope = share * (1 / (1 + np.exp(-both)) - goal)
        return float(share @ (np.logaddexp(0, both) - goal * both)), np.array([slope @ odds, slope.sum()])

    slope, shift = minimise(loss, np.array([1.0, 0.0]), 200)
    return float(slope), float(shift)


def stand(odds: Floats, severity: Ints, wanted: Bools) -> Beside:
    """How the words' odds and the rules' severity make one probability, on texts never trained on."""
    words = np.clip(odds, -MOST_ODDS, MOST_ODDS)
    columns = np.stack([*(severity >= level for level in Severity), words], axis=1).astype(np.float64)
    share = np.where(wanted, 0.5 / max(1, wanted.sum()), 0.5 / max(1, (~wanted).sum()))
    goal = wanted.astype(np.float64)

    def loss(point: Floats) -> tuple[float, Floats]:
        both = columns @ point
        slope = share * (1 / (1 + np.exp(-both)) - goal)
        value = share @ (np.logaddexp(0, both) - goal * both) + 1e-4 * (point @ point)
        return float(value), columns.T @ slope + 2e-4 * point

    *steps, slope = minimise(loss, np.zeros(len(Severity) + 1), 300).tolist()
    # A higher severity never makes a crisis less likely, whatever few texts say.
    rising = [steps[0], *(max(0.0, step) for step in steps[1:])]
    return Beside(tuple(np.cumsum(rising).tolist()), max(0.0, slope))


def threshold(
    odds: Floats, told: Bools, texts: Texts, shares: tuple[float, float], level: Severity = Severity.MODERATE
) -> float:
    """The least odds from which so few of the calm and of the everyday texts are told, with those told already."""
    least = -MOST_ODDS
    by_rules = texts.severity >= level
    for name, share in zip((CALM, EVERYDAY), shares, strict=True):
        of_name = texts.source == name
        rows = of_name & (texts.part == FIXED)
        spent = float(by_rules[of_name & np.isin(texts.part, list(BY_RULES))].mean())
        room = max(0, round(rows.sum() * (share - spent)) - int((told & ~by_rules)[rows].sum()))
        order = np.sort((odds - texts.margin)[rows & texts.asked & ~told])[::-1]
        if room < len(order):
            least = max(least, float(order[room]))
        elif not len(order):
            least = MOST_ODDS
    return least + 1e-6


Tell = Callable[[str], None]
"""Where it is said how far the training is."""


@dataclass(frozen=True, slots=True)
class Model:
    """One head as fitted, before calibration, and what it was fitted without."""

    head: int
    weights: Floats
    bias: float
    due: float = DUE
    without: tuple[str, ...] = ()

    @classmethod
    def fitted(cls, texts: Texts, head: int, without: tuple[str, ...], tell: Tell, rounds: int) -> Model:
        """Trained on all of it, or without some sources or labels."""
        tell(" without ".join((HEADS[head], *([", ".join(without)] if without else ()))))
        weights, bias = fit(texts.only(usable(texts, head, without)), head, rounds=rounds)
        # What is measured and given thresholds is what will be packed: rounding moves the odds.
        step, steps = rounded(weights.tolist())
        return cls(head, np.array(steps, np.float64) * step, bias, without=without)

    def odds(self, texts: Texts) -> Floats:
        """The log odds of each text."""
        return texts.odds(self.weights, self.bias, self.due)

    def unseen(self, texts: Texts) -> Bools:
        """The texts that it was not trained on, and that nobody measures it by later."""
        left_out = np.isin(texts.source, self.without) | np.isin(texts.label, self.without)
        rows: Bools = left_out | (texts.part == FIXED)
        return rows

    def finished(self, texts: Texts, told: Bools, slope: float, shift: float) -> Fitted:
        """Calibrated, with its thresholds beside what is told already."""
        weights, bias, due = self.weights * slope, self.bias * slope + shift, self.due * slope
        odds = texts.odds(weights, bias, due)
        moderate = threshold(odds, told, texts, MODERATE[self.head]) + MARGIN
        marked = told | (texts.severity >= Severity.LOW)
        low = min(moderate, threshold(odds, marked, texts, LOW[self.head], Severity.LOW))
        return Fitted(weights.tolist(), bias, due, low, moderate)


@dataclass(frozen=True, slots=True)
class Trained:
    """All that the weights file holds, and for each part left out the head that has not seen it."""

    heads: tuple[Fitted, ...]
    beside: Beside
    blind: tuple[tuple[Model, Fitted], ...]


def tells(head: Fitted, texts: Texts) -> Bools:
    """What one head tells as moderate."""
    odds = texts.odds(np.array(head.weights), head.bias, head.due)
    told: Bools = texts.asked & (odds - texts.margin >= head.moderate)
    return told


def fix(texts: Texts, classifier: Classifier) -> tuple[Fitted, ...]:
    """The same heads with thresholds set anew, as the rules tell more or less than they did."""
    told: Bools = texts.severity >= Severity.MODERATE
    heads: list[Fitted] = []
    for head, one in enumerate(classifier.heads):
        weights = np.array(one.weights, np.float64) * one.step
        done = Model(head, weights, one.bias, one.due).finished(texts, told, 1.0, 0.0)
        told = told | tells(done, texts)
        heads.append(done)
    return tuple(heads)


def train(texts: Texts, tell: Tell, rounds: int = ROUNDS) -> Trained:
    """Both heads, calibrated by heads that have not seen what they are asked, and their thresholds."""
    blind = [Model.fitted(texts, head, without, tell, rounds) for head, without in LEFT_OUT]
    odds = np.full((len(texts), len(HEADS)), np.nan)
    for model in blind:
        rows = model.unseen(texts)
        odds[rows, model.head] = model.odds(texts)[rows]
    told: Bools = texts.severity >= Severity.MODERATE
    heads: list[Fitted] = []
    apart: list[tuple[Model, Fitted]] = []
    for head in range(len(HEADS)):
        known = ~np.isnan(odds[:, head])
        slope, shift = calibrate(odds[known, head], texts.wanted[known, head])
        odds[:, head] = odds[:, head] * slope + shift
        apart += [(one, one.finished(texts, told, slope, shift)) for one in blind if one.head == head]
        done = Model.fitted(texts, head, (), tell, rounds).finished(texts, told, slope, shift)
        told = told | tells(done, texts)
        heads.append(done)
    known = ~np.isnan(odds[:, 0])
    wanted: Bools = np.asarray(texts.wanted[known].any(axis=1))
    beside = stand(np.fmax(odds[known, 0], odds[known, 1]), texts.severity[known], wanted)
    return Trained(tuple(heads), beside, tuple(apart))
