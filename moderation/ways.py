"""The ways of the shipped patterns, worked out beforehand, as that is most of what a start costs; `.ci/prove` does it.

A pattern that the file does not know is worked out as ever, so a file that lags costs time and nothing else.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from moderation.needs import Pair, Way, Words, ways_of

WAYS = Path(__file__).with_name("ways.bin")
Known = Mapping[str, list[Way] | None]
"""By key of a pattern, its ways; None where they can't be told."""
_OPEN = "*"  # ends a word that only begins so


def key_of(pattern: str) -> str:
    """What a pattern goes by in the file."""
    return blake2b(pattern.encode(), digest_size=9).hexdigest()


def pack_ways(patterns: Iterable[str]) -> bytes:
    """The ways of these patterns as a small file: sets of words once each, then each way by their numbers."""
    sets: dict[tuple[str, ...], int] = {}

    def number(words: Iterable[tuple[str, bool]]) -> int:
        told = tuple(sorted(word if exact else word + _OPEN for word, exact in words))
        return sets.setdefault(told, len(sets))

    def packed(way: Way) -> list[Any]:
        pair = way.pair and [number((word, True) for word in way.pair.first), number(way.pair.second)]
        return [[number(words) for words in way.words], pair, way.gaps]

    found = {key_of(pattern): ways_of(pattern) for pattern in patterns}
    ways = {key: None if some is None else [packed(way) for way in some] for key, some in found.items()}
    return zlib.compress(json.dumps([list(sets), ways], separators=(",", ":")).encode(), 9)


def load_ways(path: Path = WAYS) -> Known:
    """The ways of such a file; none where there is no file."""
    if not path.exists():
        return {}
    told, ways = json.loads(zlib.decompress(path.read_bytes()))
    sets: list[Words] = [
        frozenset((word.removesuffix(_OPEN), not word.endswith(_OPEN)) for word in some) for some in told
    ]

    def unpacked(words: list[int], pair: list[int] | None, gaps: int) -> Way:
        both = pair and Pair(frozenset(word for word, _ in sets[pair[0]]), sets[pair[1]])
        return Way(tuple(sets[one] for one in words), both or None, gaps)

    return {key: None if some is None else [unpacked(*way) for way in some] for key, some in ways.items()}
