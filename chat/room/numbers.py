"""Numbers about review: how long people waited, how often a rule was wrong, and why each decision was made.

No text of anybody stands in them. Times are seconds.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Any

from chat.room.queue import RANK

Flag = Mapping[str, Any]
STEPS = ("nudge", "claim", "decide")
"""What happened after a flag was opened: staff were called, somebody took it, it was decided."""
LATELY = 1_000
"""Times of one step and severity that a node's own numbers look back on."""
RULE_KINDS = ("message", "help")


def nearest(times: Collection[float], share: float) -> float:
    """The time within which so large a share was done: one of those that there are."""
    return sorted(times)[max(0, ceil(len(times) * share) - 1)] if times else 0.0


def is_overturned(flag: Flag) -> bool:
    """Whether people did not go along: with the rule that held or flagged it, or with the first decision."""
    decision = flag.get("decision") or {}
    waited = flag["verdict"] in ("held", "blocked")
    return bool(
        decision.get("overturned")
        or decision.get("action") == "dismiss"
        or (waited and decision.get("action") in ("approve", "warn"))
    )


def rules_of(flag: Flag) -> list[str]:
    """The rules for which it was raised, each once."""
    return list(dict.fromkeys(reason["rule"] for reason in flag["reasons"]))


# ── as they happen ───────────────────────────────────────────────────────────────────────────────


class Numbers:
    """What one node saw itself since its start; for `/metrics`, so by severity and rule alone."""

    def __init__(self) -> None:
        self.unanswered = 0
        self.times: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=LATELY))
        self.totals: dict[tuple[str, str], int] = defaultdict(int)
        self.rules: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        """Rule to how many flags were decided, and how many of them overturned."""

    def took(self, step: str, severity: str, milliseconds: float) -> None:
        """One step was taken so long after the flag was opened."""
        self.times[step, severity].append(max(0.0, milliseconds) / 1000)
        self.totals[step, severity] += 1

    def decided(self, flag: Flag) -> None:
        """A flag was decided here."""
        self.took("decide", flag["severity"], flag["decision"]["at"] - flag["opened_at"])
        for rule in rules_of(flag):
            self.rules[rule][0] += 1
            self.rules[rule][1] += is_overturned(flag)

    def lines(self) -> Iterable[tuple[str, str, str, Mapping[str, float]]]:
        """Name, kind, meaning, and values by label, as Prometheus has them."""
        quantiles = {}
        for (step, severity), times in sorted(self.times.items()):
            labels = f'step="{step}",severity="{severity}"'
            quantiles[f'{labels},quantile="0.5"'] = median(times)
            quantiles[f'{labels},quantile="0.95"'] = nearest(times, 0.95)
        yield (
            "hearth_review_seconds", "gauge",
            "Time from a flag's opening to each step, over this node's latest.", quantiles,
        )  # fmt: skip
        yield (
            "hearth_review_steps_total", "counter", "Steps of review taken on this node.",
            {f'step="{step}",severity="{severity}"': n for (step, severity), n in sorted(self.totals.items())},
        )  # fmt: skip
        for at, name, meaning in (
            (0, "hearth_rule_decided_total", "Flags of a rule that were decided on this node."),
            (1, "hearth_rule_overturned_total", "Those of them in which people did not go along with it."),
        ):
            yield (
                name,
                "counter",
                meaning,
                {f'rule="{rule}"': n[at] for rule, n in sorted(self.rules.items())},
            )
        yield (
            "hearth_unanswered_total", "counter", "Disclosures that nobody answered in time.",
            {"": self.unanswered},
        )  # fmt: skip


# ── over a period ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Times:
    """How long one step took for flags of one severity."""

    severity: str
    step: str
    count: int
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Rule:
    """How often a rule raised a flag, and how often people did not go along."""

    rule: str
    flags: int
    decided: int
    overturned: int

    @property
    def share(self) -> float:
        """Of those decided, the share overturned."""
        return self.overturned / self.decided if self.decided else 0.0


@dataclass(frozen=True, slots=True)
class Statement:
    """Why one decision was made: what it was about, on what ground, found how, and what became of it."""

    at: int
    room: str
    flag: str
    user: str
    action: str
    seconds: int | None
    severity: str
    found: str
    grounds: tuple[str, ...]
    by: str
    appeal: str


@dataclass(frozen=True, slots=True)
class Report:
    """A period in numbers."""

    flags: int = 0
    open: int = 0
    unanswered: int = 0
    times: Sequence[Times] = ()
    rules: Sequence[Rule] = ()
    statements: Sequence[Statement] = field(default=(), repr=False)


def report(flags: Iterable[Flag], entries: Iterable[Mapping[str, Any]], first: int, last: int) -> Report:
    """Flags opened from `first` until before `last`, with what the audit trails say of them, in order."""
    steps: dict[tuple[str, str], int] = {}
    unanswered = 0
    for entry in entries:
        step = {"call": "nudge", "claim": "claim"}.get(entry["action"])
        if step and "flag" in entry:
            steps.setdefault((entry["flag"], step), entry["at"])
        unanswered += entry["action"] == "unanswered" and first <= entry["at"] < last
    known = {flag["flag"]: flag for flag in flags}
    inside = [flag for flag in known.values() if first <= flag["opened_at"] < last]
    raised = [flag for flag in inside if flag["kind"] != "sanction"]
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    rules: dict[str, list[Flag]] = defaultdict(list)
    for flag in raised:
        ends = {step: steps.get((flag["flag"], step)) for step in STEPS}
        ends["decide"] = _decided_at(flag)
        for step, at in ends.items():
            if at is not None and at >= flag["opened_at"]:
                times[flag["severity"], step].append((at - flag["opened_at"]) / 1000)
        for rule in rules_of(flag) if flag["kind"] in RULE_KINDS else ():
            rules[rule].append(flag)
    return Report(
        flags=len(raised),
        open=sum(flag["state"] != "decided" for flag in raised),
        unanswered=unanswered,
        times=[
            Times(severity, step, len(found), median(found), nearest(found, 0.95))
            for severity in sorted(RANK, key=RANK.__getitem__, reverse=True)
            for step in STEPS
            if (found := times.get((severity, step)))
        ],
        rules=[
            Rule(rule, len(found), sum(map(_is_decided, found)), sum(map(is_overturned, found)))
            for rule, found in sorted(rules.items(), key=lambda row: (-len(row[1]), row[0]))
        ],
        statements=sorted(
            (_statement(flag, known) for flag in inside if _is_decided(flag)), key=lambda one: one.at
        ),
    )


def _decided_at(flag: Flag) -> int | None:
    return int(flag["decision"]["at"]) if _is_decided(flag) else None


def _is_decided(flag: Flag) -> bool:
    """Whether staff decided it; what its author withdrew or replaced was not decided."""
    return flag["state"] == "decided" and bool((flag.get("decision") or {}).get("by"))


def _statement(flag: Flag, known: Mapping[str, Flag]) -> Statement:
    decision = flag["decision"]
    found = {
        "report": "reported",
        "help": "asked for help",
        "appeal": "appealed",
        "sanction": "seen by staff",
    }
    till = decision.get("till")
    appeal = ""
    if flag.get("appeal"):
        looked = known.get(flag["appeal"])
        waits = looked is None or looked["state"] != "decided"
        appeal = "taken back" if decision.get("overturned") else "open" if waits else "upheld"
    return Statement(
        at=decision["at"],
        room=flag["room"],
        flag=flag["flag"],
        user=flag["author"]["id"],
        action=decision["action"],
        seconds=None if till is None else max(0, till - decision["at"]) // 1000,
        severity=flag["severity"],
        found=found.get(flag["kind"], "found by a rule" if flag["reasons"] else "held by the room"),
        grounds=tuple(rules_of(flag)),
        by=decision["by"]["id"],
        appeal=appeal,
    )
