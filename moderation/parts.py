"""A pattern as the parts that it is made of: letters, groups with their choices, gaps between words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain

from moderation.lexicon import CLOSING, GAP, OPENING

_BRACKET = re.compile(r"\\.|\[.[^\]]*\]|[()]", re.DOTALL)
_SPACE = "\0"  # stands for a gap while a pattern is read
_PLAIN = re.compile(r"[a-z0-9_|\0]+")
_MARKS = frozenset("&/'\".,:;=!?#%@<>~-+*$()")  # between words, part of none
_BETWEEN = _MARKS | {" ", "\n", r"\s", r"\n", *(f"\\{mark}" for mark in _MARKS)}
_MEANT = frozenset(".$?*+()")  # say something else where they are not escaped
_CLASSED = re.compile(r"\\.|.", re.DOTALL)
_WITHIN = re.compile(r"(?:[a-z0-9_]|\\[dw]|(?<=[a-z0-9])-(?=[a-z0-9]))+")
_RUN = re.compile(r"[a-z0-9_]+(?![?*+{])|[a-z0-9_]")  # the last of a run may have a quantifier to itself
_REPEATS = 6  # times that we look for something which a pattern allows without end
KEPT = 1_500
"""Of what is worked out while patterns are read, so much is kept at a time: all of it would be most of the memory."""
_SPELT = 60  # words that two parts may be together, written out


@dataclass(frozen=True, eq=False)
class Part:
    """One item of a sequence: letters, a group, a gap between words, the edge of a word, or something unknown."""

    kind: str
    text: str = ""
    choices: tuple[tuple[Part, ...], ...] = ()
    optional: bool = False
    many: bool = False
    """Whether it may stand more than once."""
    gaps: int = 0
    """How many gaps between words it can hold at most."""

    @cached_property
    def is_space(self) -> bool:
        """Whether it stands between words."""
        return self.kind in ("gap", "edge")

    @cached_property
    def spelt(self) -> list[str]:
        """The words that this can be, where it is nothing but letters."""
        if self.kind == "literal":
            return [self.text]
        if not self.many and all(len(choice) == 1 and choice[0].kind == "literal" for choice in self.choices):
            return [choice[0].text for choice in self.choices]
        return []


BETWEEN, EDGE, UNKNOWN, _DIGITS = Part("gap", gaps=1), Part("edge"), Part("unknown"), Part("digits")
_ANYTHING = Part("unknown", gaps=1)
"""What is unknown and may stand between words."""
_MARK = Part("edge", gaps=1)
_ESCAPED = {"b": EDGE, "d": _DIGITS, "s": BETWEEN, "w": UNKNOWN}
START = "^"
"""Stands for a word before the first of a text."""
BEGINNING = Part("edge", START)
_MAYBE = Part("gap", optional=True, gaps=1)


def read(pattern: str) -> list[Sequence[Part]]:
    """The choices of a pattern, each its parts in order. Raises ValueError where it cannot be read."""
    end = len(pattern) - len(CLOSING)
    is_between = pattern.startswith(OPENING) and pattern.endswith(CLOSING)
    # The group that opens such a pattern may not be the one that closes it.
    is_between = is_between and _closing(pattern, len(OPENING) - len("(?:")) == end
    choices = _choices((pattern[len(OPENING) : end] if is_between else pattern).replace(GAP, _SPACE))
    return [(EDGE, *choice, EDGE) if is_between else choice for choice in choices]


def forget() -> None:
    """Give back the memory of what was read."""
    for known in (_group, _literal, _phrase):
        known.cache_clear()


def gaps_of(parts: Sequence[Part]) -> int:
    """How many gaps between words a sequence can hold at most."""
    return sum(part.gaps for part in parts)


def begins(part: Part) -> bool:
    """Whether each choice of a group begins with a gap."""
    return all(choice and choice[0].kind == "gap" and not choice[0].optional for choice in part.choices)


def ends(part: Part) -> bool:
    """Whether each choice of a group ends where a word can only begin."""
    return all(map(_ends_between, part.choices))


def _ends_between(parts: Sequence[Part]) -> bool:
    """Whether a sequence ends with a gap or an edge, whether or not something may stand behind it that does too."""
    if not parts:
        return False
    last = parts[-1]
    if last.kind == "group":
        return ends(last) and (not last.optional or _ends_between(parts[:-1]))
    return last.is_space and (not last.optional or _ends_between(parts[:-1]))


@lru_cache(KEPT)
def _group(inside: str) -> Part:
    """The part that a group's text stands for; around nothing but a gap it is a gap."""
    choices = _choices(inside)
    if len(choices) == 1 and len(choices[0]) == 1 and choices[0][0].kind == "gap":
        return choices[0][0]
    return _grouped(choices)


def _grouped(choices: tuple[tuple[Part, ...], ...]) -> Part:
    return Part("group", choices=choices, gaps=max(map(gaps_of, choices)))


def _choices(text: str) -> tuple[tuple[Part, ...], ...]:
    """The choices that a pattern, or the inside of a group, is made of."""
    if _PLAIN.fullmatch(text):
        return tuple(map(_phrase, text.split("|")))
    choices: list[list[Part]] = [[]]
    at = 0
    while at < len(text):
        if text[at] == "|":
            choices.append([])
            at += 1
            continue
        part, at = _part(text, at)
        if at < len(text) and text[at] in "?*+{":
            part, at = _repeated(text, at, part)
        choices[-1].append(part)
    return tuple(map(_told_apart, choices))


def _told_apart(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Two words that may be written as one are either that one, or those two; so is what may begin a word."""
    told: list[Part] = []
    for part in parts:
        told.append(part)
        last = part.spelt
        at = len(told) - 2
        while at >= 0 and told[at].optional and told[at].is_space:
            at -= 1
        first = told[at].spelt if last and at >= 0 else []
        if not first or len(first) * len(last) > _SPELT:
            continue
        pairs = [(one, other) for one in first for other in last]
        choices = [_phrase(one + other) for one, other in pairs]
        if at < len(told) - 2 and not told[at].optional:
            choices += [_phrase(one + _SPACE + other) for one, other in pairs]
        elif at == len(told) - 2 and told[at].optional:
            choices += [_phrase(other) for other in last]
        else:
            continue
        told[at:] = [_grouped(tuple(choices))]
    return tuple(told)


@lru_cache(KEPT)
def _phrase(text: str) -> tuple[Part, ...]:
    """Words with gaps between them."""
    first, *others = [(_literal(word),) if word else () for word in text.split(_SPACE)]
    return (*first, *chain.from_iterable((BETWEEN, *word) for word in others))


@lru_cache(KEPT)
def _literal(text: str) -> Part:
    return Part("literal", text)


def _part(text: str, at: int) -> tuple[Part, int]:
    sign = text[at]
    run = _RUN.match(text, at)
    if run is not None:
        return _literal(run[0]), run.end()
    if sign == _SPACE:
        return BETWEEN, at + 1
    if sign == "(":
        start = at + 3 if text.startswith("(?:", at) else at + 1
        if text.startswith("?", start):
            raise ValueError("a group of another kind")
        end = _closing(text, at)
        return _group(text[start:end]), end + 1
    if sign == "[":
        end = text.index("]", at + 2)
        return _class(text[at + 1 : end]), end + 1
    if sign == "\\":
        escaped = text[at + 1 : at + 2]
        return _ESCAPED.get(escaped, _MARK if escaped in _MARKS else _ANYTHING), at + 2
    if sign == START:
        return BEGINNING, at + 1
    return _MARK if sign in _MARKS and sign not in _MEANT else _ANYTHING, at + 1


def _class(inside: str) -> Part:
    """What a class of characters stands for: a gap, a part of a word, or it cannot be told."""
    if all(sign in _BETWEEN for sign in _CLASSED.findall(inside)):
        return BETWEEN
    return UNKNOWN if _WITHIN.fullmatch(inside) else _ANYTHING


def _closing(text: str, at: int) -> int:
    """Where the group ends that begins at a place."""
    depth = 0
    for sign in _BRACKET.finditer(text, at):
        depth += (sign[0] == "(") - (sign[0] == ")")
        if not depth:
            return sign.start()
    raise ValueError("a group is not closed")


def _repeated(text: str, at: int, part: Part) -> tuple[Part, int]:
    """Read a quantifier, which makes a part optional, or open at its end."""
    sign = text[at]
    end = text.index("}", at) + 1 if sign == "{" else at + 1
    is_missing = sign in "?*" or text[at : at + 2] == "{0"
    if part.kind == "gap":  # however many signs it has, it is one
        return (_MAYBE if is_missing else part), end
    most = _most(text[at:end])
    gaps, many = part.gaps * most, most > 1
    if part.kind == "literal" or (part.kind == "digits" and is_missing):
        return UNKNOWN, end
    if is_missing and part.kind != "unknown":
        return replace(part, optional=True, many=many, gaps=gaps), end
    # What is unknown allows for nothing as it is; and a group that is there once more may go on where a word would
    # have ended, unless it ends between words each time.
    is_open = part.kind == "unknown" or (part.kind == "group" and not ends(part))
    return (Part("unknown", gaps=gaps) if is_open else replace(part, many=many, gaps=gaps)), end


def _most(quantifier: str) -> int:
    """How often a quantifier lets something stand at most."""
    if quantifier == "?":
        return 1
    most = quantifier.strip("{}").rpartition(",")[2]
    return int(most) if most.isdigit() else _REPEATS
