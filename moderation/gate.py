"""Which patterns a text can match, and where, told from its words alone, so that few patterns are ever run.

`needs.py` works out of each pattern which words must stand in any text that it matches: `want to die` needs a form of
"want", "die", and "die" behind "to". Wherever that cannot be told the pattern is always run.

A long text has words of nearly every pattern somewhere. So its words are looked at in blocks, and a pattern is
possible only where so few blocks as a match of it can reach have all its words.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from moderation.needs import DIGIT, LEVELS, Way, Words, ways_of
from moderation.parts import START
from moderation.ways import Known, key_of

_TOKEN = re.compile(rb"[a-z0-9_]+")
_KEPT = 20_000  # words remembered: ordinary talk uses far fewer
_BLOCK = 8  # words that are looked at together
_FEW = 60  # words that are looked at as one
_REACHES = (2, 3, 4)  # blocks side by side in which a match is looked for, by how many gaps it can have

_Bits = tuple[int, int, int]
"""Of one word, the ways that it serves: at any of their levels, as a pair's first, as a pair's second."""
_Mask = tuple[int, int]
"""Of some words, the ways that they serve: at any of their levels, by a pair."""
Span = tuple[int, int]
"""Where something begins and ends, in bytes."""
ANYWHERE: tuple[Span, ...] = ((0, 1 << 30),)
Places = dict[int, tuple[Span, ...]]
"""By number of a pattern, the parts of a text where it may match."""


class _Table:
    """Which ways a word serves, by the whole word or by how it begins."""

    def __init__(self) -> None:
        self._exact: dict[str, array[int]] = {}
        self._prefixes: dict[str, array[int]] = {}
        self._longest = 0

    def enter(self, words: Words, place: int) -> None:
        for word, exact in words:
            table = self._exact if exact else self._prefixes
            table.setdefault(word, array("I")).append(place)
            if not exact:
                self._longest = max(self._longest, len(word))

    def of(self, word: str) -> int:
        """The places at which a word serves, as bits."""
        found = {*self._exact.get(word, ())}
        if word[0].isdigit():
            found |= {*self._prefixes.get(DIGIT, ())}
        for end in range(1, min(len(word), self._longest) + 1):
            found |= {*self._prefixes.get(word[:end], ())}
        return _mask(found)


class WordGate:
    """For patterns by number: those that the words of a text leave possible, and where."""

    def __init__(self, patterns: Mapping[int, str], known: Known | None = None) -> None:
        self.open: list[int] = []
        """The patterns of which nothing can be told."""
        self._known: dict[bytes, _Bits] = {}
        self._words, self._firsts, self._seconds = _Table(), _Table(), _Table()
        ways: list[tuple[int, Way]] = []
        for number, pattern in patterns.items():
            key = key_of(pattern)
            found = known[key] if known and key in known else ways_of(pattern)
            if found is None:
                self.open.append(number)
                continue
            ways += [(number, way) for way in found]
        ways.sort(key=lambda way: way[1].pair is None)  # pairs first: what is told of them stays short
        self._owners = [number for number, _ in ways]
        self._size = len(ways)
        pairs = sum(way.pair is not None for _, way in ways)
        self._unpaired = (1 << self._size) - (1 << pairs)
        free: list[int] = []
        for at, (_, way) in enumerate(ways):
            for level, words in enumerate(way.words):
                place = at + level * self._size
                if words:
                    self._words.enter(words, place)
                else:
                    free.append(place)
            if way.pair is not None:
                self._firsts.enter(frozenset((word, True) for word in way.pair.first), at)
                self._seconds.enter(way.pair.second, at)
        self._free = _mask(free)
        wide = [_wide(way) for _, way in ways]
        self._wide = [
            _mask(at for at, one in enumerate(wide) if one == reach) for reach in range(len(_REACHES))
        ]
        self._reaches = bytes(_REACHES[one] for one in wide)
        self._start = self._firsts.of(START)

    def places(self, encoded: bytes) -> Places:
        """Where the gated patterns can match a plain form: for each number parts of it in order, apart, or anywhere."""
        words = _TOKEN.findall(encoded)
        if len(words) <= _FEW:
            [block] = self._joined([words])
            return dict.fromkeys([self._owners[way] for way in _bits(self._left(*block))], ANYWHERE)
        starts = [word.start() for word in islice(_TOKEN.finditer(encoded), 0, None, _BLOCK)]
        starts[0] = 0
        starts += [len(encoded)] * _REACHES[-1]
        found: dict[int, list[Span]] = {}
        for way, first, last in self._runs(words):
            spans = found.setdefault(self._owners[way], [])
            spans.append((starts[first], starts[last + self._reaches[way]]))
        return {number: _apart(spans) for number, spans in found.items()}

    def _runs(self, words: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
        """The ways that words leave possible, with the first and the last block where a match of them may begin."""
        far = _REACHES[-1]
        blocks = self._joined([words[at : at + _BLOCK] for at in range(0, len(words), _BLOCK)])
        blocks += [(0, 0)] * far
        begun: dict[int, int] = {}
        left = 0
        for at in range(len(blocks) - far + 1):
            before = left
            if not at or blocks[at : at + far] != blocks[at - 1 : at - 1 + far]:
                left = self._possible(blocks, at)
            for way in _bits(left ^ before):
                if way in begun:
                    yield way, begun.pop(way), at - 1
                else:
                    begun[way] = at

    def _possible(self, blocks: Sequence[_Mask], at: int) -> int:
        """The ways of which a match may begin in a block, each looked for in as many as it can reach."""
        mask = paired = left = seen = 0
        for reach, ways in zip(_REACHES, self._wide, strict=True):
            for one in blocks[at + seen : at + reach]:
                mask |= one[0]
                paired |= one[1]
            seen = reach
            left |= self._left(mask, paired) & ways
        return left

    def _joined(self, blocks: Sequence[Sequence[bytes]]) -> list[_Mask]:
        """What the words of each block serve."""
        known = self._known
        first = self._start
        joined: list[_Mask] = []
        for words in blocks:
            mask = paired = 0
            for word in words:
                found = known.get(word) or self._learn(word)
                mask |= found[0]
                if first:
                    paired |= first & found[2]
                first = found[1]
            joined.append((mask, paired))
        return joined

    def _left(self, mask: int, paired: int) -> int:
        """The ways for which words of each level stand there, and a pair where they need one."""
        mask |= self._free
        left = paired | self._unpaired
        for level in range(LEVELS):
            left &= mask >> level * self._size
        return left

    def _learn(self, word: bytes) -> _Bits:
        text = word.decode("ascii")
        found = (self._words.of(text), self._firsts.of(text), self._seconds.of(text))
        if len(self._known) < _KEPT:
            self._known[word] = found
        return found


def _wide(way: Way) -> int:
    """Which of the reaches holds a match of a way, wherever in the first block it begins; the last, if none does."""
    return next(
        (at for at, reach in enumerate(_REACHES) if way.gaps <= (reach - 1) * _BLOCK), len(_REACHES) - 1
    )


def _mask(places: Iterable[int]) -> int:
    """Bits at these places."""
    mask = bytearray()
    for place in places:
        byte = place >> 3
        if byte >= len(mask):
            mask.extend(bytes(byte + 1 - len(mask)))
        mask[byte] |= 1 << (place & 7)
    return int.from_bytes(mask, "little")


def _bits(mask: int) -> list[int]:
    """The places of the bits that are set."""
    found: list[int] = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def _apart(spans: list[Span]) -> tuple[Span, ...]:
    """The same parts in order, with those that meet made one."""
    apart: list[Span] = []
    for start, end in sorted(spans):
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return tuple(apart)
