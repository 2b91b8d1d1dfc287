"""`hearth evaluate`: measure the pipeline on labelled texts."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chat.cli import CommandError
from chat.settings import default_config
from moderation import Action, Pipeline, Severity, load

_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(slots=True)
class Tally:
    """What happened to the texts of one group."""

    count: int = 0
    at_least: dict[Severity, int] = field(default_factory=lambda: dict.fromkeys(Severity, 0))
    actions: dict[Action, int] = field(default_factory=lambda: dict.fromkeys(Action, 0))
    failed: int = 0
    scores: list[float] = field(default_factory=list)


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure moderation on labelled texts",
        description="Judge JSON Lines with `text` and `label`, and print what share of each label is told.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JSON Lines with text and label")
    parser.add_argument("--by", choices=("label", "source", "file"), default="label", help="how to group")
    parser.add_argument(
        "--positive", action="append", default=[], help="a label that should be told; repeatable"
    )
    parser.add_argument("--profile", default="default", help="the profile that judges")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--config", type=Path, help="folder with rules and words")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Judge every text and print the tables."""
    pipeline = load(args.config or default_config())
    if args.profile not in pipeline.profiles:
        raise CommandError(f"no profile named {args.profile}")
    groups = tally(pipeline, args.files, by=args.by, profile=args.profile)
    sweep = _sweep(groups, frozenset(args.positive)) if args.positive else []
    if args.json:
        print(json.dumps({"groups": [as_json(name, one) for name, one in groups.items()], "sweep": sweep}))
        return 0
    print(table(groups))
    for row in sweep:
        print(
            "threshold {threshold:.1f}  recall {recall:6.1%}  false positives {false_positives:6.1%}".format(
                **row
            )
        )
    if args.positive:
        print(f"AUC {auc(groups, frozenset(args.positive)):.3f}")
    return 0


def tally(
    pipeline: Pipeline, files: Iterable[Path], *, by: str, profile: str = "default"
) -> dict[str, Tally]:
    """What happened to the texts of each group, in order of first appearance; CommandError for a bad line."""
    groups: dict[str, Tally] = {}
    for path in files:
        try:
            lines = path.read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path}: cannot be read ({type(error).__name__})") from None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            text, name = _row(path, number, line, by)
            judgement = pipeline.judge(text, author="author", profile=profile)
            one = groups.setdefault(name, Tally())
            one.count += 1
            one.actions[judgement.action] += 1
            one.failed += judgement.failed
            one.scores.append(judgement.score)
            for severity in Severity:
                one.at_least[severity] += judgement.severity >= severity
    return groups


def _row(path: Path, number: int, line: str, by: str) -> tuple[str, str]:
    try:
        row = json.loads(line)
        text = row["text"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CommandError(f"{path}:{number}: not a JSON object with text") from None
    if not isinstance(text, str):
        raise CommandError(f"{path}:{number}: text must be a string")
    return text, path.stem if by == "file" else str(row.get(by, ""))


def interval(part: int, whole: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    if not whole:
        return 0.0, 1.0
    z = 1.96
    share = part / whole
    middle = share + z * z / (2 * whole)
    spread = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    scale = 1 + z * z / whole
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def as_json(name: str, one: Tally) -> dict[str, Any]:
    """One group for `--json`."""
    return {
        "group": name,
        "n": one.count,
        "at_least": {severity.word: one.at_least[severity] for severity in Severity if severity},
        "actions": {action.value: one.actions[action] for action in Action},
        "moderate_95": interval(one.at_least[Severity.MODERATE], one.count),
        "failed": one.failed,
    }


def table(groups: dict[str, Tally]) -> str:
    """One line a group: how many, and what share of them reached each severity and each action."""
    width = max([5, *(len(name) for name in groups)])
    head = f"{'group':{width}}      n    low+   mod+ (95 %)            high+   immin    mask    hold   block"
    lines = [head]
    for name, one in groups.items():
        low, high = interval(one.at_least[Severity.MODERATE], one.count)
        shares = {severity: one.at_least[severity] / one.count for severity in Severity}
        actions = {action: one.actions[action] / one.count for action in Action}
        lines.append(
            f"{name:{width}} {one.count:6d} {shares[Severity.LOW]:7.1%} {shares[Severity.MODERATE]:6.1%}"
            f" ({low:6.1%}..{high:6.1%}) {shares[Severity.HIGH]:7.1%} {shares[Severity.IMMINENT]:7.1%}"
            f" {actions[Action.MASK]:7.1%} {actions[Action.HOLD]:7.1%} {actions[Action.BLOCK]:7.1%}"
        )
    return "\n".join(lines)


def _split(groups: dict[str, Tally], positive: frozenset[str]) -> tuple[list[float], list[float]]:
    wanted = [score for name, one in groups.items() if name in positive for score in one.scores]
    other = [score for name, one in groups.items() if name not in positive for score in one.scores]
    return wanted, other


def _sweep(groups: dict[str, Tally], positive: frozenset[str]) -> list[dict[str, float]]:
    wanted, other = _split(groups, positive)
    return [
        {
            "threshold": threshold,
            "recall": _share(wanted, threshold),
            "false_positives": _share(other, threshold),
        }
        for threshold in _THRESHOLDS
    ]


def _share(scores: Sequence[float], threshold: float) -> float:
    return sum(score >= threshold for score in scores) / len(scores) if scores else 0.0


def auc(groups: dict[str, Tally], positive: frozenset[str]) -> float:
    """How often a text that should be told scores above one that should not; ties count half."""
    wanted, other = _split(groups, positive)
    if not wanted or not other:
        return 0.5
    order = sorted([(score, True) for score in wanted] + [(score, False) for score in other])
    rank_sum = 0.0
    at = 0
    while at < len(order):
        end = at
        while end < len(order) and order[end][0] == order[at][0]:
            end += 1
        rank_sum += sum(is_wanted for _, is_wanted in order[at:end]) * (at + 1 + end) / 2
        at = end
    return (rank_sum - len(wanted) * (len(wanted) + 1) / 2) / (len(wanted) * len(other))
