"""Hits read in their context: what is left of each, and what several of them say together."""

from collections.abc import Collection
from dataclasses import dataclass

from moderation.checks import AROUND
from moderation.rule import Kind, Mode, Rule
from moderation.rules import Hit, RuleSet
from moderation.scope import READINGS, Scene, Words, weigh
from moderation.text import Folded
from moderation.verdict import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that holds for the text, after its context was read."""

    rule: Rule
    mode: Mode
    span: tuple[int, int]
    severity: Severity
    readings: tuple[str, ...] = ()
    """Contexts that lowered it, for those who want to know why."""


@dataclass(slots=True)
class Findings:
    """All that holds for one text."""

    found: list[Finding]
    facets: set[str]
    severity: Severity = Severity.NONE
    notes: tuple[str, ...] = ()
    read_away: bool = False
    """Whether context has read away what was found; where a rule is wide, a negation near it is not enough."""

    def add(self, finding: Finding) -> None:
        """Take one finding in; only live ones count."""
        self.found.append(finding)
        if finding.mode is Mode.LIVE:
            self.facets |= finding.rule.facets
            self.severity = max(self.severity, finding.severity)


def read_hits(
    rules: RuleSet, words: Words, modes: tuple[Mode, ...], folded: Folded, hits: list[Hit], findings: Findings
) -> None:
    """Read each hit in its sentence and add what is left of it; a hit without effect adds a note."""
    notes: list[str] = []
    for hit in hits:
        mode = modes[hit.rule]
        if mode is Mode.OFF:
            continue
        rule = rules.rules[hit.rule]
        around = AROUND.get(rule.check)
        if around is not None and not around(
            folded.original, *folded.span(hit.start, hit.end), rules.lexicon
        ):
            continue
        readings: list[str] = []
        if rule.heeds:
            scene = Scene(words, folded.plain, hit.start, hit.end)
            readings = [name for name in rule.heeds if READINGS[name](scene)]
        severity = weigh(rule.severity, readings)
        if readings:
            if rule.kind is not Kind.CUE:
                notes.append(f"{rule.id}: {', '.join(sorted(readings))}")
            if severity is Severity.NONE:
                if rule.kind is not Kind.ROOM:  # that an attack is told of says nothing of a risk
                    findings.read_away |= rule.tier == 1 or readings != ["negation"]
                continue
            if severity < rule.severity and rule.facets:
                findings.add(_lowered(rule, mode, folded.span(hit.start, hit.end), severity, readings))
                continue
        findings.add(Finding(rule, mode, folded.span(hit.start, hit.end), severity, tuple(readings)))
    if notes:
        findings.notes += tuple(dict.fromkeys(notes))


def _lowered(
    rule: Rule, mode: Mode, span: tuple[int, int], severity: Severity, readings: list[str]
) -> Finding:
    """A signal that its context lowered no longer builds compounds and holds nothing."""
    bare = Rule(
        id=rule.id, kind=rule.kind, mode=rule.mode, text=rule.text, tier=rule.tier, source=rule.source,
        date=rule.date, severity=rule.severity, category=rule.category,
    )  # fmt: skip
    return Finding(bare, mode, span, severity, tuple(readings))


def compound(
    rules: RuleSet,
    modes: tuple[Mode, ...],
    findings: Findings,
    whole: tuple[int, int],
    *,
    own: Collection[str] = (),
    heard: Collection[str] = (),
) -> None:
    """Add the rules whose facets have come together, within the message or with what was said before."""
    for index, needs in rules.compounds:
        if needs.isdisjoint(findings.facets):
            continue
        rule, mode = rules.rules[index], modes[index]
        if mode is Mode.OFF:
            continue
        here = needs & findings.facets
        missing = needs - here
        if missing and not (rule.across and missing.issubset(own)):
            continue
        if not rule.after.issubset(own) or not rule.heard.issubset(heard):
            continue
        if rule.within and not _is_near(rule, findings, here):
            continue
        parts = [one.span for one in findings.found if one.rule.facets & here]
        span = (min(part[0] for part in parts), max(part[1] for part in parts)) if parts else whole
        findings.add(Finding(rule, mode, span, rule.severity))


def _is_near(rule: Rule, findings: Findings, here: Collection[str]) -> bool:
    """Whether some place of the text holds all that a compound needs, no further apart than it says."""
    live = [one for one in findings.found if one.mode is Mode.LIVE]
    places = [sorted(one.span for one in live if facet in one.rule.facets) for facet in here]
    if not all(places):
        return True  # a facet that no place gives, such as one that a compound gave
    starts = sorted(span[0] for spans in places for span in spans)
    return any(
        all(any(start <= span[0] and span[1] <= start + rule.within for span in spans) for spans in places)
        for start in starts
    )


def is_signal(finding: Finding) -> bool:
    """Whether it speaks of a risk."""
    return finding.rule.kind is Kind.SIGNAL and finding.severity > Severity.NONE
