"""Rules: read from TOML, checked, compiled into one filter, and tried on their own examples at load."""

import re as stdlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Any

import re2

from moderation.checks import CHECKS
from moderation.gate import WordGate
from moderation.lexicon import CLOSING, END, OPENING, Lexicon, RuleError, line_of, parse, provenance
from moderation.verdict import Action, Category, Severity
from moderation.windows import Window, windows

__all__ = ["Hit", "Kind", "Mode", "Rule", "RuleError", "RuleSet", "load_rules"]


class Kind(StrEnum):
    """What a rule speaks of: the author's risk, the room's content, or a part that others build on."""

    SIGNAL = "signal"
    ROOM = "room"
    CUE = "cue"


class Mode(StrEnum):
    """Whether a rule acts, only looks on, or is not read."""

    LIVE = "live"
    SHADOW = "shadow"
    OFF = "off"


# How a context changes a signal; each rule names those that it heeds.
CONTEXTS = frozenset(
    ("negation", "denial", "past", "recovery", "quotation", "third_person", "question", "hyperbole",
     "conditional", "education", "told", "reported", "helpline", "advised", "wish_of_dead",
     "addressed")
)  # fmt: skip
_FIELDS = frozenset(
    ("id", "kind", "mode", "text", "tier", "source", "date", "patterns", "unless", "facets", "severity",
     "category", "action", "heeds", "holds", "needs", "after", "heard", "across", "raw", "gate", "check",
     "match", "spare")
)  # fmt: skip
_LISTS = ("patterns", "unless", "facets", "heeds", "needs", "after", "heard", "match", "spare")
_HOST = stdlib.compile(r"[a-z0-9\-]+(?:\.[a-z0-9\-]+)+\Z")
_ID = stdlib.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+\Z")
_MOST = 12  # hits read per pattern: a text that repeats one phrase says it once


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a rule file."""

    id: str
    kind: Kind
    mode: Mode
    text: str
    tier: int
    source: str
    date: date
    patterns: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    """Patterns that, where they overlap or touch a hit, undo it."""
    facets: frozenset[str] = frozenset()
    severity: Severity = Severity.NONE
    category: Category | None = None
    action: Action = Action.DELIVER
    heeds: frozenset[str] = frozenset()
    holds: str = ""
    """For a signal: the id of the room rule whose sentence is told when this keeps the text from the room."""
    needs: frozenset[str] = frozenset()
    """For a compound: it hits when all these facets are there."""
    after: frozenset[str] = frozenset()
    """For a compound: facets that the author's recent messages must have had."""
    heard: frozenset[str] = frozenset()
    """For a compound: facets that the last messages of others must have had."""
    across: bool = False
    """Whether the facets of the author's recent messages count for `needs`; one must still be in this one."""
    gate: str = ""
    """What must stand in the text before the patterns are tried, for those that no word gives away."""
    check: str = ""
    place: tuple[str, int] = ("", 0)
    """The file and line it was read from."""
    match: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule's pattern found in a plain text."""

    rule: int
    start: int
    end: int


_END = END.encode()
_LEAD = frozenset(b" \n,(:")


class RuleSet:
    """All rules: a gate of words, a filter for what no word gives away, and each pattern for where it hit."""

    def __init__(
        self,
        rules: tuple[Rule, ...],
        lexicon: Lexicon,
        profiles: Mapping[str, Mapping[str, Mode]],
        allowed: Mapping[str, tuple[str, ...]] | None = None,
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
        self.compounds = tuple(index for index, rule in enumerate(rules) if rule.needs)
        self._owner: list[int] = []
        self._patterns: list[str] = []
        self._compiled: dict[int, Any] = {}
        self._unless: dict[int, tuple[Any, ...]] = {}
        self._behind: list[_Sieve] = []
        for rule in rules:
            for pattern in rule.patterns:
                self._compiled[len(self._compiled)] = _tried(rule, pattern)
            for pattern in (*rule.unless, *filter(None, (rule.gate,))):
                _tried(rule, pattern)
        self._sieve, self._words = self._build()

    def _build(self) -> "tuple[_Sieve, WordGate]":
        """The gates, each with a sieve behind it, the patterns that words give away, and a sieve for the rest."""
        shut: dict[int, str] = {}
        gated: dict[str, list[tuple[int, str]]] = {}
        for index, rule in enumerate(self.rules):
            for pattern in rule.patterns:
                number = len(self._owner)
                if rule.gate:
                    gated.setdefault(rule.gate, []).append((number, pattern))
                else:
                    shut[number] = pattern
                self._owner.append(index)
                self._patterns.append(pattern)
        self._behind = [_Sieve(patterns) for patterns in gated.values()]
        words = WordGate(shut)
        rest = [(number, shut[number]) for number in words.open]
        return _Sieve([*rest, *enumerate(gated, len(self._owner))]), words

    def hits(self, plain: str, read: str = "") -> list[Hit]:
        """Where rules match a plain text. Raises RuntimeError when the filter itself gave up.

        Long parts of it that are word for word in `read`, a text that was read already, are left out.
        """
        encoded = plain.encode()
        hits: list[Hit] = []
        for number in self._sieve.passed(encoded):
            gate = number - len(self._owner)
            for pattern in (number,) if gate < 0 else self._behind[gate].passed(encoded):
                hits += self._find(pattern, encoded)
        if hits and len(encoded) != len(plain):
            hits = _in_characters(hits, encoded)
        for window in windows(plain):
            if not read or plain[window[0] : window[1]] not in read:
                hits += self._within(plain, window)
        hits.sort(key=_place)
        return hits

    def renew(self) -> None:
        """Compile each pattern anew, without what it has learned of texts that will not come again.

        A long text would otherwise be the first for hundreds of them, and wait for all.
        """
        self.forget()
        for pattern in range(len(self._patterns)):
            self._learn(pattern)

    def forget(self) -> None:
        """Give back the memory of what was compiled."""
        self._compiled.clear()
        self._unless.clear()

    def _within(self, plain: str, window: Window) -> list[Hit]:
        """The hits of patterns that words give away, which begin where a window answers for them."""
        start, end, first, last = window
        part = plain[start:end]
        encoded = part.encode()
        found: list[Hit] = []
        for pattern in self._words.possible(part):
            compiled = self._compiled.get(pattern) or self._learn(pattern)
            if compiled.search(encoded) is not None:
                found += self._find(pattern, encoded)
        if found and len(encoded) != len(part):
            found = _in_characters(found, encoded)
        if not start:
            return [hit for hit in found if hit.start < last]
        return [
            Hit(hit.rule, hit.start + start, hit.end + start)
            for hit in found
            if first <= hit.start + start < last
        ]

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
        compiled = self._compiled.get(pattern) or self._learn(pattern)
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

    def _learn(self, pattern: int) -> Any:
        """Compile a pattern."""
        compiled = self._compiled[pattern] = _made(self._patterns[pattern])
        return compiled

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


def _made(pattern: str) -> Any:
    return re2.compile(pattern.encode(), _options(capture=True))


def _place(hit: Hit) -> tuple[int, int]:
    return hit.start, hit.rule


def _in_characters(hits: list[Hit], encoded: bytes) -> list[Hit]:
    """The same hits, their places counted in characters."""
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


def load_rules(folder: Path, lexicon: Lexicon) -> RuleSet:
    """Every `*.toml` of a folder; RuleError with file, line and reason for the first entry that is wrong."""
    rules: list[Rule] = []
    places: dict[str, tuple[str, int]] = {}
    profiles: dict[str, dict[str, Mode]] = {"default": {}}
    allowed: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.toml")):
        table, text = parse(path)
        if set(table) - {"rule", "profile", "allow"}:
            raise RuleError(path.name, 1, "only [[rule]], [profile.NAME] and [allow] tables are known")
        for entry in table.get("rule", []):
            rule, line = _rule(path.name, text, entry, lexicon)
            if rule.id in places:
                raise RuleError(path.name, line, f"{rule.id}: a second rule of that id")
            places[rule.id] = (path.name, line)
            rules.append(rule)
        for name, modes in table.get("profile", {}).items():
            profiles.setdefault(name, {}).update(_profile(path.name, text, name, modes))
        allowed |= _allowed(path.name, text, table.get("allow", {}), profiles)
    _references(rules, places)
    return RuleSet(tuple(rules), lexicon, profiles, allowed)


def _allowed(file: str, text: str, table: Any, profiles: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """`[allow]`: for a profile of this file or one before it, the hosts that may be named."""
    if not isinstance(table, dict):
        raise RuleError(file, 1, "allow: a table of profile = hosts")
    for name, hosts in table.items():
        line = next((n for n, row in enumerate(text.split("\n"), 1) if row.startswith(f"{name} ")), 1)
        if name not in profiles:
            raise RuleError(file, line, f"allow: no profile named {name}")
        if not isinstance(hosts, list) or not all(isinstance(one, str) and _HOST.match(one) for one in hosts):
            raise RuleError(file, line, f"allow: {name} must be a list of hosts, such as example.org")
    return {name: tuple(hosts) for name, hosts in table.items()}


def _references(rules: list[Rule], places: Mapping[str, tuple[str, int]]) -> None:
    known = frozenset().union(*(rule.facets for rule in rules)) if rules else frozenset()
    for rule in rules:
        if rule.holds and rule.holds not in places:
            raise RuleError(*places[rule.id], f"{rule.id}: holds names no rule: {rule.holds}")
        lost = (rule.needs | rule.after | rule.heard) - known - {"risk"}
        if lost:
            raise RuleError(*places[rule.id], f"{rule.id}: no rule gives the facet {min(lost)}")


def _profile(file: str, text: str, name: str, modes: Any) -> dict[str, Mode]:
    line = next((n for n, row in enumerate(text.split("\n"), 1) if row.strip() == f"[profile.{name}]"), 1)
    if not isinstance(modes, dict):
        raise RuleError(file, line, f"profile {name}: a table of rule = mode")
    try:
        return {str(prefix): Mode(mode) for prefix, mode in modes.items()}
    except ValueError as error:
        raise RuleError(file, line, f"profile {name}: {error}; use live, shadow or off") from error


def _rule(file: str, text: str, entry: Any, lexicon: Lexicon) -> tuple[Rule, int]:
    rule_id = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(rule_id, str) or not _ID.match(rule_id):
        raise RuleError(file, 1, f"id: two or more lower-case words with dots, not {rule_id!r}")
    line = line_of(text, "id", rule_id)
    unknown = set(entry) - _FIELDS
    if unknown:
        raise RuleError(file, line, f"{rule_id}: unknown field {min(unknown)}")
    try:
        kind = Kind(entry.get("kind", ""))
        mode = Mode(entry.get("mode", "live"))
        severity = Severity.of(entry.get("severity", "none"))
        category = Category(entry["category"]) if "category" in entry else None
        action = Action(entry.get("action", "deliver"))
    except (ValueError, AttributeError) as error:
        raise RuleError(file, line, f"{rule_id}: {error}") from error
    tier, source, day = provenance(file, line, rule_id, entry)
    texts = {key: _strings(file, line, rule_id, entry, key) for key in _LISTS}
    sentence = entry.get("text", "")
    if not isinstance(sentence, str) or (kind is not Kind.CUE and not sentence.strip()):
        raise RuleError(file, line, f"{rule_id}: text must be a kind sentence to the author")
    stray = set(texts["heeds"]) - CONTEXTS
    if stray:
        raise RuleError(file, line, f"{rule_id}: heeds names no context: {min(stray)}")
    if kind is Kind.SIGNAL and category is None:
        raise RuleError(file, line, f"{rule_id}: a signal needs a category")
    if kind is Kind.ROOM and action is Action.DELIVER:
        raise RuleError(file, line, f"{rule_id}: a room rule needs an action: mask, hold or block")
    if texts["patterns"] and not texts["match"]:
        raise RuleError(file, line, f"{rule_id}: needs examples that must match")
    if entry.get("check", "") not in {"", *CHECKS}:
        raise RuleError(file, line, f"{rule_id}: no such check: {entry['check']}")
    gate = _gate(file, line, rule_id, entry.get("gate", ""), lexicon)
    raw = bool(entry.get("raw", False))
    expanded = {
        key: tuple(_expanded(file, line, rule_id, one, lexicon, raw=raw) for one in texts[key])
        for key in ("patterns", "unless")
    }
    return (
        Rule(
            id=rule_id,
            kind=kind,
            mode=mode,
            text=sentence.strip(),
            tier=tier,
            source=source,
            date=day,
            patterns=expanded["patterns"],
            unless=expanded["unless"],
            facets=frozenset(texts["facets"]),
            severity=severity,
            category=category,
            action=action,
            heeds=frozenset(texts["heeds"]),
            holds=str(entry.get("holds", "")),
            needs=frozenset(texts["needs"]),
            after=frozenset(texts["after"]),
            heard=frozenset(texts["heard"]),
            across=bool(entry.get("across", False)),
            gate=gate,
            check=str(entry.get("check", "")),
            place=(file, line),
            match=texts["match"],
            spare=texts["spare"],
        ),
        line,
    )


def _strings(file: str, line: int, rule_id: str, entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise RuleError(file, line, f"{rule_id}: {key} must be a list of strings")
    return tuple(value)


def _gate(file: str, line: int, rule_id: str, gate: Any, lexicon: Lexicon) -> str:
    if not gate:
        return ""
    try:
        return _expanded(file, line, rule_id, str(gate), lexicon, raw=True)
    except RuleError as error:
        raise RuleError(file, line, error.why.replace(f"{rule_id}: ", f"{rule_id}: gate: ")) from error


def _expanded(file: str, line: int, rule_id: str, pattern: str, lexicon: Lexicon, *, raw: bool) -> str:
    try:
        expanded = lexicon.expand(pattern)
    except KeyError as error:
        raise RuleError(file, line, f"{rule_id}: no list named {error.args[0]}") from error
    return expanded if raw else f"{OPENING}{expanded}{CLOSING}"


def _tried(rule: Rule, pattern: str) -> Any:
    """A pattern compiled; RuleError where it is none, or one that says nothing."""
    part = "gate: " if pattern == rule.gate else ""
    try:
        compiled = _made(pattern)
    except re2.error as error:
        raise RuleError(*rule.place, f"{rule.id}: {part}{error}") from error
    if compiled.search(b"") is not None:
        raise RuleError(
            *rule.place, f"{rule.id}: {part}a pattern that matches nothing at all matches everywhere"
        )
    return compiled
