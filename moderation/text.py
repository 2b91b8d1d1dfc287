"""Folding: one plain form of a text to match on, and the way back from it to the original."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from moderation.lookalikes import APOSTROPHES, LOOKALIKES

_LONGEST = 4  # a ligature such as U+FDFA decomposes to 18 characters, which tell nothing
_KEPT = 20_000  # folded characters remembered; the rest of Unicode is computed each time
_ELLIPSIS = re.compile(r"\.{2,}")
_RUN = re.compile(r"(\.{2,})[ \n]*|[ \n]+")
_COMBINING = (
    (0x300, 0x370), (0x483, 0x48A), (0x591, 0x5C8), (0x610, 0x61B), (0x64B, 0x660), (0x1AB0, 0x1B00),
    (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0xFE00, 0xFE10), (0xFE20, 0xFE30), (0xE0100, 0xE01F0),
)  # fmt: skip


def fold_character(character: str) -> str:
    """What one character becomes: nothing, itself, or what it stands for in lower-case Latin."""
    if character == "\n":
        return "\n"
    if character.isspace():
        return " "
    if character in APOSTROPHES:
        return ""
    known = LOOKALIKES.get(character)
    if known is not None:
        return known
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cf", "Cs", "Cn", "Co"):
        return ""
    if 0xAC00 <= ord(character) <= 0xD7A3:  # a syllable would fall apart into its letters
        return character
    parts = []
    for part in unicodedata.normalize("NFKD", character)[:_LONGEST]:
        code = ord(part)
        if code >= 0x300 and any(first <= code < last for first, last in _COMBINING):
            continue
        low = part.casefold()
        parts.append("".join(LOOKALIKES.get(one, one) for one in low))
    return "".join(parts).translate(_BARE)


_BARE = {ord(mark): "" for mark in APOSTROPHES} | dict.fromkeys(range(0x2000, 0x200B), " ")


class _Table(dict[int, str]):
    """A table for str.translate that fills itself."""

    def __missing__(self, code: int) -> str:
        folded = fold_character(chr(code))
        if len(self) < _KEPT:
            self[code] = folded
        return folded


_TABLE = _Table()


def _crowds() -> re.Pattern[str]:
    """Signs in a row that stand for the same word, which is said once: "😂😂😂" is one laugh."""
    alike: dict[str, str] = {}
    for sign, word in LOOKALIKES.items():
        if _is_word(word):
            alike[word] = alike.get(word, "") + sign
    return re.compile("|".join(f"[{signs}]{{2,}}" for signs in alike.values()))


def _is_word(folded: str) -> bool:
    return len(folded) > 2 and folded[0] == " "


_CROWDS = _crowds()
# The table for the characters that most texts are made of alone, and what of them is dropped.
_ASCII = bytes(ord(fold_character(chr(code)) or "?") for code in range(128)) + bytes(128)
_DROPPED = bytes(code for code in range(128) if not fold_character(chr(code)))
_GONE = frozenset(_DROPPED)


@dataclass(slots=True)
class Folded:
    """A text and its plain form; the way back to the original is only worked out when asked for."""

    original: str = field(repr=False)
    plain: str = field(repr=False)
    _starts: Sequence[int] | None = field(default=None, repr=False)
    _ends: Sequence[int] = field(default=(), repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The half-open span of the original that `plain[start:end]` was made of."""
        starts = self._starts
        if starts is None:
            starts = self._trace()
        if not starts:
            return (0, len(self.original))
        start = min(max(start, 0), len(starts) - 1)
        end = min(max(end, start + 1), len(starts))
        return (starts[start], max(self._ends[end - 1], starts[start]))

    def replaced(self, changes: "list[tuple[int, int, str]]") -> "Folded":
        """The same text with parts of its plain form replaced, in order and apart: (start, end, new)."""
        starts = self._starts
        if starts is None:
            starts = self._trace()
        pieces: list[str] = []
        new_starts: list[int] = []
        new_ends: list[int] = []
        at = 0
        for start, end, new in changes:
            pieces.append(self.plain[at:start])
            new_starts += starts[at:start]
            new_ends += self._ends[at:start]
            pieces.append(new)
            new_starts += [starts[start]] * len(new)
            new_ends += [self._ends[end - 1]] * len(new)
            at = end
        pieces.append(self.plain[at:])
        new_starts += starts[at:]
        new_ends += self._ends[at:]
        return Folded(self.original, "".join(pieces), new_starts, new_ends)

    def _trace(self) -> Sequence[int]:
        """Fold again with the place that each character comes from: the same steps as `fold`."""
        marked, places = _marked(self.original)
        starts = places if len(marked) == len(self.plain) else _joined(marked, places)
        self._starts = starts
        self._ends = [at + 1 for at in starts]
        return starts


def _marked(text: str) -> tuple[str, Sequence[int]]:
    """What the characters of a text become, one by one, and where each comes from."""
    if text.isascii():
        encoded = text.encode()
        marked = encoded.translate(_ASCII, _DROPPED).decode()
        if len(marked) == len(text):
            return marked, range(len(text))
        return marked, [at for at, one in enumerate(encoded) if one not in _GONE]
    table = _TABLE
    pieces: list[str] = []
    places: list[int] = []
    before = ""
    for at, old in enumerate(text):
        new = table[ord(old)]
        if new != before or not _is_word(new):
            pieces.append(new)
            places += [at] * len(new)
        before = new
    return "".join(pieces), places


def _joined(marked: str, places: Sequence[int]) -> list[int]:
    """The places that are left when ellipses are commas, and white space is single and none at the ends."""
    kept: list[int] = []
    last = 0
    has_lines = "\n" in marked
    for run in _RUN.finditer(marked):
        start, end = run.span()
        kept += places[last:start]
        last = end
        space = start
        if run[1]:
            kept.append(places[start])
            space += len(run[1]) - 1
        if kept and end < len(marked):
            line = marked.find("\n", start, end) if has_lines else -1
            kept.append(places[line if line >= 0 else space])
    kept += places[last:]
    return kept


def fold(text: str) -> Folded:
    """The plain form: NFKC, lower case, Latin look-alikes, no marks, no invisible characters, single spaces.

    Apostrophes go ("don't" is "dont"), an ellipsis is a comma, a line break stays one. Linear in the text.
    """
    if text.isascii():
        plain = text.encode().translate(_ASCII, _DROPPED).decode()
    else:
        plain = _CROWDS.sub(_first, text).translate(_TABLE)
    if ".." in plain:
        plain = _ELLIPSIS.sub(", ", plain)
    if "\n" in plain:
        lines = [" ".join(line.split()) for line in plain.split("\n")]
        plain = "\n".join([line for line in lines if line])
    else:
        plain = " ".join(plain.split())
    return Folded(text, plain)


def _first(crowd: re.Match[str]) -> str:
    return crowd[0][0]
