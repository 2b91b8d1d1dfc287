"""Slips of the finger: the wrong spellings that each word may have, worked out once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from moderation.lexicon import Lexicon

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_VOWELS = frozenset("aeiou")
_BARE = str.maketrans("", "", "aeiou")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SAFE = 6  # letters: of a longer word one may be missing
_SHORT = 3  # letters: of a shorter word nothing is left that tells it
_BONES = 4  # consonants: so many tell a word whatever vowels stand between them
_HURRIED = 2  # wrong spellings in a text from which on real words are doubted too
_PAIR = re.compile(r"(?<!\S)([a-z]+) (?=([a-z]+))")
_TWINS = re.compile(r"([a-z])\1")
_STRAY = 2  # letters that a word with the right consonants may have too many


class Typos:
    """What wrong spellings stand for: those that are no words, and those that are, of a text full of slips."""

    def __init__(self, lexicon: Lexicon) -> None:
        words = {name: lexicon.words(f"mend.{name}") for name in ("slips", "swaps", "little")}
        right = frozenset(lexicon.words("mend.innocent") + lexicon.words("mend.common"))
        right |= frozenset(word for some in words.values() for word in some)
        sure: dict[str, str] = {}
        for word in words["slips"]:
            for wrong in (*_twice(word), *_slips(word)):
                sure.setdefault(wrong, word)
        for slip in _HASTE:
            for word in (*words["swaps"], *words["little"]):
                for wrong in slip(word):
                    sure.setdefault(wrong, word)
        sure |= _pairs(lexicon.words("mend.typos"))
        self.sure = {wrong: word for wrong, word in sure.items() if wrong not in right}
        self.loose: dict[str, str] = {}
        for word in (*words["swaps"], *words["little"]):
            for wrong in _short_slips(word):
                if wrong not in right and wrong not in self.sure:
                    self.loose.setdefault(wrong, word)
        self.loose |= _pairs(lexicon.words("mend.loose"))
        self._right = right
        self._bones: dict[str, str] = {}
        for word in (*words["slips"], *words["swaps"]):
            bare = word.translate(_BARE)
            for bones in (bare, _TWINS.sub(r"\1", bare)):
                if len(bones) >= _BONES:
                    self._bones.setdefault(bones, word)
        self._bare = frozenset(word.encode() for word in self._bones)
        heard = dict(entry.split(" = ") for entry in lexicon.words("mend.heard"))
        self._phrases = [(re.compile(rf"\b(?:{wrong})(?!\w)"), new) for wrong, new in heard.items()]
        self._known = right | frozenset(lexicon.words("mend.vital"))

    def are_in(self, words: str) -> bool:
        """Whether some of these words, which marks no longer cling to, may be spelt wrong."""
        each = words.split()
        if not self.sure.keys().isdisjoint(each):
            return True
        bare = words.encode().translate(None, b"aeiou").split()
        return not self._bare.isdisjoint(bare) and any(self.right(word) is not None for word in each)

    def right(self, token: str) -> str | None:
        """What a token stands for that is no word by itself, or None."""
        known = self.sure.get(token)
        if known is not None or token in self._right:
            return known
        word = self._bones.get(token.translate(_BARE))
        if word is None or not token.isalpha() or len(token) > len(word) + _STRAY or token == word:
            return None
        return word

    def are_many(self, words: str) -> bool:
        """Whether a text has so many slips that its real words are doubted too."""
        wrong = {word for word in words.split() if word in self.loose or self.right(word) is not None}
        return len(wrong - self._right) >= _HURRIED

    def heard(self, plain: str) -> Iterator[tuple[int, int, str]]:
        """In a text with many slips, words that are right by themselves and wrong together."""
        for wrong, new in self._phrases:
            for match in wrong.finditer(plain):
                yield *match.span(), new

    def moved(self, plain: str) -> Iterator[tuple[int, int, str]]:
        """In a text with many slips, words with the space between them in a wrong place."""
        for pair in _PAIR.finditer(plain):
            new = self._spaced(pair[1], pair[2])
            if new is not None:
                yield pair.start(), pair.end(2), new

    def _spaced(self, first: str, last: str) -> str | None:
        """Two tokens with the space between them one letter further on or back, or none."""
        known = self._known
        if (first in known or len(first) == 1) and (last in known or len(last) == 1):
            return None
        for one, two in ((first + last[0], last[1:]), (first[:-1], first[-1] + last)):
            if len(one) > 1 and len(two) > 1 and one in known and two in known:
                return f"{one} {two}"
        joined = first + last
        return joined if len(joined) >= _SHORT and joined in known else None


def _pairs(entries: tuple[str, ...]) -> dict[str, str]:
    """Entries `wrong right`."""
    return {wrong: right for wrong, _, right in (entry.partition(" ") for entry in entries)}


def _swapped(word: str) -> Iterator[str]:
    if len(word) >= _SHORT:
        for at in range(len(word) - 1):
            yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _doubled(word: str) -> Iterator[str]:
    if len(word) < _SHORT:
        return
    for at in range(len(word)):
        yield word[: at + 1] + word[at:]


def _dropped(word: str) -> Iterator[str]:
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]


def _beside(word: str) -> Iterator[str]:
    """A key beside the right one, in its row or, nearly, in the rows about it."""
    for at, letter in enumerate(word):
        for near in _NEIGHBOURS[letter]:
            yield word[:at] + near + word[at + 1 :]


def _slips(word: str) -> Iterator[str]:
    """One letter missing, doubled, added, changed or in its neighbour's place."""
    yield from _dropped(word)
    yield from _doubled(word)
    yield from _swapped(word)
    for at in range(len(word)):
        for letter in _ALPHABET:
            yield word[:at] + letter + word[at + 1 :]
            yield word[:at] + letter + word[at:]


def _twice(word: str) -> Iterator[str]:
    """Of a long word, two slips that leave its letters there."""
    if len(word) > _SAFE:
        for one in (*_swapped(word), *_doubled(word)):
            yield from _swapped(one)
            yield from _doubled(one)
            yield from _dropped(one)


def _unvowelled(word: str) -> Iterator[str]:
    """Without its vowels, or of a word that stays clear enough without any one letter."""
    if len(word) > _SHORT:
        bare = word[0] + word[1:].translate(_BARE)
        if len(bare) >= _SHORT:
            yield bare
        for at in range(1, len(word) - 1):
            if len(word) > _SAFE or word[at] in _VOWELS:
                yield word[:at] + word[at + 1 :]


def _typed_beside(word: str) -> Iterator[str]:
    return _beside(word) if len(word) > _SHORT else iter(())


def _swapped_twice(word: str) -> Iterator[str]:
    if len(word) > _SHORT + 1:
        for once in _swapped(word):
            yield from _swapped(once)


# What haste does to any word and makes no other of it, but for those that are listed; the surest first.
_HASTE: tuple[Callable[[str], Iterator[str]], ...] = (
    _swapped, _doubled, _unvowelled, _swapped_twice, _typed_beside,
)  # fmt: skip


def _short_slips(word: str) -> Iterator[str]:
    """What haste does to a short word and what may be another, though seldom."""
    if _SHORT <= len(word) <= _SAFE:
        yield from (word[:at] + word[at + 1 :] for at in range(1, len(word)) if len(word) > _SHORT)
        yield from _beside(word)


def _neighbours() -> dict[str, str]:
    beside = dict.fromkeys(_ALPHABET, "")
    for row, keys in enumerate(_ROWS):
        for at, key in enumerate(keys):
            beside[key] += keys[max(0, at - 1) : at] + keys[at + 1 : at + 2]
            if row < 2:
                for below in _ROWS[row + 1][max(0, at - 1) : at + 1]:
                    beside[key] += below
                    beside[below] += key
    return beside


_NEIGHBOURS = _neighbours()
