"""What the learned score sees of a text: hashed words, pairs of words, and letters within words."""

import re
from zlib import crc32

BITS = 17
SIZE = 1 << BITS
_MASK = SIZE - 1
_WORD = re.compile(r"[a-z0-9]{1,24}|[?!]")
MOST = 700  # words: about the longest message that a room takes


def words_of(plain: str) -> list[str]:
    """The words of a plain form, and the marks that ask or cry out."""
    return _WORD.findall(plain)[:MOST]


def word_features(word: str) -> list[int]:
    """The places of one word: itself, and its runs of three to five letters with its ends."""
    places = [crc32(word.encode()) & _MASK]
    if len(word) > 2:
        ended = f"^{word}$".encode()
        length = len(ended)
        places += [crc32(ended[at : at + 3], 3) & _MASK for at in range(length - 2)]
        places += [crc32(ended[at : at + 4], 4) & _MASK for at in range(length - 3)]
        places += [crc32(ended[at : at + 5], 5) & _MASK for at in range(length - 4)]
    return places


def pair_feature(first: str, second: str) -> int:
    """The place of two words in a row."""
    return crc32(f"{first} {second}".encode()) & _MASK


def skip_feature(first: str, second: str) -> int:
    """The place of two words with one between them."""
    return crc32(f"{first} * {second}".encode()) & _MASK
