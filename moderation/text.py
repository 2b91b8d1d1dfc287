"""Folding: one plain form of a text to match on, and the way back from it to the original."""

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise

from moderation.lookalikes import APOSTROPHES, LOOKALIKES

_LONGEST = 8  # a ligature such as U+FDFA decomposes to 18 characters, which tell nothing
_KEPT = 20_000  # folded characters remembered; the rest of Unicode is computed each time
_ELLIPSIS = re.compile(r"\.{2,}")
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


@dataclass(slots=True)
class Folded:
    """A text and its plain form; the way back to the original is only worked out when asked for."""

    original: str = field(repr=False)
    plain: str = field(repr=False)
    _starts: list[int] | None = field(default=None, repr=False)
    _ends: list[int] = field(default_factory=list, repr=False)

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

    def _trace(self) -> list[int]:
        """Fold again, slowly, character by character with its origin: the same steps as `fold`."""
        table = _TABLE
        marked = [(new, at) for at, old in enumerate(self.original) for new in table[ord(old)]]
        if any(one[0] == "." == other[0] for one, other in pairwise(marked)):
            marked = _without_ellipses(marked)
        plain: list[tuple[str, int]] = []
        gap: tuple[str, int] | None = None
        for new, at in marked:
            if new in {" ", "\n"}:
                if gap is None or (new == "\n" and gap[0] == " "):
                    gap = (new, at)
                continue
            if gap is not None and plain:
                plain.append(gap)
            gap = None
            plain.append((new, at))
        self._starts = [at for _, at in plain]
        self._ends = [at + 1 for _, at in plain]
        return self._starts


def _without_ellipses(marked: list[tuple[str, int]]) -> list[tuple[str, int]]:
    kept: list[tuple[str, int]] = []
    index = 0
    while index < len(marked):
        last = index
        while last < len(marked) and marked[last][0] == ".":
            last += 1
        if last - index >= 2:
            kept += [(",", marked[index][1]), (" ", marked[last - 1][1])]
            index = last
        else:
            kept.append(marked[index])
            index += 1
    return kept


def fold(text: str) -> Folded:
    """The plain form: NFKC, lower case, Latin look-alikes, no marks, no invisible characters, single spaces.

    Apostrophes go ("don't" is "dont"), an ellipsis is a comma, a line break stays one. Linear in the text.
    """
    plain = text.translate(_TABLE)
    if ".." in plain:
        plain = _ELLIPSIS.sub(", ", plain)
    if "\n" in plain:
        lines = [" ".join(line.split()) for line in plain.split("\n")]
        plain = "\n".join([line for line in lines if line])
    else:
        plain = " ".join(plain.split())
    return Folded(text, plain)
