"""What the learned score sees of a text: hashed words, letters within them, and words beside each other."""

import re
from zlib import crc32

BITS = 18
SIZE = 1 << BITS
_MASK = SIZE - 1
_WORD = re.compile(r"[a-z0-9]{1,24}|[?!]")
MOST = 700  # words: about the longest message that a room takes
# Odd factors of which each spreads a word's checksum its own way: first of a pair, last of one, first before a gap.
_FACTORS = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35)


def words_of(plain: str) -> list[str]:
    """The words of a plain form, and the marks that ask or cry out."""
    return _WORD.findall(plain)[:MOST]


def word_places(word: str) -> list[int]:
    """The places of one word: itself, and its runs of three to five letters with its ends."""
    places = [crc32(word.encode()) & _MASK]
    if len(word) > 2:
        ended = f"^{word}$".encode()
        length = len(ended)
        places += [crc32(ended[at : at + 3], 3) & _MASK for at in range(length - 2)]
        places += [crc32(ended[at : at + 4], 4) & _MASK for at in range(length - 3)]
        places += [crc32(ended[at : at + 5], 5) & _MASK for at in range(length - 4)]
    return places


def word_codes(word: str) -> tuple[int, int, int]:
    """What a word brings to the place of a pair as its first, as its last, and as its first before a gap.

    The place of two words is the exclusive or of the one's code and the other's: a pair costs no hashing.
    """
    code = crc32(word.encode(), 9)
    first, last, gap = (((code * factor) & 0xFFFFFFFF) >> (32 - BITS) for factor in _FACTORS)
    return first, last, gap
