"""`hearth check`: what the pipeline would do with a text, and why."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from chat.cli.table import columns, printable
from chat.config import read_toml
from chat.settings import default_config
from moderation import Judgement, Part, Pipeline, Reason, Remark, load

ALONE = "author"
"""Who speaks where no `from` is given."""
_PARTS = 8  # of the learned score that are shown


class LineError(ValueError):
    """A line of input that cannot be judged; its text says why."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="say what moderation would do with a text, and why",
        description="Judge one text (or standard input) as the server would, and say why.",
    )
    parser.add_argument("text", nargs="?", metavar="TEXT", help="the text; without it standard input is read")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line in, one out; exits 1 after a bad one"
    )
    parser.add_argument("--config", type=Path, help="folder with rooms, rules, words and lists")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Judge what is given. 0 also where the judgement is to hold; 1 where a line could not be judged."""
    config = args.config or default_config()
    pipeline = load(config)
    if args.json:
        lines = [json.dumps({"text": args.text}).encode()] if args.text is not None else sys.stdin.buffer
        return 1 if answer_lines(pipeline, profiles(config), lines, sys.stdout) else 0
    text = args.text
    if text is None:
        text = sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\n")
    print(explain(text, pipeline.judge(text, author=ALONE), pipeline.strongest(text, _PARTS)))
    return 0


def profiles(config: Path) -> Mapping[str, str]:
    """The profile of each room, the default under the empty name."""
    path = config / "rooms.toml"
    table = read_toml(path) if path.exists() else {}
    default = str(table.get("defaults", {}).get("profile", "default"))
    rooms = {str(name): str(room.get("profile", default)) for name, room in table.get("rooms", {}).items()}
    return {"": default, **rooms}


def answer_lines(
    pipeline: Pipeline, rooms: Mapping[str, str], lines: Iterable[bytes] | BinaryIO, out: TextIO
) -> int:
    """One answer a line, written as soon as it is known; a line that cannot be read gets an error. How many did."""
    bad = 0
    for line in lines:
        try:
            answer = judge_line(pipeline, rooms, line)
        except LineError as error:
            answer = {"error": str(error)}
            bad += 1
        out.write(json.dumps(answer) + "\n")
        out.flush()
    return bad


def judge_line(pipeline: Pipeline, rooms: Mapping[str, str], line: bytes) -> dict[str, Any]:
    """The answer to one line of JSON; LineError where it asks nothing that can be answered."""
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError(f"not a JSON object: {type(error).__name__}") from None
    if not isinstance(asked, dict):
        raise LineError("not a JSON object")
    author = _optional(asked, "from") or ALONE
    room = _optional(asked, "room")
    text = asked.get("text")
    if not isinstance(text, str):
        raise LineError("text: must be a string")
    context = asked.get("context")
    remarks = _context(pipeline, context if context is not None else [])
    profile = rooms.get(room, rooms[""])
    judgement = pipeline.judge(text, author=author, context=remarks, profile=profile)
    return as_json(judgement, pipeline.strongest(text, _PARTS))


def _optional(asked: Mapping[str, Any], field: str) -> str:
    value = asked.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LineError(f"{field}: must be a string")
    return value


def _context(pipeline: Pipeline, context: Any) -> list[Remark]:
    if not isinstance(context, list):
        raise LineError("context: must be a list")
    remarks = []
    for one in context:
        if not isinstance(one, dict) or not isinstance(one.get("text"), str):
            raise LineError("context: each must be an object with a text")
        remarks.append(Remark(_optional(one, "from") or ALONE, 0, pipeline.read(one["text"])))
    return remarks


def as_json(judgement: Judgement, parts: Sequence[Part] = ()) -> dict[str, Any]:
    """A judgement as `--json` prints it."""
    return {
        "action": judgement.action.value,
        "severity": judgement.severity.word,
        "flag": judgement.flag,
        "categories": [category.value for category in judgement.categories],
        "score": round(judgement.score, 4),
        "reasons": [_reason(reason) for reason in judgement.reasons],
        "text": judgement.text,
        "shadow": [_reason(reason) for reason in judgement.shadow],
        "context": [{"rule": rule, "read_as": read_as} for rule, read_as in _readings(judgement)],
        "parts": [{"text": part.text, "head": part.head, "weight": round(part.weight, 3)} for part in parts],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {"rule": reason.rule, "span": list(reason.span), "text": reason.text}


def _readings(judgement: Judgement) -> list[tuple[str, list[str]]]:
    """For each rule whose words stood in another context: how that was read."""
    parted = (note.partition(": ") for note in judgement.notes)
    return [(rule, names.split(", ")) for rule, _, names in parted]


def explain(text: str, judgement: Judgement, parts: Sequence[Part] = ()) -> str:
    """A judgement as a table for people."""
    flag = "staff are told" if judgement.flag else "nobody is told"
    lines = [
        f"room      {judgement.action.value}",
        f"signal    {judgement.severity.word}"
        + (f" ({', '.join(judgement.categories)})" if judgement.categories else ""),
        f"flag      {flag}",
        f"score     {judgement.score:.3f}",
    ]
    if judgement.failed:
        lines.append("failed    the pipeline could not read it, so it waits for a person")
    if judgement.text != text:
        lines.append(f"as sent   {printable(judgement.text, 300)}")
    spoken = [
        *((reason, "") for reason in judgement.reasons),
        *((one, " (shadow)") for one in judgement.shadow),
    ]
    if spoken:
        rows = [
            (
                reason.rule + trial,
                f"{reason.span[0]}-{reason.span[1]}",
                printable(text[slice(*reason.span)], 48),
                "" if trial else reason.text,
            )
            for reason, trial in spoken
        ]
        lines += ["", columns(("rule", "span", "text", "what the author is told"), rows)]
    readings = _readings(judgement)
    if readings:
        lines += ["", "read in context, and so without effect or with less:"]
        lines += [f"  {rule}: {', '.join(names)}" for rule, names in readings]
    if parts:
        lines += ["", "what moved the learned score most (plus: towards a signal):"]
        lines += [f"  {part.weight:+.2f}  {printable(part.text, 48)}" for part in parts]
    return "\n".join(lines)
