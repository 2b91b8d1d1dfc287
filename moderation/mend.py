"""Mending: words that were bent, on purpose or by haste, are read as what they stand for.

A token is only ever mended into a word that matters or, when words are joined, into words of which one
does; all others stay as they are, so that innocent words never become hits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import re2

from moderation.lexicon import NEVER, Lexicon
from moderation.text import Folded
from moderation.typos import Typos

_TRIPLES = "|".join(chr(code) * 3 for code in range(ord("a"), ord("z") + 1))
_SPACED = r"\b[a-z](?:[ ._\-*/|,+~]{1,2}[a-z]){2,}\b"
_TOKEN = re.compile(r"\S+")
_RUN = re.compile(r"([a-z])\1{2,}")
_EDGE = "\"'()[]{}<>,;:.?!"
_APART = str.maketrans(dict.fromkeys(_EDGE, " "))
_LEET = str.maketrans("0134578@$!|+69(2¥€", "oieastbasiitggczye")
_LEET_L = str.maketrans({"1": "l", "|": "l", "!": "l"})
_MASKS = frozenset("*#_-.%^~&@$!?x")
_SIGNS = re.compile(r"[^a-z]+")
_LONGEST_TOKEN = 48
_MOST = 200  # changes in one text: what bends more words than these is read well enough by then


class Mender:
    """Knows the words that matter, and mends a token only into one of them."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._vital = frozenset(lexicon.words("mend.vital"))
        self._common = frozenset(lexicon.words("mend.common"))
        self._known = self._vital | self._common | frozenset(lexicon.words("mend.little"))
        self._longest = max((len(word) for word in self._known), default=0)
        self._by_length: dict[int, tuple[str, ...]] = {}
        for word in sorted(self._vital):
            self._by_length[len(word)] = (*self._by_length.get(len(word), ()), word)
        self._typos = Typos(lexicon)
        joined = "|".join(lexicon.words("mend.joined")) or NEVER
        options = re2.Options()
        options.never_capture = True
        options.log_errors = False
        self._odd = re2.Set.SearchSet(options)
        self._odd.Add(
            rf"{_TRIPLES}|[a-z][0-9@$!*|+#_.%&/\\~^\-]+[a-z]|[0-9@$!|][a-z]|[a-z][0-9*]|{_SPACED}|{joined}"
        )
        self._odd.Compile()
        self._joined = re2.compile(joined, options)
        self._spaced = re2.compile(_SPACED, options)

    def mend(self, folded: Folded) -> Folded | None:
        """The text with what could be mended replaced, or None where nothing was."""
        plain = folded.plain
        words = plain.translate(_APART)
        if not self._typos.are_in(words) and not self._odd.Match(plain):
            return None
        if not self._typos.are_many(words):
            return _replaced(folded, self._changes(plain, {}))
        moved = _replaced(folded, self._typos.moved(plain)) or folded
        mended = _replaced(moved, self._changes(moved.plain, self._typos.loose)) or moved
        heard = _replaced(mended, self._typos.heard(mended.plain)) or mended
        return None if heard is folded else heard

    def is_torn(self, joined: str, at: int) -> bool:
        """Whether a word that matters was sent in two messages, of which the second begins at a place."""
        before, after = joined[:at].split(), joined[at:].split()
        return bool(before and after) and before[-1] + after[0].strip(_EDGE) in self._vital

    def _changes(self, plain: str, loose: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
        joined: dict[str, list[tuple[int, int, str]]] = {}  # a text may repeat one run a thousand times
        for match in self._spaced.finditer(plain):
            start, run = match.start(), match[0]
            if run not in joined:
                joined[run] = list(self._unspaced(run))
            yield from ((start + first, start + last, new) for first, last, new in joined[run])
        for match in _TOKEN.finditer(plain):
            token = match[0]
            if len(token) > _LONGEST_TOKEN:
                continue
            core = token.strip(_EDGE)
            new = (loose.get(core) or self._mended(core)) if core else None
            if new is None and core != token and any(mark in token for mark in "!$("):
                core = token.strip("\"',;:.?")
                new = self._mended(core)
            if new is not None and new != core:
                start = match.start() + token.index(core)
                yield start, start + len(core), new

    def _mended(self, token: str) -> str | None:
        """What a token stands for, or None where it stands for itself."""
        if token in self._known:
            return None
        known = self._typos.right(token)
        if known is not None:
            return known
        if not token.isalpha():
            return self._unmasked(token)
        drawn = _RUN.search(token)
        if drawn is not None:
            short = self._shortened(token)
            if short is not None:
                return short
        if len(token) > 6 and self._joined.search(token) is not None:
            return self._parted(token)
        return None

    def _unmasked(self, token: str) -> str | None:
        if token.isdigit() or not any(character.isalpha() for character in token):
            return None
        for plain in (token.translate(_LEET), token.translate(_LEET_L).translate(_LEET)):
            bare = _SIGNS.sub("", plain)
            if bare in self._vital and len(bare) > 2:
                return bare
            if plain in self._common and len(plain) > 2:
                return plain
            if plain.isalpha() and len(plain) > 6 and self._joined.search(plain) is not None:
                parted = self._parted(plain)
                if parted is not None:
                    return parted
            short = self._shortened(bare) if _RUN.search(bare) else None
            if short is not None and short in self._vital:
                return short
        without = _SIGNS.sub("", token)
        if without in self._vital and len(without) > 2 and len(without) < len(token) <= 2 * len(without):
            return without
        return self._unstarred(token)

    def _unstarred(self, token: str) -> str | None:
        """`s*icide`: each sign stands for one letter, and the letters that are left leave one word."""
        given = sum(character.isalpha() for character in token)
        if (
            given * 2 < len(token)
            or not token[0].isalpha()
            or not any(mark in token for mark in "*#_%^~&@$-")
        ):
            return None
        fits = [
            word
            for word in self._by_length.get(len(token), ())
            if all(mine == theirs or mine in _MASKS for mine, theirs in zip(token, word, strict=True))
        ]
        return fits[0] if len(fits) == 1 else None

    def _shortened(self, token: str) -> str | None:
        for times in (r"\1", r"\1\1"):
            short = _RUN.sub(times, token)
            if short in self._known:
                return short
        once = re.sub(r"([a-z])\1+", r"\1", token)
        for word in self._by_length.get(len(once), ()):
            if word == once:
                return word
        for length in (len(once) + 1, len(once) + 2):
            for word in self._by_length.get(length, ()):
                if re.sub(r"([a-z])\1+", r"\1", word) == once:
                    return word
        return None

    def _unspaced(self, run: str) -> Iterator[tuple[int, int, str]]:
        """`k i l l`: the letters of a run, joined; its first or last may be a word of its own."""
        places = [at for at, sign in enumerate(run) if sign.isalpha()][:_LONGEST_TOKEN]
        letters = "".join(run[at] for at in places)
        count = len(letters)
        for first in (0, 1):
            for last in (count, count - 1):
                joined = letters[first:last]
                if len(joined) < 3:
                    continue
                new = joined if joined in self._vital else self._parted(joined)
                if new is not None:
                    yield places[first], places[last - 1] + 1, new
                    return

    def _parted(self, token: str) -> str | None:
        """`iwanttodie`: the fewest known words that make up the whole token, one of them vital."""
        size = len(token)
        if size > _LONGEST_TOKEN:
            return None
        best: list[tuple[int, tuple[str, ...]] | None] = [None] * (size + 1)
        best[0] = (0, ())
        for end in range(1, size + 1):
            for start in range(max(0, end - self._longest), end):
                before = best[start]
                word = token[start:end]
                if before is None or word not in self._known or (len(word) == 1 and word not in "iu"):
                    continue
                now = best[end]
                if now is None or before[0] + 1 < now[0]:
                    best[end] = (before[0] + 1, (*before[1], word))
        whole = best[size]
        if whole is None or len(whole[1]) < 2 or not self._vital.intersection(whole[1]):
            return None
        return " ".join(whole[1])


def _replaced(folded: Folded, changes: Iterable[tuple[int, int, str]]) -> Folded | None:
    """The text changed, but for changes that overlap one before them; None where there are none."""
    apart: list[tuple[int, int, str]] = []
    for change in sorted(changes)[:_MOST]:
        if not apart or change[0] >= apart[-1][1]:
            apart.append(change)
    return folded.replaced(apart) if apart else None
