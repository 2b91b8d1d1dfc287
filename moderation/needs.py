"""What words a pattern needs: worked out of its text, so that a text without them need not be tried.

`(?:want|wish) to die` needs a form of "want" or "wish", and "die", and "to" with "die" behind it. A pattern is a
few ways to match; each way needs words of up to three sets, and may need two words one behind the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import chain
from math import prod

from moderation.lexicon import CLOSING, GAP, OPENING

_BRACKET = re.compile(r"\\.|\[.[^\]]*\]|[()]", re.DOTALL)
_SPACE = "\0"  # stands for a gap while a pattern is read
_PLAIN = re.compile(r"[a-z0-9_|\0]+")
_MARKS = frozenset("&/'\".,:;=!?#%@<>~-+*$()")  # between words, part of none
_BETWEEN = _MARKS | {" ", "\n", r"\s", r"\n", *(f"\\{mark}" for mark in _MARKS)}
_MEANT = frozenset(".$?*+()")  # say something else where they are not escaped
_CLASSED = re.compile(r"\\.|.", re.DOTALL)
_WITHIN = re.compile(r"(?:[a-z0-9_]|\\[dw]|(?<=[a-z0-9])-(?=[a-z0-9]))+")
_RUN = re.compile(r"[a-z0-9_]+(?![?*+{])|[a-z0-9_]")  # the last of a run may have a quantifier to itself
_COMMON_WORDS = """
i im ive id ill my me myself to the a an and it its is are was were be been am do dont did not no so
just of in on at for with that this there they them he she his her him you your we our us have has had
get got go going gonna can cant could would will wont should about all any what when if how but or want
feel think know like really one time now up out back people someone make take need from more way as
because s d ll even their then some much too very being made thing things life day days see say said
help good
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_USUAL_WORDS = """
yes thats well work right great sure yeah here sorry lot hard job new something other why last thank better
friends friend try over hope nice home sounds anything maybe first bad still find never always where look
happy long also please doing only thanks tell hear family love best feeling year years come youre who off
week weeks little old let after does kind before into went school down next than may though many few talk
getting car through two might able looking again everything must keep having felt same money around those
night while sometimes thought else ever house whats put which person problem start most since such doesnt
okay trying ago bit another done yourself wait care left mean isnt working place man every once use used
both end together month believe ready live times everyone started wanted ask morning eat class stay phone
wasnt hes shes took quite enough talking nothing came alone thinking hate havent past high part taking
least wrong miss anyone enjoy lost cool until bet hi hello whole reason far each meet stop move leave
"""
_USUAL = frozenset(_USUAL_WORDS.split())
_HEAVY = 300  # as many rare words as one common word is worth
_FAIR = 30  # and one that is merely usual
_SHARE = 0.0005  # of texts that have a rare word
_REPEATS = 6  # times that we look for something which a pattern allows without end
_SPELT = 60  # words that two parts may be together, written out
_SPLITS = 2  # groups of a sequence that are told apart by their choices, one within the other

Word = tuple[str, bool]  # a word, and whether it stands as it is or only begins so
Words = frozenset[Word]
LEVELS = 3
ANY: Words = frozenset()
"""Where no word is needed."""


@dataclass(frozen=True, eq=False)
class _Part:
    """One item of a sequence: letters, a group, a gap between words, the edge of a word, or something unknown."""

    kind: str
    text: str = ""
    choices: tuple[tuple[_Part, ...], ...] = ()
    optional: bool = False
    gaps: int = 0
    """How many gaps between words it can hold at most."""

    @cached_property
    def cheapest(self) -> list[Words]:
        """Of a group: for each choice the rarest words of which it needs one; empty where that cannot be told."""
        return self._cheapest(_EDGE)

    @cached_property
    def chosen(self) -> Words:
        """Of a group: words of which any of its choices needs one; empty where that cannot be told."""
        return frozenset().union(*self.cheapest) if all(self.cheapest) else ANY

    @cached_property
    def begun(self) -> Words:
        """The same where the last word of the group may go on behind it."""
        found = self._cheapest(_UNKNOWN)
        return frozenset().union(*found) if all(found) else ANY

    @cached_property
    def spelt(self) -> list[str]:
        """The words that this can be, where it is nothing but letters."""
        if self.kind == "literal":
            return [self.text]
        if all(len(choice) == 1 and choice[0].kind == "literal" for choice in self.choices):
            return [choice[0].text for choice in self.choices]
        return []

    def _cheapest(self, after: _Part) -> list[Words]:
        return [min(_needs((_EDGE, *choice, after)), key=_cost, default=ANY) for choice in self.choices]


_GAP, _EDGE, _UNKNOWN, _DIGITS = _Part("gap", gaps=1), _Part("edge"), _Part("unknown"), _Part("digits")
_ANYTHING = _Part("unknown", gaps=1)
"""What is unknown and may stand between words."""
_MARK = _Part("edge", gaps=1)
_ESCAPED = {"b": _EDGE, "d": _DIGITS, "s": _GAP, "w": _UNKNOWN}
START = "^"
"""Stands for a word before the first of a text."""
DIGIT = "#"
"""Stands for a word that begins with a digit, whichever it is."""
_NUMBER: Words = frozenset({(DIGIT, False)})
_START = _Part("edge", START)
_MAYBE = _Part("gap", optional=True, gaps=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two words, one directly behind the other: one of `first`, whole, or `START`, then one of `second`."""

    first: frozenset[str]
    second: Words


@dataclass(frozen=True, slots=True)
class Way:
    """One way to match: a word of each set must stand in the text, and the pair, if there is one."""

    words: tuple[Words, ...]
    """As many sets as there are levels, the rarest first; `ANY` where there is no more to be told."""
    pair: Pair | None = None
    gaps: int = 0
    """How many gaps between words a match has at most."""

    @property
    def is_rare(self) -> bool:
        """Whether few texts have what it needs."""
        return _cost(self.words[0]) < _HEAVY


def ways_of(pattern: str) -> list[Way] | None:
    """All ways in which a pattern can match, of which each match is one; None where that cannot be told."""
    end = len(pattern) - len(CLOSING)
    is_between = pattern.startswith(OPENING) and pattern.endswith(CLOSING)
    try:
        # The group that opens such a pattern may not be the one that closes it.
        is_between = is_between and _closing(pattern, len(OPENING) - len("(?:")) == end
        choices = _choices((pattern[len(OPENING) : end] if is_between else pattern).replace(GAP, _SPACE))
    except ValueError:
        return None
    ways: list[Way] = []
    for choice in choices:
        found = _ways((_EDGE, *choice, _EDGE) if is_between else choice)
        if found is None:
            return None
        ways += found
    return _merged(ways)


def forget() -> None:
    """Give back the memory of what was worked out."""
    for known in (_group, _literal, _phrase, _cost):
        known.cache_clear()


def _merged(ways: list[Way]) -> list[Way]:
    """The same with fewer ways: those that differ in one set alone are one, with the words of both."""
    for level in range(LEVELS):
        alike: dict[tuple[Words | Pair | None, ...], Way] = {}
        for way in ways:
            rest = (*way.words[:level], *way.words[level + 1 :], way.pair)
            other = alike.get(rest)
            if other is not None:
                words = _joined(way.words, level, other.words[level])
                way = Way(words, way.pair, max(way.gaps, other.gaps))  # noqa: PLW2901 -- the two as one
            alike[rest] = way
        ways = list(alike.values())
    return ways


def _joined(sets: tuple[Words, ...], level: int, more: Words) -> tuple[Words, ...]:
    either = sets[level] | more if sets[level] and more else ANY
    return (*sets[:level], either, *sets[level + 1 :])


def _ways(parts: Sequence[_Part], splits: int = _SPLITS) -> list[Way] | None:
    """The ways of a sequence: one, or where its words are common those of each choice of a group that tells most."""
    own = _way(parts)
    alone = None if own is None else [own]
    groups = [at for at, part in enumerate(parts) if part.kind == "group" and not part.optional]
    if (own is not None and own.is_rare) or not groups or not splits:
        return alone
    at = min(groups, key=lambda at: _split_cost(parts[at]))
    split: list[Way] = []
    for choice in parts[at].choices:
        ways = _ways([*parts[:at], *choice, *parts[at + 1 :]], splits - 1)
        if ways is None:
            return alone
        split += ways
    split = _merged(split)
    return split if own is None or sum(map(_rate, split)) < _rate(own) else [own]


def _way(parts: Sequence[_Part]) -> Way | None:
    """What a sequence needs; None where that cannot be told."""
    needs = sorted(_needs(parts), key=_cost)
    if not needs:
        return None
    way = Way((*needs, *[ANY] * LEVELS)[:LEVELS], gaps=_gaps(parts))
    return way if way.is_rare else replace(way, pair=_pair(parts))


def _gaps(parts: Sequence[_Part]) -> int:
    return sum(part.gaps for part in parts)


def _rate(way: Way) -> float:
    """About the share of texts that a way leaves possible."""
    share = prod(min(1.0, _cost(words) * _SHARE) for words in way.words if words)
    return share * min(1.0, _pair_cost(way.pair) * _SHARE**2) if way.pair else share


def _split_cost(group: _Part) -> int:
    """How common the words are that the choices of a group need, each by itself."""
    return sum(_cost(words) if words else 10 * _HEAVY for words in group.cheapest)


def _pair(parts: Sequence[_Part]) -> Pair | None:
    """Two words of a sequence with nothing but a gap between them, the rarest there are."""
    found: list[Pair] = []
    for at, part in enumerate(parts):
        if part is _START:
            first = frozenset((START,))
        elif part.kind == "gap" and not part.optional:
            first = _last_words(parts[:at])
        else:
            continue
        second = _first_words(parts[at + 1 :])
        if first and second:
            found.append(Pair(first, second))
    return min(found, key=_pair_cost, default=None)


def _pair_cost(pair: Pair) -> int:
    return _cost(frozenset((word, True) for word in pair.first)) * _cost(pair.second)


def _last_words(parts: Sequence[_Part]) -> frozenset[str]:
    """The whole words of which a sequence ends with one; empty where that cannot be told."""
    if len(parts) < 2 or parts[-2].kind not in ("gap", "edge") or parts[-2].optional or parts[-1].optional:
        return frozenset()
    last = parts[-1]
    if last.kind == "literal":
        return frozenset((last.text,))
    found = [_last_words((_EDGE, *choice)) for choice in last.choices]
    return frozenset().union(*found) if all(found) else frozenset()


def _first_words(parts: Sequence[_Part]) -> Words:
    """The words of which a sequence begins with one; empty where that cannot be told."""
    if not parts or parts[0].optional:
        return ANY
    first = parts[0]
    is_whole = len(parts) > 1 and parts[1].kind in ("gap", "edge") and not parts[1].optional
    if first.kind == "literal":
        return frozenset(((first.text, is_whole),))
    if first.kind == "digits":
        return _NUMBER
    found = [_first_words((*choice, _EDGE) if is_whole else choice) for choice in first.choices]
    return frozenset().union(*found) if all(found) else ANY


@cache
def _cost(words: Words) -> int:
    return sum(_weight(word) for word, _ in words)


def _weight(word: str) -> int:
    """How common a word is, as a number of rare ones."""
    if (word in _COMMON or len(word) < 3) and word != START:
        return _HEAVY
    return _FAIR if word in _USUAL else 1


def _needs(parts: Sequence[_Part]) -> list[Words]:
    """For each word of a sequence that can be told, the forms of which one must stand there."""
    needs: list[Words] = []
    slot: list[_Part] = []
    sure = False  # that the slot begins where a word begins
    for at, part in enumerate(parts):
        if part.kind in ("gap", "edge"):
            # Where a gap may be missing, the word before it may go on, and the next begin in its midst.
            ends = _stands(parts[at:])
            needs += _slot(slot if ends else [*slot, _UNKNOWN]) if sure else []
            slot, sure = [], ends or (sure and not slot)
        elif part.kind == "group" and not part.optional and not slot and _ends(part):
            needs += _slot([part]) if sure else []
        elif part.kind != "group" or not part.optional:
            slot.append(part)
        elif _begins(part):
            # Words that may follow: what stands before them is whole where a gap would follow it either way.
            follower = parts[at + 1] if at + 1 < len(parts) else _UNKNOWN
            whole = (follower.kind in ("gap", "edge") and not follower.optional) or (
                follower.optional and _begins(follower)
            )
            needs += _slot(slot if whole else [*slot, _UNKNOWN]) if sure else []
            slot, sure = [_UNKNOWN], True
        elif slot or not _ends(part):
            slot.append(_UNKNOWN)
    return [*needs, *_slot([*slot, _UNKNOWN])] if sure and slot else needs


def _stands(parts: Sequence[_Part]) -> bool:
    """Whether a gap or an edge stands at the beginning of a sequence, whatever of it may be missing."""
    for part in parts:
        if part.kind not in ("gap", "edge"):
            return False
        if not part.optional:
            return True
    return False


def _begins(part: _Part) -> bool:
    """Whether each choice of a group begins with a gap."""
    return all(choice and choice[0].kind == "gap" and not choice[0].optional for choice in part.choices)


def _ends(part: _Part) -> bool:
    """Whether each choice of a group ends where a word can only begin."""
    return all(map(_ends_between, part.choices))


def _ends_between(parts: Sequence[_Part]) -> bool:
    """Whether a sequence ends with a gap or an edge, whether or not something may stand behind it that does too."""
    if not parts:
        return False
    last = parts[-1]
    if last.kind == "group":
        return _ends(last) and (not last.optional or _ends_between(parts[:-1]))
    return last.kind in ("gap", "edge") and (not last.optional or _ends_between(parts[:-1]))


def _slot(slot: list[_Part]) -> list[Words]:
    """What one word must be: a literal, the beginning of one, or one of a group's choices."""
    if not slot:
        return []
    head = slot[0]
    if head.kind == "group":
        chosen = head.chosen if len(slot) == 1 else head.begun
        return [chosen] if chosen else []
    if head.kind == "digits":
        return [_NUMBER]
    letters = ""
    for part in slot:
        if part.kind != "literal":
            return [frozenset({(letters, False)})] if letters else []
        letters += part.text
    return [frozenset({(letters, True)})]


@cache
def _group(inside: str) -> _Part:
    """The part that a group's text stands for; around nothing but a gap it is a gap."""
    choices = _choices(inside)
    if len(choices) == 1 and len(choices[0]) == 1 and choices[0][0].kind == "gap":
        return choices[0][0]
    return _grouped(choices)


def _grouped(choices: tuple[tuple[_Part, ...], ...]) -> _Part:
    return _Part("group", choices=choices, gaps=max(map(_gaps, choices)))


def _choices(text: str) -> tuple[tuple[_Part, ...], ...]:
    """The choices that a pattern, or the inside of a group, is made of."""
    if _PLAIN.fullmatch(text):
        return tuple(map(_phrase, text.split("|")))
    choices: list[list[_Part]] = [[]]
    at = 0
    while at < len(text):
        if text[at] == "|":
            choices.append([])
            at += 1
            continue
        part, at = _part(text, at)
        if at < len(text) and text[at] in "?*+{":
            part, at = _repeated(text, at, part)
        choices[-1].append(part)
    return tuple(map(_told_apart, choices))


def _told_apart(parts: Sequence[_Part]) -> tuple[_Part, ...]:
    """Two words that may be written as one are either that one, or those two; so is what may begin a word."""
    told: list[_Part] = []
    for part in parts:
        told.append(part)
        last = part.spelt
        at = len(told) - 2
        while at >= 0 and told[at].optional and told[at].kind in ("gap", "edge"):
            at -= 1
        first = told[at].spelt if last and at >= 0 else []
        if not first or len(first) * len(last) > _SPELT:
            continue
        pairs = [(one, other) for one in first for other in last]
        choices = [_phrase(one + other) for one, other in pairs]
        if at < len(told) - 2 and not told[at].optional:
            choices += [_phrase(one + _SPACE + other) for one, other in pairs]
        elif at == len(told) - 2 and told[at].optional:
            choices += [_phrase(other) for other in last]
        else:
            continue
        told[at:] = [_grouped(tuple(choices))]
    return tuple(told)


@cache
def _phrase(text: str) -> tuple[_Part, ...]:
    """Words with gaps between them."""
    first, *others = [(_literal(word),) if word else () for word in text.split(_SPACE)]
    return (*first, *chain.from_iterable((_GAP, *word) for word in others))


@cache
def _literal(text: str) -> _Part:
    return _Part("literal", text)


def _part(text: str, at: int) -> tuple[_Part, int]:
    sign = text[at]
    run = _RUN.match(text, at)
    if run is not None:
        return _literal(run[0]), run.end()
    if sign == _SPACE:
        return _GAP, at + 1
    if sign == "(":
        start = at + 3 if text.startswith("(?:", at) else at + 1
        if text.startswith("?", start):
            raise ValueError("a group of another kind")
        end = _closing(text, at)
        return _group(text[start:end]), end + 1
    if sign == "[":
        end = text.index("]", at + 2)
        return _class(text[at + 1 : end]), end + 1
    if sign == "\\":
        escaped = text[at + 1 : at + 2]
        return _ESCAPED.get(escaped, _MARK if escaped in _MARKS else _ANYTHING), at + 2
    if sign == START:
        return _START, at + 1
    return _MARK if sign in _MARKS and sign not in _MEANT else _ANYTHING, at + 1


def _class(inside: str) -> _Part:
    """What a class of characters stands for: a gap, a part of a word, or it cannot be told."""
    if all(sign in _BETWEEN for sign in _CLASSED.findall(inside)):
        return _GAP
    return _UNKNOWN if _WITHIN.fullmatch(inside) else _ANYTHING


def _closing(text: str, at: int) -> int:
    """Where the group ends that begins at a place."""
    depth = 0
    for sign in _BRACKET.finditer(text, at):
        depth += (sign[0] == "(") - (sign[0] == ")")
        if not depth:
            return sign.start()
    raise ValueError("a group is not closed")


def _repeated(text: str, at: int, part: _Part) -> tuple[_Part, int]:
    """Read a quantifier, which makes a part optional, or open at its end."""
    sign = text[at]
    end = text.index("}", at) + 1 if sign == "{" else at + 1
    is_missing = sign in "?*" or text[at : at + 2] == "{0"
    if part.kind == "gap":  # however many signs it has, it is one
        return (_MAYBE if is_missing else part), end
    gaps = part.gaps * _most(text[at:end])
    if part.kind == "literal" or (part.kind == "digits" and is_missing):
        return _UNKNOWN, end
    if is_missing and part.kind != "unknown":
        return replace(part, optional=True, gaps=gaps), end
    # What is unknown allows for nothing as it is; and a group that is there once more may go on where a word would
    # have ended, unless it ends between words each time.
    is_open = part.kind == "unknown" or (part.kind == "group" and not _ends(part))
    return (_Part("unknown", gaps=gaps) if is_open else replace(part, gaps=gaps)), end


def _most(quantifier: str) -> int:
    """How often a quantifier lets something stand at most."""
    if quantifier == "?":
        return 1
    most = quantifier.strip("{}").rpartition(",")[2]
    return int(most) if most.isdigit() else _REPEATS
