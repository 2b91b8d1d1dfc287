"""`hearth room`: list the rooms, add one, close one."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import asdict, dataclass
from typing import Final

from chat.assembly import Stored, make_room
from chat.cli import CommandError
from chat.cli.invite import WORDS
from chat.cli.place import add_place, operate, settings_of, stored_of
from chat.cli.table import show, show_json
from chat.protocol.errors import TEXTS, ErrorCode
from chat.protocol.events import Notice
from chat.protocol.fields import ASIDE
from chat.protocol.wire import pack
from chat.settings import Settings, load_rooms
from chat.store.keys import is_room_id

TITLE: Final = 100
TOPIC: Final = 200
OPENED: Final = "This room is open again. Welcome back."


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "room", help="list, add and close rooms", description="List the rooms, add one, or close one."
    )
    acts = parser.add_subparsers(dest="act", metavar="list|add|close", required=True)
    lists = acts.add_parser("list", help="show all rooms")
    lists.add_argument("--json", action="store_true", help="print JSON")
    lists.set_defaults(func=run_list)
    add = acts.add_parser(
        "add",
        help="make a room, or open a closed one again",
        description="Make a room, at once for everybody.",
    )
    add.add_argument("room", metavar="ROOM", type=_room, help="its id: lower-case letters, digits, . _ -")
    add.add_argument("--title", type=_title, help="what people see (as configured, else the id)")
    add.add_argument("--topic", type=_topic, help="what is talked about")
    add.set_defaults(func=run_add)
    close = acts.add_parser(
        "close",
        help="close a room: nobody posts, participants no longer come in",
        description="Close a room. What was said stays; staff still come in, and `help` still reaches them.",
    )
    close.add_argument("room", metavar="ROOM", type=_room, help="its id")
    close.set_defaults(func=run_close)
    for act in (lists, add, close):
        add_place(act)


# ── list ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Row:
    """One room as the list shows it."""

    room: str
    title: str
    state: str
    here: int
    entries: int


def run_list(args: argparse.Namespace) -> int:
    """Print the rooms in the order made."""
    rows = asyncio.run(_rows(settings_of(args)))
    if args.json:
        show_json([asdict(row) for row in rows])
    else:
        show(
            ("room", "title", "state", "here", "entries"),
            [(row.room, row.title, row.state, str(row.here), str(row.entries)) for row in rows],
            none="No rooms yet. The server makes those of rooms.toml as it starts; or: hearth room add ROOM",
        )
    return 0


async def _rows(settings: Settings) -> list[Row]:
    rows = []
    async with stored_of(settings) as stored:
        for room, title in (await stored.broker.rooms()).items():
            found = await stored.broker.snapshot(room)
            state = "closed" if found.room.get("closed") == "1" else "open"
            if state == "open" and found.room.get("locked") == "1":
                state = "locked"
            rows.append(Row(room, title, state, len(found.here), found.head))
    return rows


# ── add and close ────────────────────────────────────────────────────────────────────────────────


def run_add(args: argparse.Namespace) -> int:
    """Make a room."""
    done = asyncio.run(_add(settings_of(args), args.room, args.title, args.topic))
    print(f"{args.room} {done}.")
    print(f"Let people in with: hearth invite {args.room}", file=sys.stderr)
    return 0


async def _add(settings: Settings, room: str, title: str | None, topic: str | None) -> str:
    given = {name: value for name, value in (("title", title), ("topic", topic)) if value is not None}
    policy = load_rooms(settings.folder).policy(room).model_copy(update=given)
    async with stored_of(settings) as stored:
        if await make_room(stored.broker, policy):
            return "is there"
        if not await _is_closed(stored, room):
            raise CommandError(f"there is a room {room} already")
        if given:
            raise CommandError(f"the room {room} is closed: open it first, without --title or --topic")
        await _set_closed(stored, room, is_closed=False)
        return "is open again"


def run_close(args: argparse.Namespace) -> int:
    """Close a room."""
    asyncio.run(_close(settings_of(args), args.room))
    print(f"{args.room} is closed.")
    print(f"Open it again with: hearth room add {args.room}", file=sys.stderr)
    return 0


async def _close(settings: Settings, room: str) -> None:
    async with stored_of(settings) as stored:
        known = await stored.broker.rooms()
        if room not in known:
            raise CommandError(f"there is no room {room!r} (there are: {', '.join(known) or 'none yet'})")
        if await _is_closed(stored, room):
            raise CommandError(f"the room {room} is closed already")
        await _set_closed(stored, room, is_closed=True)


async def _is_closed(stored: Stored, room: str) -> bool:
    return (await stored.broker.snapshot(room)).room.get("closed") == "1"


async def _set_closed(stored: Stored, room: str, *, is_closed: bool) -> None:
    text = TEXTS[ErrorCode.ROOM_CLOSED] if is_closed else OPENED
    notice = Notice(room=room, code="room_closed" if is_closed else "room_opened", text=text)
    await operate(
        stored, room, "set_room",
        changes={"closed": is_closed}, stored={"closed": str(int(is_closed))}, notice=pack(notice),
    )  # fmt: skip


# ── options ──────────────────────────────────────────────────────────────────────────────────────


def _room(text: str) -> str:
    if not is_room_id(text) or text.startswith(ASIDE):
        raise argparse.ArgumentTypeError(
            "a room's id is 1 to 64 lower-case letters, digits, dots, dashes and underscores"
        )
    if text in WORDS:
        raise argparse.ArgumentTypeError(f"{text!r} means something else in `hearth invite {text}`")
    return text


def _title(text: str) -> str:
    return _line(text, TITLE)


def _topic(text: str) -> str:
    return _line(text, TOPIC)


def _line(text: str, most: int) -> str:
    text = " ".join(text.split())
    if not text or len(text) > most or not text.isprintable():
        raise argparse.ArgumentTypeError(f"one line of at most {most} characters")
    return text
