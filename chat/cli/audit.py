"""`hearth audit`: what staff did and read, and whether its trail is whole."""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat.assembly import Stored
from chat.cli import CommandError
from chat.cli.place import add_place, operate, rooms_of, settings_of, stored_of
from chat.cli.table import day, show, show_json
from chat.room import ledger
from chat.room.trail import Anchor, Fault, Seals, Trail, check
from chat.settings import Settings
from chat.store.anchors import Anchors
from chat.store.broker import Broker
from chat.store.review import Review
from chat.tokens import load_key

SHOWN = 50


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "audit",
        help="list, verify and export what staff did",
        description="What staff did and what private things they read. Listing and exporting is noted there too.",
    )
    acts = parser.add_subparsers(dest="act", metavar="list|verify|export", required=True)
    lists = acts.add_parser("list", help="show the newest entries")
    lists.add_argument("--user", help="only what this person did, or what was done about them")
    lists.add_argument("--limit", type=int, default=SHOWN, help=f"how many at the most ({SHOWN})")
    lists.add_argument("--json", action="store_true", help="print JSON")
    lists.set_defaults(func=run_list)
    verify = acts.add_parser(
        "verify",
        help="find what was changed, removed, reordered or cut off",
        description="Check the store's trails, or an exported file; exits 1 if anything is not as it was written.",
    )
    verify.add_argument("file", nargs="?", type=Path, help="an exported file; without it, the store")
    verify.set_defaults(func=run_verify)
    export = acts.add_parser("export", help="write all of it to a file that can be verified")
    export.add_argument("file", nargs="?", type=Path, help="file to write; without it, standard output")
    export.add_argument(
        "--format", choices=("jsonl", "csv"), default="jsonl", help="JSON Lines, or CSV (jsonl)"
    )
    export.set_defaults(func=run_export)
    for act in (lists, export):
        act.add_argument("--room", action="append", default=[], help="where; may be repeated; else all rooms")
    for act in (lists, verify, export):
        add_place(act)


# ── list ─────────────────────────────────────────────────────────────────────────────────────────


def run_list(args: argparse.Namespace) -> int:
    """Print the newest entries, the newest last."""
    found = asyncio.run(_list(settings_of(args), args.room, args.user, max(1, args.limit)))
    if args.json:
        show_json(found)
        return 0
    rows = [
        (
            day(entry["at"]), entry["room"], str(entry["n"]),
            entry["by"].get("name") or entry["by"]["id"], entry["action"],
            str(entry.get("decision") or entry.get("what") or ""), entry.get("user") or "", entry.get("reason") or "",
        )
        for entry in found
    ]  # fmt: skip
    heads = ("when", "room", "n", "by", "did", "what", "about", "reason")
    show(heads, [tuple(" ".join(cell.split()) for cell in row) for row in rows], none="There is nothing yet.")
    return 0


async def _list(
    settings: Settings, rooms: Sequence[str], user: str | None, limit: int
) -> list[dict[str, Any]]:
    async with stored_of(settings) as stored:
        found: list[dict[str, Any]] = []
        for room in await rooms_of(stored, rooms):
            before = 0
            mine: list[dict[str, Any]] = []
            while len(mine) < limit and (page := await stored.review.audit(room, before, limit)):
                mine += [entry for entry in page if user in (None, entry.get("user"), entry["by"]["id"])]
                before = page[0]["n"]
                if before == 1:
                    break
            found += mine
            await operate(stored, room, "read", what="audit", **({"user": user} if user else {}))
        return sorted(found, key=lambda entry: (entry["at"], entry["room"], entry["n"]))[-limit:]


# ── verify ───────────────────────────────────────────────────────────────────────────────────────


def run_verify(args: argparse.Namespace) -> int:
    """Say what is wrong on standard error, and how much was looked at."""
    settings = settings_of(args)
    if args.file is not None:
        faults, count, anchors = _verify_file(settings, args.file)
    else:
        faults, count, anchors = asyncio.run(_verify_store(settings))
    for fault in faults:
        place = f"{fault.room or args.file}" + (f", entry {fault.n}" if fault.n else "")
        print(f"hearth: {place}: {fault.what}", file=sys.stderr)
    verdict = f"{len(faults)} faults" if faults else "whole"
    print(f"{count} entries, {anchors} anchors: {verdict}.")
    return 1 if faults else 0


def _verify_file(settings: Settings, path: Path) -> tuple[list[Fault], int, int]:
    """A file alone, with the anchors beside the store: the store itself is not asked."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise CommandError(f"{path}: it can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        return [Fault("", 0, "the file was changed: it is no text")], 0, 0
    seals = Seals(load_key(settings.data, settings.key_file).secret)
    faults, count = ledger.verify(seals, text, [])
    return faults, count, 1


async def _verify_store(settings: Settings) -> tuple[list[Fault], int, int]:
    async with stored_of(settings) as stored:
        return await verify_store(stored)


async def verify_store(stored: Stored) -> tuple[list[Fault], int, int]:
    """Every room's trail against its own chain and against all anchors."""
    seen = await look_at_trails(Seals(stored.key.secret), stored.broker, stored.review, stored.anchors)
    if not seen.faults:
        await stored.anchors.write()
    return seen.faults, seen.entries, seen.anchors


@dataclass(slots=True)
class Seen:
    """What was found in the trails of a store."""

    faults: list[Fault]
    anchors: int
    rooms: int = 0
    entries: int = 0
    left: int = 0
    """Rooms whose trails were not looked at, since that would have been too much."""


async def look_at_trails(
    seals: Seals, broker: Broker, review: Review, written: Anchors, *, most: float = math.inf
) -> Seen:
    """Read and check all trails, or as many as have `most` entries together; nothing is written."""
    faults, anchors = await anchors_of(written, seals)
    seen = Seen(faults, len(anchors))
    for room in dict.fromkeys([*await broker.rooms(), *(room for one in anchors for room in one.heads)]):
        if seen.entries + await review.trail_length(room) > most:
            seen.left += 1
            continue
        trail = Trail(**await review.trail(room))
        seen.rooms += 1
        seen.entries += len(trail.entries)
        seen.faults += check(seals, trail, anchors)
    return seen


async def anchors_of(written: Anchors, seals: Seals) -> tuple[list[Fault], list[Anchor]]:
    """All anchors, and a fault for each that this key did not write."""
    read = [seals.read_anchor(line) for line in await written.read()]
    faults = [Fault("anchors", 0, "one was changed") for anchor in read if anchor is None]
    return faults[:1], [anchor for anchor in read if anchor is not None]


# ── export ───────────────────────────────────────────────────────────────────────────────────────


def run_export(args: argparse.Namespace) -> int:
    """Write the trails, each row with what proves it."""
    lines, count = asyncio.run(_export(settings_of(args), args.room, args.format))
    if args.file is None:
        sys.stdout.write("".join(lines))
        return 0
    try:
        with args.file.open("x", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    except OSError as error:
        raise CommandError(f"{args.file}: it can't be written ({error.strerror})") from None
    print(f"{args.file}: {count} entries. It holds notes about people: keep it safe.")
    return 0


async def _export(settings: Settings, rooms: Sequence[str], form: ledger.Form) -> tuple[list[str], int]:
    async with stored_of(settings) as stored:
        seals = Seals(stored.key.secret)
        names = await rooms_of(stored, rooms)
        for room in names:
            await operate(stored, room, "read", what="export")
        trails = [Trail(**await stored.review.trail(room)) for room in names]
        _, anchors = await anchors_of(stored.anchors, seals)
        if any(check(seals, trail, anchors) for trail in trails):
            raise CommandError("the trail is not whole, and no file can prove it: see `hearth audit verify`")
        await stored.anchors.write()
        lines = list(ledger.write(seals, trails, time.time_ns() // 1_000_000, form))
        return lines, sum(len(trail.entries) for trail in trails)
