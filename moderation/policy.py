"""From findings to the two answers: what the room gets, and what the author may need."""

from dataclasses import dataclass

from moderation.checks import host_of, may_link
from moderation.rule import Kind, Mode
from moderation.rules import RuleSet
from moderation.signals import Findings
from moderation.text import fold
from moderation.verdict import Action, Category, Reason, Severity

MASKED = "[removed]"
_MOST = 24  # reasons of one rule: who repeats a thing is told of it often enough
_STRENGTH = {Action.DELIVER: 0, Action.MASK: 1, Action.HOLD: 2, Action.BLOCK: 3}
# Without a category of its own the signal of a text goes to the general line.
_UNKNOWN = Category.SUICIDE


@dataclass(frozen=True, slots=True)
class Answers:
    """What `Judgement` is made of, but for the reading."""

    action: Action
    severity: Severity
    flag: bool
    categories: tuple[Category, ...]
    reasons: tuple[Reason, ...]
    shadow: tuple[Reason, ...]
    text: str


def decide(rules: RuleSet, text: str, findings: Findings, allowed: tuple[str, ...] = ()) -> Answers:
    """The table of CARE: unsafe content decides the action, risk the severity, and help never silences.

    `allowed` are the hosts that this room lets everybody name.
    """
    if not findings.found:
        return Answers(Action.DELIVER, Severity.NONE, False, (), (), (), text)
    action = Action.DELIVER
    severity = findings.severity
    reasons: list[Reason] = []
    shadow: list[Reason] = []
    masks: list[tuple[int, int]] = []
    weight: dict[Category, int] = {}
    for one in findings.found:
        rule = one.rule
        if rule.kind is Kind.CUE or (
            allowed and rule.check == "link" and _is_allowed(text, one.span, allowed)
        ):
            continue
        risk = rule.kind is Kind.SIGNAL
        reason = Reason(rule.id, one.span, rule.text, risk)
        if one.mode is Mode.SHADOW:
            shadow.append(reason)
            continue
        keep(reasons, reason)
        if risk:
            if rule.category is not None and one.severity:
                weight[rule.category] = max(weight.get(rule.category, 0), int(one.severity))
            if rule.holds:
                room = rules.rules[rules.by_id[rule.holds]]
                keep(reasons, Reason(room.id, one.span, room.text, False))
                action = _stronger(action, room.action)
        else:
            if rule.action is Action.MASK:
                masks.append(one.span)
            action = _stronger(action, rule.action)
    if severity is Severity.IMMINENT:
        action = _stronger(action, Action.HOLD)
    if severity >= Severity.LOW and action is Action.BLOCK:
        action = Action.HOLD
    flag = severity >= Severity.MODERATE or action in (Action.HOLD, Action.BLOCK)
    categories = tuple(sorted(weight, key=lambda one: (-weight[one], one.value)))
    if severity >= Severity.MODERATE and not categories:
        categories = (_UNKNOWN,)
    return Answers(action, severity, flag, categories, tuple(reasons), tuple(shadow), redact(text, masks))


def _is_allowed(text: str, span: tuple[int, int], allowed: tuple[str, ...]) -> bool:
    """Whether a link leads to where this room lets everybody lead."""
    return may_link(host_of(fold(text[slice(*span)]).plain), allowed)


def keep(reasons: list[Reason], new: Reason) -> None:
    """Add a reason, unless its rule spoke already of all of its span; it takes the place of lesser ones."""
    first, last = new.span
    count = 0
    for at, one in enumerate(reasons):
        if one.rule != new.rule:
            continue
        count += 1
        if count == _MOST:
            return
        if one.span[0] <= first and last <= one.span[1]:
            return
        if first <= one.span[0] and one.span[1] <= last:
            reasons[at] = new
            return
    reasons.append(new)


def _stronger(one: Action, other: Action) -> Action:
    return other if _STRENGTH[other] > _STRENGTH[one] else one


def redact(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with each span replaced by a mark, spans that touch by one."""
    if not spans:
        return text
    out: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if start >= at or not out:
            out += [text[at:start], MASKED]
        at = max(at, end)
    out.append(text[at:])
    return "".join(out)
