"""All rules at work: compiled, behind gates, so that a text meets few of them; and where they hit."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

import re2

from moderation.checks import CHECKS
from moderation.gate import ANYWHERE, Span, WordGate
from moderation.lexicon import CLOSING, END, Lexicon, RuleError
from moderation.needs import forget
from moderation.rule import Mode, Rule
from moderation.verdict import Action
from moderation.ways import Known, load_ways

_MANY, _NEAR = (
    60,
    100,
)  # hits of a text beyond which those are looked for that say the same, and characters about one
_SHORT = 500  # bytes: in a text up to this length what may undo a hit is looked for everywhere
_BEFORE, _AFTER = 80, 120  # and in a longer one in so many bytes about it
_MOST_LEARNED = 8_000_000  # bytes of text after which patterns, which remember without bound, begin anew
_MOST = 12  # hits read per pattern: a text that repeats one phrase says it once


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule's pattern found in a plain text."""

    rule: int
    start: int
    end: int


_END = END.encode()
_CLASS = re.compile(r"\\.|\[.[^\]]*\]", re.DOTALL)
_LEAD = frozenset(b" \n,(:;.!?")


class RuleSet:
    """All rules: a gate of words, a filter for what no word gives away, and each pattern for where it hit."""

    def __init__(
        self,
        rules: tuple[Rule, ...],
        lexicon: Lexicon,
        profiles: Mapping[str, Mapping[str, Mode]],
        allowed: Mapping[str, tuple[str, ...]] | None = None,
        *,
        proved: bool = False,
    ) -> None:
        self.rules = rules
        self.lexicon = lexicon
        self.profiles: dict[str, tuple[Mode, ...]] = {
            name: tuple(_mode_of(rule, modes) for rule in rules) for name, modes in profiles.items()
        }
        self.allowed = dict(allowed or {})
        """By profile, the hosts that may be named besides those that may be named everywhere."""
        self.all_live = (Mode.LIVE,) * len(rules)
        self.by_id = {rule.id: index for index, rule in enumerate(rules)}
        self.compounds = tuple((index, rule.needs) for index, rule in enumerate(rules) if rule.needs)
        self._late_for = _late_for(rules)
        self._owner: list[int] = []
        self._patterns: list[str] = []
        self._compiled: dict[int, Any] = {}
        self._unless: dict[int, tuple[Any, ...]] = {}
        self._bars: dict[int, Any] = {}
        self._behind: list[_Sieve] = []
        self._learned = 0
        for rule in () if proved else rules:
            for pattern in (*rule.patterns, *rule.unless, *filter(None, (rule.gate, rule.bar))):
                _try(rule, pattern)
        self._sieve, self._words, self._late = self._build(load_ways() if proved else {})

    @property
    def patterns(self) -> Sequence[str]:
        """All patterns, and the gates before some of them."""
        return self._patterns

    def _build(self, known: Known) -> "tuple[_Sieve, WordGate, WordGate]":
        """The gates, each with a sieve behind it, the patterns that words give away, and a sieve for the rest."""
        early: dict[int, str] = {}
        late: dict[int, str] = {}
        gated: dict[str, list[tuple[int, str]]] = {}
        for index, rule in enumerate(self.rules):
            for pattern in rule.patterns:
                number = len(self._owner)
                if rule.late:
                    late[number] = pattern
                elif rule.gate:
                    gated.setdefault(rule.gate, []).append((number, pattern))
                else:
                    early[number] = pattern
                self._owner.append(index)
                self._patterns.append(pattern)
        self._behind = [_Sieve(patterns) for patterns in gated.values()]
        gates = dict(enumerate(gated, len(self._owner)))
        self._patterns += gates.values()
        self._whole = gates.keys() | {number for number, pattern in early.items() if _is_anchored(pattern)}
        words = WordGate(early | gates, known)
        rest = [(number, self._patterns[number]) for number in words.open]
        gates_of_late = WordGate(late, known)
        forget()
        return _Sieve(rest), words, gates_of_late

    def hits(self, plain: str, read: str = "") -> list[Hit]:
        """Where rules match a plain text. Raises RuntimeError when the filter itself gave up.

        Parts of it that stand word for word in `read`, a text that was read already, are left out.
        """
        encoded = plain.encode()
        self._learned += len(encoded)
        if self._learned > _MOST_LEARNED:
            self.forget()
        known = read.encode()
        places = self._words.places(encoded)
        found: list[Hit] = []
        compiled = self._compiled
        whole: list[int] = []
        for pattern, spans in places.items():
            if known:
                spans = tuple(span for span in spans if encoded[slice(*span)] not in known)  # noqa: PLW2901 -- fewer
            if not spans:
                continue
            if pattern in self._whole:
                whole.append(pattern)
                continue
            search = (compiled.get(pattern) or self._learn(pattern)).search
            if (
                search(encoded) is not None
                if spans is ANYWHERE
                else any(search(encoded, start, end) for start, end in spans)
            ):
                found += self._within(pattern, encoded, spans)
        whole = [number for number in whole if self._compiled_of(number).search(encoded) is not None]
        for number in chain(self._sieve.passed(encoded), whole):
            gate = number - len(self._owner)
            passed = self._behind[gate].passed(encoded) if gate >= 0 else (number,)
            for pattern in passed:
                found += self._find(pattern, encoded)
        hits = _in_characters(found, encoded)
        hits.sort(key=_place)
        return hits if len(hits) <= _MANY else self._distinct(hits, plain)

    def _distinct(self, hits: list[Hit], plain: str) -> list[Hit]:
        """Without those that stand among the very words that one before them stands among: they say nothing new."""
        seen: set[tuple[int, str]] = set()
        kept: list[Hit] = []
        for hit in hits:
            here = (hit.rule, plain[max(0, hit.start - _NEAR) : hit.end + _NEAR])
            if here not in seen or self.rules[hit.rule].action is Action.MASK:
                seen.add(here)
                kept.append(hit)
        return kept

    def late_hits(self, plain: str, facets: Set[str]) -> list[Hit]:
        """Where late cues match a plain text, of those that may complete a compound beside these facets."""
        wanted: set[int] = set()
        for here, cues in self._late_for:
            if here <= facets:
                wanted |= cues
        if not wanted:
            return []
        encoded = plain.encode()
        likely = chain(self._late.places(encoded).items(), ((one, ANYWHERE) for one in self._late.open))
        parts = (self._within(one, encoded, spans) for one, spans in likely if self._owner[one] in wanted)
        return sorted(_in_characters([*chain.from_iterable(parts)], encoded), key=_place)

    def forget(self) -> None:
        """Give back the memory of what was compiled."""
        self._learned = 0
        self._compiled.clear()
        self._unless.clear()
        self._bars.clear()

    def _within(self, pattern: int, encoded: bytes, spans: Sequence[Span]) -> Iterable[Hit]:
        """The hits of a pattern in parts of a text; in a long one what undoes them is looked for about them alone."""
        if spans is ANYWHERE or len(encoded) <= _SHORT:
            return self._find(pattern, encoded)
        search = self._compiled_of(pattern).search
        near = (span for span in spans if search(encoded, *span) is not None)
        return dict.fromkeys(chain.from_iterable(self._about(pattern, encoded, *span) for span in near))

    def _about(self, pattern: int, encoded: bytes, start: int, end: int) -> Iterator[Hit]:
        """The hits of a pattern that begin in a part of a text."""
        first = encoded.find(b" ", max(0, start - _BEFORE), start) + 1 or start
        about = encoded[first : end + _AFTER].decode(errors="ignore").encode()
        return (
            Hit(hit.rule, hit.start + first, hit.end + first)
            for hit in self._find(pattern, about)
            if start <= hit.start + first <= end
        )

    def hits_of(self, rule: int, plain: str) -> list[Hit]:
        """Where one rule matches a plain text, as `hits` would have it."""
        encoded = plain.encode()
        gate = self.rules[rule].gate
        if gate and re2.search(gate.encode(), encoded) is None:
            return []
        first = bisect_left(self._owner, rule)
        own = range(first, first + len(self.rules[rule].patterns))
        return _in_characters([hit for pattern in own for hit in self._find(pattern, encoded)], encoded)

    def _find(self, pattern: int, encoded: bytes) -> Iterator[Hit]:
        """The hits of one pattern, in bytes."""
        owner = self._owner[pattern]
        compiled = self._compiled_of(pattern)
        detail = min(compiled.groups, 1)  # a group in a pattern marks what of the hit is meant
        check = CHECKS.get(self.rules[owner].check)
        most = len(encoded) if self.rules[owner].action is Action.MASK else _MOST
        vetoes: list[tuple[int, int]] | None = None
        for count, match in enumerate(compiled.finditer(encoded)):
            if count >= most:
                return
            start, end = match.span()
            if start == end:
                continue
            if vetoes is None:
                if self._barred(owner, encoded):
                    return
                vetoes = self._vetoes(owner, encoded)
            while vetoes and vetoes[-1][1] + 1 < start:
                vetoes.pop()
            if vetoes and vetoes[-1][0] <= end + 1:
                continue
            if check is not None and not check(encoded[start:end].decode(errors="replace"), self.lexicon):
                continue
            if detail and match.span(detail) != (-1, -1):
                start, end = match.span(detail)
            while encoded[start] in _LEAD:
                start += 1
            yield Hit(owner, start, end)

    def _compiled_of(self, pattern: int) -> Any:
        """A pattern or gate, compiled."""
        return self._compiled.get(pattern) or self._learn(pattern)

    def _learn(self, pattern: int) -> Any:
        """Compile a pattern."""
        compiled = self._compiled[pattern] = _made(self._patterns[pattern])
        return compiled

    def _barred(self, owner: int, encoded: bytes) -> bool:
        """Whether words stand in the text by which the rule has nothing to say of it."""
        if not self.rules[owner].bar:
            return False
        compiled = self._bars.get(owner)
        if compiled is None:
            compiled = self._bars[owner] = _made(self.rules[owner].bar)
        return compiled.search(encoded) is not None

    def _vetoes(self, owner: int, encoded: bytes) -> list[tuple[int, int]]:
        """Where the rule is undone, apart from each other, the first last."""
        unless = self._unless.get(owner)
        if unless is None:
            unless = tuple(_made(one) for one in self.rules[owner].unless)
            self._unless[owner] = unless
        spans = sorted(veto.span() for one in unless for veto in one.finditer(encoded))
        apart: list[tuple[int, int]] = []
        for first, last in spans:
            if apart and first <= apart[-1][1]:
                apart[-1] = (apart[-1][0], max(last, apart[-1][1]))
            else:
                apart.append((first, last))
        return apart[::-1]


def facets_of(rules: Iterable[Rule]) -> frozenset[str]:
    """All facets that some of these rules give."""
    return frozenset(facet for rule in rules for facet in rule.facets)


def _late_for(rules: Sequence[Rule]) -> tuple[tuple[frozenset[str], frozenset[int]], ...]:
    """For each compound that needs late cues: what else it needs, and the cues that then are tried."""
    late = facets_of(rule for rule in rules if rule.late)
    wanted: dict[frozenset[str], set[int]] = {}
    for compound in (rule for rule in rules if rule.needs):
        cues = {index for index, rule in enumerate(rules) if rule.late and rule.facets & compound.needs}
        if cues:
            wanted.setdefault(compound.needs - late, set()).update(cues)
    return tuple((here, frozenset(cues)) for here, cues in wanted.items())


class _Sieve:
    """Patterns behind one filter, each with its number."""

    def __init__(self, patterns: Sequence[tuple[int, str]]) -> None:
        self._numbers = [number for number, _ in patterns]
        self._filter = re2.Filter()
        options = _options()
        for _, pattern in patterns:
            self._filter.Add(pattern.encode(), options)
        self._filter.Add(_END, options)
        self._filter.Compile()

    def passed(self, encoded: bytes) -> list[int]:
        """The numbers of those that may hit a text. Raises RuntimeError when the filter gave up."""
        found = self._filter.Match(encoded + _END)
        if not found or found[-1] != len(self._numbers):
            raise RuntimeError("the rule filter gave no answer")
        return [self._numbers[one] for one in found[:-1]]


def _is_anchored(pattern: str) -> bool:
    """Whether a pattern speaks of where the whole text begins or ends, so that no part of it will do."""
    return not {"^", "$"}.isdisjoint(_CLASS.sub("", pattern.removesuffix(CLOSING)))


def _made(pattern: str) -> Any:
    return re2.compile(pattern.encode(), _options(capture=True))


def _place(hit: Hit) -> tuple[int, int]:
    return hit.start, hit.rule


def _in_characters(hits: list[Hit], encoded: bytes) -> list[Hit]:
    """The same hits, their places counted in characters."""
    if not hits or encoded.isascii():
        return hits
    count = list(accumulate((byte & 0xC0 != 0x80 for byte in encoded), initial=0))
    return [Hit(hit.rule, count[hit.start], count[hit.end]) for hit in hits]


def _options(*, capture: bool = False) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = not capture
    return options


def _mode_of(rule: Rule, modes: Mapping[str, Mode]) -> Mode:
    """The longest prefix of the rule's id that the profile names decides, else the rule itself."""
    best = ""
    for prefix in modes:
        if (rule.id == prefix or rule.id.startswith(prefix + ".")) and len(prefix) > len(best):
            best = prefix
    return modes[best] if best else rule.mode


def _try(rule: Rule, pattern: str) -> None:
    """RuleError where a pattern is none, or one that says nothing."""
    part = {rule.bar: "bar: ", rule.gate: "gate: "}.get(pattern, "")
    try:
        compiled = _made(pattern)
    except re2.error as error:
        raise RuleError(*rule.place, f"{rule.id}: {part}{error}") from error
    if compiled.search(b"") is not None:
        raise RuleError(
            *rule.place, f"{rule.id}: {part}a pattern that matches nothing at all matches everywhere"
        )
