"""A long text in windows that overlap, so that what its words leave possible is told of near words only.

A text of many words has one of nearly every pattern's; within a few sentences there are few.
"""

from collections.abc import Iterator

_WHOLE = 500  # characters: a text up to this length is one window
_CORE = 150  # of a longer one, what a window answers for
_BEFORE = 80  # what it sees before that besides, so that what undoes a hit is seen
_AFTER = 120  # and behind it, so that no hit is cut
_RUN = 12  # words: longer than what a pattern reads at once

Window = tuple[int, int, int, int]
"""Where it begins and ends, and the first and last place (half-open) that a hit of it may begin at."""


def windows(plain: str) -> Iterator[Window]:
    """The windows of a plain text, in order; together they answer for each place once."""
    size = len(plain)
    if size <= _WHOLE:
        yield 0, size, 0, size
        return
    for first in range(0, size, _CORE):
        start = _word(plain, max(0, first - _BEFORE), first)
        yield start, min(size, first + _CORE + _AFTER), first, min(size, first + _CORE)


def _word(plain: str, start: int, before: int) -> int:
    """The first place from `start` on where a word may begin: behind a space, where there is one."""
    space = plain.find(" ", start, before) if start else -1
    return space + 1 if space >= 0 else start


def runs_of(plain: str, window: Window) -> set[tuple[str, ...]]:
    """The runs of words that begin where a window answers: one that has none of its own repeats those before it."""
    _, end, first, last = window
    words = plain[first:end].split()
    return {tuple(words[at : at + _RUN]) for at in range(len(plain[first:last].split()))}
