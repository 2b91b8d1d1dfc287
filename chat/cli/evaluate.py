"""`hearth evaluate`: measure the pipeline on labelled texts."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from chat.cli import CommandError
from chat.cli.figures import Contrast, Judged, Tally, contrast, interval, tally
from chat.cli.roc import draw
from chat.cli.table import columns
from chat.settings import default_config
from moderation import Action, Pipeline, Severity, load

BY = ("label", "source", "file", "category")
_STEP = 200  # texts between two signs of progress
_RED, _GREEN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure moderation on labelled texts",
        description="Judge JSON Lines with `text` and `label` (and `source`), and print what share of each group"
        " is told, with 95 %% intervals.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JSON Lines with text and label")
    parser.add_argument(
        "--by", action="append", choices=BY, help="how to group; repeatable (label, unless given)"
    )
    parser.add_argument(
        "--positive",
        action="append",
        default=[],
        metavar="LABEL",
        help="a label that should be told; repeatable; adds thresholds and AUC against all other labels",
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="write the ROC curve as SVG; wants --positive"
    )
    parser.add_argument("--profile", default="default", help="the profile that judges")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--config", type=Path, help="folder with rules and words")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Judge every text and print the tables."""
    positive = frozenset(args.positive)
    if args.plot is not None and not positive:
        raise CommandError("--plot wants to know which labels should be told: add --positive LABEL")
    pipeline = load(args.config or default_config())
    if args.profile not in pipeline.profiles:
        raise CommandError(f"no profile named {args.profile}")
    judged = list(judge(pipeline, args.files, args.profile))
    unknown = positive - {one.label for one in judged}
    if unknown:
        raise CommandError(f"no text is labelled {', '.join(sorted(unknown))}")
    curve = contrast(judged, positive) if positive else None
    if args.plot is not None and curve is not None:
        _write(args.plot, draw(curve, f"hearth evaluate: {', '.join(args.positive)}"))
    ways = tuple(dict.fromkeys(args.by or ("label",)))
    if args.json:
        print(json.dumps(as_json(judged, ways, curve)))
        return 0
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print("\n\n".join(table(tally(judged, by), by, positive, colour=colour) for by in ways))
    if curve is not None:
        print("\n" + sweep(curve))
    return 0


def judge(pipeline: Pipeline, files: Sequence[Path], profile: str = "default") -> Iterator[Judged]:
    """The judgement of every text; CommandError for a line that cannot be read, with its place."""
    done = 0
    for path in files:
        for text, row in rows(path):
            judgement = pipeline.judge(text, author="author", profile=profile)
            first = judgement.categories[0].value if judgement.categories else "none"
            yield Judged(
                str(row.get("label", "")), str(row.get("source", "")), path.stem, first,
                judgement.severity, judgement.action, judgement.score, judgement.failed,
            )  # fmt: skip
            done += 1
            if done % _STEP == 0:
                _say(f"{done:,} texts judged")
    _say("")


def rows(path: Path, *, sparse: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """The texts of one file with the rest of their lines, read as they are asked for.

    In a `sparse` file a line may have no text, as an event that says nothing: the text is empty.
    """
    number = 0
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _row(path, number, line, sparse=sparse)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: cannot be read ({type(error).__name__}, after line {number})") from None


def _row(path: Path, number: int, line: str, *, sparse: bool) -> tuple[str, dict[str, Any]]:
    try:
        row = json.loads(line)
        text = (row.get("text") or "") if sparse and isinstance(row, dict) else row["text"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CommandError(f"{path}:{number}: not a JSON object with text") from None
    if not isinstance(text, str):
        raise CommandError(f"{path}:{number}: text must be a string")
    return text, row


def as_json(judged: Sequence[Judged], ways: Iterable[str], curve: Contrast | None) -> dict[str, Any]:
    """Everything for `--json`; `groups` is the first way, as it always was."""
    tables = {by: [_group(name, one) for name, one in tally(judged, by).items()] for by in ways}
    answer: dict[str, Any] = {"groups": next(iter(tables.values())), "by": tables, "sweep": []}
    if curve is not None:
        answer |= {"sweep": curve.sweep(), "told": curve.as_told(), "auc": curve.auc()}
        answer["auc_95"] = curve.auc_interval()
    return answer


def _group(name: str, one: Tally) -> dict[str, Any]:
    return {
        "group": name,
        "n": one.count,
        "at_least": {severity.word: one.at_least[severity] for severity in Severity if severity},
        "actions": {action.value: one.actions[action] for action in Action},
        "low_95": interval(one.at_least[Severity.LOW], one.count),
        "moderate_95": interval(one.at_least[Severity.MODERATE], one.count),
        "failed": one.failed,
    }


def table(groups: dict[str, Tally], by: str, positive: frozenset[str] = frozenset(), *, colour: bool) -> str:
    """One line a group: how many, and what share of them reached each severity and each action."""
    heads = (by, "n", "low+", "moderate+", "95 %", "high+", "imminent", "mask", "hold", "block", "failed")
    cells = []
    for name, one in groups.items():
        low, high = interval(one.at_least[Severity.MODERATE], one.count)
        cells.append(
            (
                name or "(none)",
                str(one.count),
                _share(one.at_least[Severity.LOW], one.count),
                _share(one.at_least[Severity.MODERATE], one.count),
                f"{low:.1%} to {high:.1%}",
                *(_share(one.at_least[level], one.count) for level in (Severity.HIGH, Severity.IMMINENT)),
                *(
                    _share(one.actions[action], one.count)
                    for action in (Action.MASK, Action.HOLD, Action.BLOCK)
                ),
                str(one.failed),
            )
        )
    lines = columns(heads, cells).split("\n")
    if not colour:
        return "\n".join(lines)
    marks = [_GREEN if name in positive else _RED if one.failed else "" for name, one in groups.items()]
    body = [f"{mark}{line}{_PLAIN}" if mark else line for mark, line in zip(marks, lines[1:], strict=True)]
    return "\n".join((f"{_BOLD}{lines[0]}{_PLAIN}", *body))


def sweep(curve: Contrast) -> str:
    """What each threshold of the score would tell, what the pipeline tells, and the AUC."""
    lines = [
        (
            "as judged" if row["threshold"] is None else f"score {row['threshold']:.2f}",
            f"{row['recall']:.1%}",
            "{:.1%} to {:.1%}".format(*row["recall_95"]),
            f"{row['false_positives']:.2%}",
            "{:.2%} to {:.2%}".format(*row["false_positives_95"]),
        )
        for row in (curve.as_told(), *curve.sweep())
    ]
    low, high = curve.auc_interval()
    shown = columns(("told from", "recall", "95 %", "of the others", "95 %"), lines)
    size = f"n = {len(curve.wanted)} wanted, {len(curve.other)} others"
    return f"{shown}\nAUC {curve.auc():.3f} ({low:.3f} to {high:.3f}), {size}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}"


def _write(path: Path, picture: str) -> None:
    try:
        path.write_text(picture, "utf-8")
    except OSError as error:
        raise CommandError(f"{path}: cannot be written ({type(error).__name__})") from None


def _say(text: str) -> None:
    """Tell how far it is, where somebody watches; nothing clears the line."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
