"""Rule files: read from TOML and checked, each fault told with its file, line and reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moderation.checks import AROUND, CHECKS
from moderation.lexicon import CLOSING, OPENING, Lexicon, RuleError, line_of, parse, provenance
from moderation.rule import CONTEXTS, Kind, Mode, Rule
from moderation.rules import RuleSet, facets_of
from moderation.verdict import Action, Category, Severity

_FIELDS = frozenset(
    ("id", "kind", "mode", "text", "tier", "source", "date", "patterns", "unless", "facets", "severity",
     "category", "action", "heeds", "holds", "needs", "after", "heard", "across", "within", "late", "raw", "gate",
     "check", "match", "spare", "bar")
)  # fmt: skip
_LISTS = ("patterns", "unless", "facets", "heeds", "needs", "after", "heard", "match", "spare")
_HOST = re.compile(r"[a-z0-9\-]+(?:\.[a-z0-9\-]+)+\Z")
_ID = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+\Z")


def load_rules(folder: Path, lexicon: Lexicon, *, proved: bool = False) -> RuleSet:
    """Every `*.toml` of a folder; RuleError with file, line and reason for the first entry that is wrong.

    The patterns of what is `proved` are compiled when a text first asks for them: most never are.
    """
    rules: list[Rule] = []
    known: set[str] = set()
    profiles: dict[str, dict[str, Mode]] = {"default": {}}
    allowed: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.toml")):
        table, text = parse(path)
        if set(table) - {"rule", "profile", "allow"}:
            raise RuleError(path.name, 1, "only [[rule]], [profile.NAME] and [allow] tables are known")
        for one in table.get("rule", []):
            rule = _rule(_entry(path.name, text, one, lexicon))
            if rule.id in known:
                raise RuleError(*rule.place, f"{rule.id}: a second rule of that id")
            known.add(rule.id)
            rules.append(rule)
        for name, modes in table.get("profile", {}).items():
            profiles.setdefault(name, {}).update(_profile(path.name, text, name, modes))
        allowed |= _allowed(path.name, text, table.get("allow", {}), profiles)
    _references(rules)
    return RuleSet(tuple(rules), lexicon, profiles, allowed, proved=proved)


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


def _references(rules: list[Rule]) -> None:
    ids = {rule.id for rule in rules}
    facets = facets_of(rules) | {"risk"}
    late = facets_of(rule for rule in rules if rule.late)
    for rule in rules:
        if rule.late and (rule.kind is not Kind.CUE or rule.gate):
            raise RuleError(*rule.place, f"{rule.id}: only a cue without a gate can be late")
        if rule.needs and rule.needs <= late:
            raise RuleError(*rule.place, f"{rule.id}: needs a facet that some rule gives at once")
        if rule.holds and rule.holds not in ids:
            raise RuleError(*rule.place, f"{rule.id}: holds names no rule: {rule.holds}")
        lost = (rule.needs | rule.after | rule.heard) - facets
        if lost:
            raise RuleError(*rule.place, f"{rule.id}: no rule gives the facet {min(lost)}")


def _profile(file: str, text: str, name: str, modes: Any) -> dict[str, Mode]:
    line = next((n for n, row in enumerate(text.split("\n"), 1) if row.strip() == f"[profile.{name}]"), 1)
    if not isinstance(modes, dict):
        raise RuleError(file, line, f"profile {name}: a table of rule = mode")
    try:
        return {str(prefix): Mode(mode) for prefix, mode in modes.items()}
    except ValueError as error:
        raise RuleError(file, line, f"profile {name}: {error}; use live, shadow or off") from error


@dataclass(frozen=True, slots=True)
class _Entry:
    """One rule's table, with where it stands for what is wrong in it."""

    file: str
    line: int
    id: str
    table: Mapping[str, Any]
    lexicon: Lexicon

    def wrong(self, why: str) -> RuleError:
        return RuleError(self.file, self.line, f"{self.id}: {why}")

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self.wrong(f"{key} must be a list of strings")
        return tuple(value)

    def patterns(self, key: str) -> tuple[str, ...]:
        """Patterns with their lists put in, which stand between words unless the rule is raw."""
        found = tuple(self.expanded(one) for one in self.strings(key))
        return found if self.table.get("raw") else tuple(f"{OPENING}{one}{CLOSING}" for one in found)

    def expanded(self, pattern: str, part: str = "") -> str:
        try:
            return self.lexicon.expand(pattern)
        except KeyError as error:
            raise self.wrong(f"{part}no list named {error.args[0]}") from error


def _entry(file: str, text: str, table: Any, lexicon: Lexicon) -> _Entry:
    rule_id = table.get("id") if isinstance(table, dict) else None
    if not isinstance(rule_id, str) or not _ID.match(rule_id):
        raise RuleError(file, 1, f"id: two or more lower-case words with dots, not {rule_id!r}")
    entry = _Entry(file, line_of(text, "id", rule_id), rule_id, table, lexicon)
    unknown = set(table) - _FIELDS
    if unknown:
        raise entry.wrong(f"unknown field {min(unknown)}")
    return entry


def _rule(entry: _Entry) -> Rule:
    table = entry.table
    try:
        kind = Kind(table.get("kind", ""))
        mode = Mode(table.get("mode", "live"))
        severity = Severity.of(table.get("severity", "none"))
        category = Category(table["category"]) if "category" in table else None
        action = Action(table.get("action", "deliver"))
    except (ValueError, AttributeError) as error:
        raise entry.wrong(str(error)) from error
    tier, source, day = provenance(entry.file, entry.line, entry.id, table)
    sentence = table.get("text", "")
    if not isinstance(sentence, str) or (kind is not Kind.CUE and not sentence.strip()):
        raise entry.wrong("text must be a kind sentence to the author")
    lists = {key: entry.strings(key) for key in _LISTS}
    rule = Rule(
        id=entry.id,
        kind=kind,
        mode=mode,
        text=sentence.strip(),
        tier=tier,
        source=source,
        date=day,
        patterns=entry.patterns("patterns"),
        unless=entry.patterns("unless"),
        facets=frozenset(lists["facets"]),
        severity=severity,
        category=category,
        action=action,
        heeds=frozenset(lists["heeds"]),
        holds=str(table.get("holds", "")),
        needs=frozenset(lists["needs"]),
        after=frozenset(lists["after"]),
        heard=frozenset(lists["heard"]),
        across=bool(table.get("across", False)),
        within=int(table.get("within", 0)),
        late=bool(table.get("late", False)),
        gate=entry.expanded(str(table.get("gate", "")), "gate: "),
        bar=entry.expanded(str(table.get("bar", "")), "bar: "),
        check=str(table.get("check", "")),
        place=(entry.file, entry.line),
        match=lists["match"],
        spare=lists["spare"],
    )
    _whole(entry, rule)
    return rule


def _whole(entry: _Entry, rule: Rule) -> None:
    """Refuse a rule of which a part is missing, or means nothing."""
    stray = rule.heeds - CONTEXTS
    if stray:
        raise entry.wrong(f"heeds names no context: {min(stray)}")
    if rule.kind is Kind.SIGNAL and rule.category is None:
        raise entry.wrong("a signal needs a category")
    if rule.kind is Kind.ROOM and rule.action is Action.DELIVER:
        raise entry.wrong("a room rule needs an action: mask, hold or block")
    if rule.patterns and not rule.match:
        raise entry.wrong("needs examples that must match")
    if rule.check not in {"", *CHECKS, *AROUND}:
        raise entry.wrong(f"no such check: {rule.check}")
