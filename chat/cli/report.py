"""`hearth report`: a period of review in numbers, and a statement of reasons for each decision."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from chat.cli.place import add_place, operate, rooms_of, settings_of, stored_of
from chat.cli.table import columns, day
from chat.room.numbers import Report, report
from chat.settings import Settings

WEEK = timedelta(days=7)
PAGE = 1_000


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report",
        help="tell how review went, in numbers",
        description="How long flags waited, how often rules were overturned, and why each decision was made. It"
        " holds no texts. Times are of the machine's zone.",
    )
    parser.add_argument(
        "--from", dest="first", type=moment, help="first day, or time: 2026-11-01 (a week ago)"
    )
    parser.add_argument("--to", dest="last", type=moment, help="day or time at which it ends (now)")
    parser.add_argument("--room", action="append", default=[], help="where; may be repeated; else all rooms")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table", help="(table)")
    parser.add_argument(
        "--statements", action="store_true", help="in a table or CSV: the statements of reasons"
    )
    add_place(parser)
    parser.set_defaults(func=run)


def moment(text: str) -> int:
    """A day or time in ISO 8601, as milliseconds."""
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; write 2026-11-01 or 2026-11-01T18:30"
        ) from None


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    last = args.last or time.time_ns() // 1_000_000
    first = args.first if args.first is not None else last - int(WEEK.total_seconds() * 1000)
    made = asyncio.run(_report(settings_of(args), args.room, first, last))
    if args.format == "json":
        print(json.dumps({"from": first, "to": last, **_as_json(made)}, indent=2))
        return 0
    tables = [_statements(made)] if args.statements else _tables(made)
    if args.format == "csv":
        for head, rows in tables[:1] if args.statements else [_long(made)]:
            csv.writer(sys.stdout, lineterminator="\n").writerows([head, *rows])
        return 0
    print(f"{day(first)} to {day(last)}: {made.flags} flags, {made.open} of them open;", end=" ")
    print(f"{made.unanswered} disclosures that nobody answered in time.")
    for head, rows in tables:
        print()
        print(columns(head, rows) if rows else f"{head[0]}: none")
    return 0


async def _report(settings: Settings, wanted: Sequence[str], first: int, last: int) -> Report:
    async with stored_of(settings) as stored:
        flags: list[dict[str, Any]] = []
        entries: list[dict[str, Any]] = []
        for room in await rooms_of(stored, wanted):
            await operate(stored, room, "read", what="report")
            flags += await stored.review.flags_opened(room, first, last)
            # Backwards from the end to the period's beginning; what follows it tells of its flags, too.
            begin, before = await stored.review.audit_before(room, first), 0
            while page := await stored.review.audit(room, before, PAGE):
                entries += [entry for entry in page if entry["n"] >= begin]
                before = page[0]["n"]
                if before <= max(begin, 1):
                    break
        known = {flag["flag"] for flag in flags}
        appeals = [flag["appeal"] for flag in flags if flag.get("appeal") and flag["appeal"] not in known]
        for appeal in appeals:
            later = await stored.review.flag(appeal.partition(".")[2], appeal)
            flags += [later] if later else []
        return report(flags, sorted(entries, key=lambda entry: entry["at"]), first, last)


Table = tuple[Sequence[str], list[Sequence[str]]]


def _tables(made: Report) -> list[Table]:
    times = [
        (one.severity, one.step, str(one.count), f"{one.median:.1f}", f"{one.p95:.1f}") for one in made.times
    ]
    rules = [
        (one.rule, str(one.flags), str(one.decided), str(one.overturned), f"{one.share:.0%}")
        for one in made.rules
    ]
    return [
        (("severity", "step", "flags", "median s", "95 % s"), list(times)),
        (("rule", "flags", "decided", "overturned", "share"), list(rules)),
    ]


def _statements(made: Report) -> Table:
    head = ("at", "room", "flag", "user", "action", "seconds", "severity", "found", "grounds", "by", "appeal")
    rows: list[Sequence[str]] = [
        (
            datetime.fromtimestamp(one.at / 1000, UTC).isoformat(timespec="seconds"), one.room, one.flag,
            one.user, one.action, "" if one.seconds is None else str(one.seconds), one.severity, one.found,
            " ".join(one.grounds), one.by, one.appeal,
        )
        for one in made.statements
    ]  # fmt: skip
    return head, rows


def _long(made: Report) -> Table:
    """All numbers in one table, a number a row."""
    rows: list[Sequence[str]] = [
        ("review", "", name, str(getattr(made, name))) for name in ("flags", "open", "unanswered")
    ]
    rows += [
        (one.step, one.severity, name, f"{getattr(one, name):g}")
        for one in made.times
        for name in ("count", "median", "p95")
    ]
    rows += [
        ("rule", rule.rule, name, f"{getattr(rule, name):g}")
        for rule in made.rules
        for name in ("flags", "decided", "overturned", "share")
    ]
    return ("what", "of", "number", "value"), rows


def _as_json(made: Report) -> dict[str, Any]:
    told = asdict(made)
    for row, rule in zip(told["rules"], made.rules, strict=True):
        row["share"] = round(rule.share, 4)
    return told
