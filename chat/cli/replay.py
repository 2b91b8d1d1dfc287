"""`hearth replay`: what a changed rule set would do to a log, message by message, in the order it was said."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chat.cli import CommandError
from chat.cli.check import profiles
from chat.cli.evaluate import rows
from chat.cli.place import add_place, operate, settings_of, stored_of
from chat.cli.table import columns, printable
from chat.node.context import Context
from chat.protocol.fields import Role
from chat.protocol.wire import unpack
from chat.settings import Settings, default_config
from chat.store.broker import Broker
from moderation import Judgement, Pipeline, Reason, load

_PAGE = 500  # entries of a log read at once
_SHOWN = 300  # characters of a text


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a log."""

    room: str
    place: str
    """Where it stands: a sequence number, a flag, or a line."""
    author: str
    at: int
    staff: bool
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One decision that comes out differently."""

    said: Said
    before: Judgement
    after: Judgement

    @property
    def gone(self) -> tuple[str, ...]:
        """Rules that no longer speak."""
        return _apart(self.before.reasons, self.after.reasons)

    @property
    def new(self) -> tuple[str, ...]:
        """Rules that did not speak before."""
        return _apart(self.after.reasons, self.before.reasons)


@dataclass(slots=True)
class RuleBook:
    """One rule set, with the profile of each room and what it has heard in each."""

    pipeline: Pipeline
    rooms: Mapping[str, str]
    heard: dict[str, Context] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Path) -> RuleBook:
        """The rule set of a folder; RuleError says what is wrong in it."""
        return cls(load(config), profiles(config))

    def judge(self, said: Said) -> Judgement:
        """As the server would have judged it, after what was said there before."""
        context = self.heard.setdefault(said.room, Context())
        profile = self.rooms.get(said.room, self.rooms[""])
        judgement = self.pipeline.judge(
            said.text,
            author=said.author,
            context=context.remarks(self.pipeline),
            now=said.at,
            profile=profile if profile in self.pipeline.profiles else "default",
            staff=said.staff,
        )
        context.judged(said.author, said.text, judgement.reading)
        context.saw({"from": {"id": said.author}, "at": said.at, "text": said.text})
        return judgement


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay",
        help="say what a changed rule set would have done to a log",
        description="Judge a log by two rule sets, in order, and print every decision that comes out differently."
        " Files are JSON Lines with `text`, and `from`, `room`, `at`, `role` where they are known; with --store or"
        " --data the rooms' own logs are read, and what waits for a decision.",
    )
    parser.add_argument(
        "what", nargs="*", metavar="FILE|ROOM", help="files; with --store or --data rooms (all)"
    )
    parser.add_argument("--against", type=Path, metavar="DIR", help="folder with the rules as they are")
    parser.add_argument("--show-text", action="store_true", help="print the texts too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_place(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Judge it all twice and tell what differs."""
    against = args.against or default_config()
    old, new = RuleBook.of(against), RuleBook.of(args.config or default_config())
    if args.store is not None or args.data is not None:
        args.config = against
        said = asyncio.run(_live(settings_of(args), args.what, tells=args.show_text))
    elif args.what:
        said = list(read_files(map(Path, args.what)))
    else:
        raise CommandError(
            "name a file to replay, or the store whose rooms to replay: --data DIR or --store URL"
        )
    changes = list(replay(said, old, new))
    if old.pipeline.digest == new.pipeline.digest:
        print("hearth: both rule sets are the same; name another by --config", file=sys.stderr)
    if args.json:
        print(json.dumps(as_json(changes, len(said), with_text=args.show_text), ensure_ascii=False))
    else:
        print(table(changes, len(said), with_text=args.show_text))
    return 0


def read_files(paths: Iterable[Path]) -> Iterator[Said]:
    """The texts of exported logs, in the order of their lines; events that say nothing are passed over."""
    for path in paths:
        for number, (text, row) in enumerate(rows(path, sparse=True), 1):
            if row.get("type", "message") != "message" or not text:
                continue
            who = row.get("from")
            named = who if isinstance(who, dict) else {"id": who, "role": row.get("role")}
            at = row.get("at")
            yield Said(
                str(row.get("room") or ""),
                f"{path.name}:{number}" if row.get("seq") is None else str(row["seq"]),
                str(named.get("id") or "author"),
                at if isinstance(at, int) else 0,
                _is_staff(named.get("role")),
                text,
            )


async def _live(settings: Settings, wanted: Iterable[str], *, tells: bool) -> list[Said]:
    """What was said in these rooms, or in all; where texts will be shown, the trail says that they were read."""
    found: list[Said] = []
    async with stored_of(settings) as stored:
        known = await stored.broker.rooms()
        rooms = list(dict.fromkeys(wanted)) or list(known)
        unknown = [room for room in rooms if room not in known]
        if unknown:
            raise CommandError(
                f"there is no room {', '.join(unknown)} (there are: {', '.join(known) or 'none'})"
            )
        for room in rooms:
            events = [event async for event in _log(stored.broker, room)]
            waiting = [one for one in await stored.review.open_flags([room]) if one["verdict"] != "delivered"]
            order = sorted((*events, *waiting), key=lambda one: one.get("at") or one.get("opened_at") or 0)
            found += [said for event in order if (said := _said(room, event)) is not None]
            if tells:
                await operate(stored, room, "read", what="replay")
    return found


async def _log(broker: Broker, room: str) -> AsyncIterator[dict[str, Any]]:
    head = await broker.head(room)
    for first in range(1, head + 1, _PAGE):
        for _, entry in await broker.read(room, None, first, min(first + _PAGE - 1, head)):
            event = unpack(entry)
            if event["type"] == "message":
                yield event


def _said(room: str, event: Mapping[str, Any]) -> Said | None:
    text = event.get("text")
    who = event.get("from") or event.get("author")
    if not text or not isinstance(who, dict):
        return None
    place = str(event.get("seq") or f"waiting {event.get('flag')}")
    at = int(event.get("at") or event.get("opened_at") or 0)
    return Said(room, place, who["id"], at, _is_staff(who.get("role")), text)


def _is_staff(role: object) -> bool:
    return role in {one.value for one in Role if one.is_staff}


def replay(said: Iterable[Said], old: RuleBook, new: RuleBook) -> Iterator[Change]:
    """Every text whose action, severity, categories or delivered form differ."""
    for one in said:
        before, after = old.judge(one), new.judge(one)
        if _decision(before) != _decision(after):
            yield Change(one, before, after)


def _decision(judgement: Judgement) -> tuple[object, ...]:
    return (
        judgement.action, judgement.severity, judgement.flag, judgement.categories, judgement.text, judgement.failed
    )  # fmt: skip


def _apart(some: Iterable[Reason], others: Iterable[Reason]) -> tuple[str, ...]:
    there = {one.rule for one in others}
    return tuple(dict.fromkeys(one.rule for one in some if one.rule not in there))


def _counts(changes: Iterable[Change]) -> dict[str, Counter[tuple[str, str]]]:
    counts: dict[str, Counter[tuple[str, str]]] = {"action": Counter(), "severity": Counter()}
    for one in changes:
        counts["action"][one.before.action.value, one.after.action.value] += 1
        counts["severity"][one.before.severity.word, one.after.severity.word] += 1
    return counts


def as_json(changes: list[Change], whole: int, *, with_text: bool) -> dict[str, Any]:
    """All of it for `--json`; texts only where they were asked for."""
    return {
        "texts": whole,
        "changed": len(changes),
        "counts": {
            kind: [
                {"before": before, "after": after, "n": count}
                for (before, after), count in counted.items()
                if before != after
            ]
            for kind, counted in _counts(changes).items()
        },
        "changes": [
            {
                "room": one.said.room,
                "place": one.said.place,
                "at": one.said.at,
                "before": _shape(one.before),
                "after": _shape(one.after),
                "gone": list(one.gone),
                "new": list(one.new),
            }
            | ({"text": one.said.text} if with_text else {})
            for one in changes
        ],
    }


def _shape(judgement: Judgement) -> dict[str, Any]:
    return {
        "action": judgement.action.value,
        "severity": judgement.severity.word,
        "flag": judgement.flag,
        "categories": [category.value for category in judgement.categories],
        "failed": judgement.failed,
    }


def table(changes: list[Change], whole: int, *, with_text: bool) -> str:
    """Each change on a line, then how many of each kind."""
    if not changes:
        return f"{whole} texts, and each decision stays as it is."
    cells = []
    for one in changes:
        rules = [f"-{rule}" for rule in one.gone] + [f"+{rule}" for rule in one.new]
        row = (
            one.said.room or "-",
            one.said.place,
            _step(one.before.action.value, one.after.action.value),
            _step(one.before.severity.word, one.after.severity.word),
            " ".join(rules) or "the same rules",
        )
        cells.append((*row, printable(one.said.text, _SHOWN)) if with_text else row)
    heads = ("room", "place", "action", "signal", "rules")
    lines = [columns((*heads, "text") if with_text else heads, cells), ""]
    for kind, counted in _counts(changes).items():
        lines += [
            f"{kind}: {before} -> {after}: {count}"
            for (before, after), count in sorted(counted.items(), key=lambda one: -one[1])
            if before != after
        ]
    return "\n".join((*lines, f"{len(changes)} of {whole} texts are decided differently."))


def _step(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"
