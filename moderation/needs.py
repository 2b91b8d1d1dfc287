"""What words a pattern needs: worked out of its text, so that a text without them need not be tried.

`(?:want|wish) to die` needs a form of "want" or "wish", and "die", and "to" with "die" behind it. A pattern is a
few ways to match; each way needs words of up to three sets, and may need two words one behind the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

from moderation.parts import BEGINNING, EDGE, KEPT, START, UNKNOWN, Part, begins, ends, gaps_of, read
from moderation.parts import forget as forget_parts

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
_SPLITS = 2  # groups of a sequence that are told apart by their choices, one within the other

Word = tuple[str, bool]  # a word, and whether it stands as it is or only begins so
Words = frozenset[Word]
LEVELS = 3
ANY: Words = frozenset()
"""Where no word is needed."""
DIGIT = "#"
"""Stands for a word that begins with a digit, whichever it is."""
_NUMBER: Words = frozenset({(DIGIT, False)})


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
    try:
        choices = read(pattern)
    except ValueError:
        return None
    ways: list[Way] = []
    for choice in choices:
        found = _ways(choice)
        if found is None:
            return None
        ways += found
    return _merged(ways)


def forget() -> None:
    """Give back the memory of what was worked out."""
    forget_parts()
    for known in (_cheapest, _chosen, _cost, _first_of, _last_of, _split_cost):
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


def _ways(parts: Sequence[Part], splits: int = _SPLITS) -> list[Way] | None:
    """The ways of a sequence: one, or where its words are common those of each choice of a group that tells most."""
    own = _way(parts)
    alone = None if own is None else [own]
    groups = [
        at for at, part in enumerate(parts) if part.kind == "group" and not (part.optional or part.many)
    ]
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


def _way(parts: Sequence[Part]) -> Way | None:
    """What a sequence needs; None where that cannot be told."""
    needs = sorted(_needs(parts), key=_cost)
    if not needs:
        return None
    way = Way((*needs, *[ANY] * LEVELS)[:LEVELS], gaps=gaps_of(parts))
    return way if way.is_rare else replace(way, pair=_pair(parts))


def _rate(way: Way) -> float:
    """About the share of texts that a way leaves possible."""
    share = prod(min(1.0, _cost(words) * _SHARE) for words in way.words if words)
    return share * min(1.0, _pair_cost(way.pair) * _SHARE**2) if way.pair else share


@lru_cache(KEPT)
def _split_cost(group: Part) -> int:
    """How common the words are that the choices of a group need, each by itself."""
    return sum(_cost(words) if words else 10 * _HEAVY for words in _cheapest(group, EDGE))


def _pair(parts: Sequence[Part]) -> Pair | None:
    """Two words of a sequence with nothing but a gap between them, the rarest there are."""
    found: list[Pair] = []
    for at, part in enumerate(parts):
        if part is BEGINNING:
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


def _last_words(parts: Sequence[Part]) -> frozenset[str]:
    """The whole words of which a sequence ends with one; empty where that cannot be told."""
    if len(parts) < 2 or not parts[-2].is_space or parts[-2].optional or parts[-1].optional:
        return frozenset()
    return _last_of(parts[-1])


@lru_cache(KEPT)
def _last_of(part: Part) -> frozenset[str]:
    if part.kind == "literal":
        return frozenset((part.text,))
    found = [_last_words((EDGE, *choice)) for choice in part.choices]
    return frozenset().union(*found) if all(found) else frozenset()


def _first_words(parts: Sequence[Part]) -> Words:
    """The words of which a sequence begins with one; empty where that cannot be told."""
    if not parts or parts[0].optional:
        return ANY
    return _first_of(parts[0], is_whole=len(parts) > 1 and parts[1].is_space and not parts[1].optional)


@lru_cache(KEPT)
def _first_of(part: Part, *, is_whole: bool) -> Words:
    if part.kind == "literal":
        return frozenset(((part.text, is_whole),))
    if part.kind == "digits":
        return _NUMBER
    found = [_first_words((*choice, EDGE) if is_whole else choice) for choice in part.choices]
    return frozenset().union(*found) if all(found) else ANY


@lru_cache(KEPT)
def _cheapest(group: Part, after: Part) -> list[Words]:
    """Of each choice of a group the rarest words of which it needs one; `ANY` where that cannot be told."""
    return [min(_needs((EDGE, *choice, after)), key=_cost, default=ANY) for choice in group.choices]


@lru_cache(KEPT)
def _chosen(group: Part, after: Part) -> Words:
    """Words of which any choice of a group needs one; `ANY` where that cannot be told."""
    found = _cheapest(group, after)
    return frozenset().union(*found) if all(found) else ANY


@lru_cache(KEPT)
def _cost(words: Words) -> int:
    return sum(_weight(word) for word, _ in words)


def _weight(word: str) -> int:
    """How common a word is, as a number of rare ones."""
    if (word in _COMMON or len(word) < 3) and word != START:
        return _HEAVY
    return _FAIR if word in _USUAL else 1


def _needs(parts: Sequence[Part]) -> list[Words]:
    """For each word of a sequence that can be told, the forms of which one must stand there."""
    needs: list[Words] = []
    slot: list[Part] = []
    sure = False  # that the slot begins where a word begins
    for at, part in enumerate(parts):
        if part.is_space:
            # Where a gap may be missing, the word before it may go on, and the next begin in its midst.
            is_whole = _stands(parts[at:])
            needs += _slot(slot if is_whole else [*slot, UNKNOWN]) if sure else []
            slot, sure = [], is_whole or (sure and not slot)
        elif part.kind == "group" and not part.optional and not slot and ends(part):
            needs += _slot([part]) if sure else []
        elif part.kind != "group" or not part.optional:
            slot.append(part)
        elif begins(part):
            # Words that may follow: what stands before them is whole where a gap would follow it either way.
            follower = parts[at + 1] if at + 1 < len(parts) else UNKNOWN
            whole = (follower.is_space and not follower.optional) or (follower.optional and begins(follower))
            needs += _slot(slot if whole else [*slot, UNKNOWN]) if sure else []
            slot, sure = [UNKNOWN], True
        elif slot or not ends(part):
            slot.append(UNKNOWN)
    return [*needs, *_slot([*slot, UNKNOWN])] if sure and slot else needs


def _stands(parts: Sequence[Part]) -> bool:
    """Whether a gap or an edge stands at the beginning of a sequence, whatever of it may be missing."""
    for part in parts:
        if not part.is_space:
            return False
        if not part.optional:
            return True
    return False


def _slot(slot: list[Part]) -> list[Words]:
    """What one word must be: a literal, the beginning of one, or one of a group's choices."""
    if not slot:
        return []
    head = slot[0]
    if head.kind == "group":
        chosen = _chosen(head, EDGE if len(slot) == 1 else UNKNOWN)  # more behind it may be of the same word
        return [chosen] if chosen else []
    if head.kind == "digits":
        return [_NUMBER]
    letters = ""
    for part in slot:
        if part.kind != "literal":
            return [frozenset({(letters, False)})] if letters else []
        letters += part.text
    return [frozenset({(letters, True)})]
