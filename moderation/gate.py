"""Which patterns a text can match at all, told from its words alone, so that few patterns are ever run.

`needs.py` works out of each pattern which words must stand in any text that it matches: `want to die` needs a form of
"want", "die", and "die" behind "to". Wherever that cannot be told the pattern is always run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from moderation.needs import DIGIT, LEVELS, START, Way, Words, ways_of

_TOKEN = re.compile(r"[a-z0-9_]+")
_KEPT = 20_000  # words remembered: ordinary talk uses far fewer

_Bits = tuple[int, int, int]
"""Of one word, the ways that it serves: at any of their levels, as a pair's first, as a pair's second."""


class _Table:
    """Which ways a word serves, by the whole word or by how it begins."""

    def __init__(self) -> None:
        self._exact: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}
        self._longest = 0

    def enter(self, words: Words, bit: int) -> None:
        for word, exact in words:
            table = self._exact if exact else self._prefixes
            table[word] = table.get(word, 0) | bit
            if not exact:
                self._longest = max(self._longest, len(word))

    def of(self, word: str) -> int:
        mask = self._exact.get(word, 0)
        if word[0].isdigit():
            mask |= self._prefixes.get(DIGIT, 0)
        for end in range(1, min(len(word), self._longest) + 1):
            mask |= self._prefixes.get(word[:end], 0)
        return mask


class WordGate:
    """For patterns by number: those that the words of a text leave possible."""

    def __init__(self, patterns: Mapping[int, str]) -> None:
        self.open: list[int] = []
        """The patterns of which nothing can be told."""
        self._known: dict[str, _Bits] = {}
        self._words, self._firsts, self._seconds = _Table(), _Table(), _Table()
        ways: list[tuple[int, Way]] = []
        for number, pattern in patterns.items():
            found = ways_of(pattern)
            if found is None:
                self.open.append(number)
                continue
            ways += [(number, way) for way in found]
        ways.sort(key=lambda way: way[1].pair is None)  # pairs first: what is told of them stays short
        self._owners = [number for number, _ in ways]
        self._size = len(ways)
        pairs = sum(way.pair is not None for _, way in ways)
        self._unpaired = (1 << self._size) - (1 << pairs)
        self._free = 0
        for at, (_, way) in enumerate(ways):
            for level, words in enumerate(way.words):
                bit = 1 << at + level * self._size
                if words:
                    self._words.enter(words, bit)
                else:
                    self._free |= bit
            if way.pair is not None:
                self._firsts.enter(frozenset((word, True) for word in way.pair.first), 1 << at)
                self._seconds.enter(way.pair.second, 1 << at)
        self._start = self._firsts.of(START)

    def possible(self, plain: str) -> set[int]:
        """The numbers of gated patterns that a plain form can match."""
        mask, first = self._free, self._start
        paired = self._unpaired
        known = self._known
        for word in _TOKEN.findall(plain):
            found = known.get(word) or self._learn(word)
            mask |= found[0]
            if first:
                paired |= first & found[2]
            first = found[1]
        for level in range(LEVELS):
            paired &= mask >> level * self._size
        left = set()
        while paired:
            low = paired & -paired
            left.add(self._owners[low.bit_length() - 1])
            paired ^= low
        return left

    def _learn(self, word: str) -> _Bits:
        found = (self._words.of(word), self._firsts.of(word), self._seconds.of(word))
        if len(self._known) < _KEPT:
            self._known[word] = found
        return found
