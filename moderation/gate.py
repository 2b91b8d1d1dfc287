"""Which patterns a text can match at all, told from its words alone, so that few patterns are ever run.

Of each pattern the words are worked out of which one must stand in any text that it matches, up to three times
over: `want to die` needs a form of "want" and "die". Wherever that cannot be told the pattern is always run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from moderation.lexicon import CLOSING, OPENING

_TOKEN = re.compile(r"[a-z0-9_]+")
_KEPT = 20_000  # words remembered: ordinary talk uses far fewer
_RUN = re.compile(r"[a-z0-9_]+(?![?*+{])|[a-z0-9_]")  # the last of a run may have a quantifier to itself
_COMMON_WORDS = """
i im ive id ill my me myself to the a an and it its is are was were be been am do dont did not no so
just of in on at for with that this there they them he she his her him you your we our us have has had
get got go going gonna can cant could would will wont should about all any what when if how but or want
feel think know like really one time now up out back people someone make take need from more way as
because s d ll even their then some much too very being made thing things life day days see say said
help good
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_HEAVY = 300  # as many rare words as one common word is worth

Word = tuple[str, bool]  # a word, and whether it stands as it is or only begins so
Words = frozenset[Word]


@dataclass(slots=True)
class _Part:
    """One item of a sequence: a literal character, something unknown, a gap between words, or a group."""

    kind: str
    text: str = ""
    choices: list[list[_Part]] = field(default_factory=list)
    optional: bool = False


class WordGate:
    """For patterns by number: those that the words of a text leave possible."""

    def __init__(self, patterns: Mapping[int, str]) -> None:
        self._exact: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}
        self._known: dict[str, int] = {}
        needs = {number: needed_words(pattern) for number, pattern in patterns.items()}
        self.open = [number for number, need in needs.items() if need is None]
        self._size = max(patterns, default=-1) + 1
        for number, need in needs.items():
            if need is not None:
                for level, words in enumerate(need):
                    self._enter(words, 1 << number + level * self._size)
        self._longest = max(map(len, self._prefixes), default=0)

    def _enter(self, words: Words, bit: int) -> None:
        for word, exact in words:
            table = self._exact if exact else self._prefixes
            table[word] = table.get(word, 0) | bit

    def possible(self, plain: str) -> Iterator[int]:
        """The numbers of gated patterns that a plain form can match, in order."""
        mask = 0
        known = self._known
        for word in set(_TOKEN.findall(plain)):
            found = known.get(word)
            mask |= self._learn(word) if found is None else found
        left = mask & (mask >> self._size) & (mask >> 2 * self._size)
        while left:
            low = left & -left
            yield low.bit_length() - 1
            left ^= low

    def _learn(self, word: str) -> int:
        mask = self._exact.get(word, 0)
        for end in range(1, min(len(word), self._longest) + 1):
            mask |= self._prefixes.get(word[:end], 0)
        if len(self._known) < _KEPT:
            self._known[word] = mask
        return mask


def needed_words(pattern: str) -> tuple[Words, ...] | None:
    """Three sets, of each of which one word must stand in any text that a pattern matches; None if unknown."""
    if not (pattern.startswith(OPENING) and pattern.endswith(CLOSING)):
        return None
    try:
        choices, end = _choices(pattern, len(OPENING))
    except ValueError:
        return None
    if end != len(pattern) - len(CLOSING):
        return None  # the group that opens the pattern is not the one that closes it
    levels: tuple[set[Word], ...] = (set(), set(), set())
    for choice in choices:
        needs = sorted(_needs(choice), key=_cost)
        if not needs:
            return None
        for level, words in enumerate(levels):
            words.update(needs[min(level, len(needs) - 1)])
    return tuple(map(frozenset, levels))


def _cost(words: Words) -> int:
    return sum(_HEAVY if word in _COMMON or len(word) < 3 else 1 for word, _ in words)


def _needs(parts: list[_Part]) -> list[Words]:
    """For each word of a sequence that can be told, the forms of which one must stand there."""
    needs: list[Words] = []
    slot: list[_Part] = []
    sure = True  # that the slot begins where a word begins
    ended = [*parts, _Part("gap")]
    for at, part in enumerate(ended):
        if part.kind == "gap":
            # Where a gap may be missing, the word before it may go on, and the next begin in its midst.
            needs += _slot([*slot, _Part("unknown")] if part.optional else slot) if sure else []
            slot, sure = [], not part.optional
        elif part.kind == "group" and not part.optional and not slot and _ends(part):
            needs += _slot([part]) if sure else []
        elif part.kind != "group" or not part.optional:
            slot.append(part)
        elif _begins(part):
            # Words that may follow: what stands before them is whole where a gap would follow it either way.
            follower = ended[at + 1]
            whole = (follower.kind == "gap" and not follower.optional) or (
                follower.optional and _begins(follower)
            )
            needs += _slot(slot if whole else [*slot, _Part("unknown")]) if sure else []
            slot, sure = [_Part("unknown")], True
        elif slot or not _ends(part):
            slot.append(_Part("unknown"))
    return needs


def _begins(part: _Part) -> bool:
    """Whether each choice of a group begins with a gap."""
    return all(choice and choice[0].kind == "gap" and not choice[0].optional for choice in part.choices)


def _ends(part: _Part) -> bool:
    """Whether each choice of a group ends with a gap."""
    return all(choice and choice[-1].kind == "gap" and not choice[-1].optional for choice in part.choices)


def _slot(slot: list[_Part]) -> list[Words]:
    """What one word must be: a literal, the beginning of one, or one of a group's choices."""
    if not slot:
        return []
    head = slot[0]
    if head.kind == "group":
        chosen: set[Word] = set()
        for choice in head.choices:
            needs = sorted(_needs(choice), key=_cost)
            if not needs:
                return []
            chosen |= needs[0]
        if len(slot) > 1:
            chosen = {(word, False) for word, _ in chosen}
        return [frozenset(chosen)]
    letters = ""
    for part in slot:
        if part.kind != "literal":
            return [frozenset({(letters, False)})] if letters else []
        letters += part.text
    return [frozenset({(letters, True)})]


def _choices(pattern: str, at: int) -> tuple[list[list[_Part]], int]:
    """The choices of the group whose inside begins at a place, and where its `)` stands."""
    choices: list[list[_Part]] = [[]]
    size = len(pattern)
    while at < size:
        sign = pattern[at]
        if sign == ")":
            return choices, at
        if sign == "|":
            choices.append([])
            at += 1
            continue
        part, at = _part(pattern, at)
        if at < size and pattern[at] in "?*+{":
            at = _repeated(pattern, at, part)
        choices[-1].append(part)
    raise ValueError("a group is not closed")


def _part(pattern: str, at: int) -> tuple[_Part, int]:
    sign = pattern[at]
    if pattern.startswith("(?:", at):
        choices, end = _choices(pattern, at + 3)
        return _simplified(_Part("group", choices=choices)), end + 1
    if pattern.startswith("(?", at):
        raise ValueError("a group of another kind")
    if sign == "(":
        choices, end = _choices(pattern, at + 1)
        return _simplified(_Part("group", choices=choices)), end + 1
    if sign == "[":
        end = pattern.index("]", at + 2)
        spaced = pattern[at : end + 1] == r"[\s,\-]"
        return _Part("gap" if spaced else "unknown"), end + 1
    if sign == "\\":
        return _Part("unknown"), at + 2
    run = _RUN.match(pattern, at)
    return (_Part("literal", run[0]), run.end()) if run else (_Part("unknown"), at + 1)


def _simplified(part: _Part) -> _Part:
    """A group around nothing but a gap is a gap."""
    if len(part.choices) == 1 and len(part.choices[0]) == 1 and part.choices[0][0].kind == "gap":
        return _Part("gap", optional=part.choices[0][0].optional)
    return part


def _repeated(pattern: str, at: int, part: _Part) -> int:
    """Read a quantifier, which makes a part optional, or open at its end."""
    sign = pattern[at]
    end = pattern.index("}", at) + 1 if sign == "{" else at + 1
    if part.kind == "literal":
        part.kind = "unknown"
    elif sign in "?*" or pattern[at : at + 2] == "{0":
        part.optional = part.kind != "unknown"  # which allows for nothing as it is
    elif part.kind == "group":
        part.kind = "unknown"  # once more, it may go on where a word would have ended
    return end
