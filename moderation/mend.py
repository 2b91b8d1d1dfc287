"""Mending: words that were bent to slip past a reader are read as what they stand for."""

import re

from moderation.lexicon import Lexicon
from moderation.text import Folded

_ODD = re.compile(
    r"([a-z])\1\1"  # drawn out
    r"|[a-z][0-9@$!*|+#_.%&/\\]+[a-z]|[0-9@$!|][a-z]"  # leet, masks, letters joined by signs
    r"|(?<![a-z0-9])[a-z](?:[ ._\-*/|,+]+[a-z]){2,}(?![a-z0-9])"  # spaced
    r"|[a-z]{11,}"  # joined
)
_TOKEN = re.compile(r"[^\s]+")
_SPACED = re.compile(r"(?<![a-z0-9])[a-z](?:([ ._\-*/|,+])\1?[a-z])(?:\1\1?[a-z])+(?![a-z0-9])")
_RUN = re.compile(r"([a-z])\1{2,}")
_LEET = str.maketrans("01345789@$!|+", "oieastbgasilt")


class Mender:
    """Knows the words that matter, and mends a token only into one of them."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._vital = frozenset(lexicon.words("mend.vital"))
        self._plain = frozenset(lexicon.words("mend.common")) | self._vital
        self._longest = max((len(word) for word in self._plain), default=0)

    def mend(self, folded: Folded) -> Folded | None:
        """The text with what could be mended replaced, or None where nothing was."""
        plain = folded.plain
        if _ODD.search(plain) is None:
            return None
        changes: list[tuple[int, int, str]] = []
        return folded.replaced(changes) if changes else None
