"""`hearth invite`: make an invite link, list what was made, revoke one."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from chat.cli import CommandError
from chat.cli.place import add_address, add_place, base_of, settings_of, stored_of
from chat.cli.table import day, show, show_json
from chat.protocol.fields import Role
from chat.settings import Settings, load_rooms
from chat.store.people import Invite, digest

LIST: Final = "list"
REVOKE: Final = "revoke"
WORDS: Final = frozenset({LIST, REVOKE})
"""What stands where a room does, and can therefore be no room's name."""

USES: Final = 25
DAYS: Final = 14
DAY: Final = 86_400_000
SHOWN: Final = 12
"""Characters of a digest that name an invite in lists."""
LEAST: Final = 4
MOST_USES: Final = 100_000
MOST_DAYS: Final = 366
LABEL: Final = 80
FRAGMENT: Final = "#invite="


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "invite",
        help="make, list and revoke invite links",
        description="Print an invite link of a room, and nothing else. Whoever has it may come in under a"
        " name of their own. `hearth invite list` shows what was made, `hearth invite revoke ID` ends one.",
        usage="hearth invite ROOM [options]\n       hearth invite list [options]\n"
        "       hearth invite revoke ID [options]",
    )
    parser.add_argument("room", metavar="ROOM", help="the room to open; or `list`, or `revoke`")
    parser.add_argument("which", metavar="ID", nargs="?", help="which invite to revoke: how its id begins")
    parser.add_argument(
        "--role",
        default=Role.PARTICIPANT.value,
        choices=[role.value for role in Role if role is not Role.ADMIN],
        help="what those who come may do there (participant)",
    )
    parser.add_argument("--uses", type=_uses, help=f"how many may come in, 0: any number ({USES}; staff: 1)")
    parser.add_argument(
        "--days", type=_days, default=DAYS, help=f"how long it holds, 0: until revoked ({DAYS})"
    )
    parser.add_argument("--label", type=_label, default="", help="what you know it by in the list")
    parser.add_argument("--json", action="store_true", help="list as JSON")
    add_address(parser)
    add_place(parser)
    parser.set_defaults(func=lambda args: run(args, parser))


def run(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Do what was asked. Raises CommandError, ConfigError, StoreRefused."""
    if args.room == REVOKE and args.which is None:
        parser.error("say which: give the invite's id, as `hearth invite list` shows it")
    if args.room != REVOKE and args.which is not None:
        parser.error(f"{args.which!r} is one word too many")
    settings = settings_of(args)
    if args.room == LIST:
        _list(asyncio.run(_all(settings)), as_json=args.json)
    elif args.room == REVOKE:
        revoked = asyncio.run(_revoke(settings, args.which))
        print(f"Revoked {revoked.digest[:SHOWN]}, an invite to {revoked.room}.")
    else:
        _make(settings, args)
    return 0


# ── make ─────────────────────────────────────────────────────────────────────────────────────────


def _make(settings: Settings, args: argparse.Namespace) -> None:
    uses = args.uses if args.uses is not None else USES if args.role == Role.PARTICIPANT else 1
    expires = time.time_ns() // 1_000_000 + round(args.days * DAY) if args.days else 0
    code = asyncio.run(_invite(settings, args.room, args.role, uses, expires, args.label))
    print(f"{base_of(settings, args.url)}{FRAGMENT}{code}")
    whom = "any number of people" if not uses else "one person" if uses == 1 else f"{uses} people"
    till = f"until {day(expires)}" if expires else "until it is revoked"
    print(f"For {whom}, {till}. End it with: hearth invite revoke {digest(code)[:SHOWN]}", file=sys.stderr)


async def _invite(settings: Settings, room: str, role: str, uses: int, expires: int, label: str) -> str:
    async with stored_of(settings) as stored:
        # What the configuration names is made at the first start of the server, and may be invited to before.
        known = [*await stored.broker.rooms(), *load_rooms(settings.folder).named]
        if room not in known:
            raise CommandError(_no_room(room, known))
        if (await stored.broker.snapshot(room)).room.get("closed") == "1":
            raise CommandError(f"the room {room} is closed; open it again with: hearth room add {room}")
        return await stored.people.invite(room, role=role, most=uses, expires=expires, label=label)


def _no_room(room: str, known: Sequence[str]) -> str:
    there = ", ".join(dict.fromkeys(known)) or "none yet"
    return f"there is no room {room!r} (there are: {there}); make one with: hearth room add NAME"


# ── list and revoke ──────────────────────────────────────────────────────────────────────────────


async def _all(settings: Settings) -> list[Invite]:
    async with stored_of(settings) as stored:
        return await stored.people.invites()


def _list(invites: Sequence[Invite], *, as_json: bool) -> None:
    now = time.time_ns() // 1_000_000
    if as_json:
        show_json([_told(invite, now) for invite in invites])
        return
    rows = [
        (
            invite.digest[:SHOWN],
            invite.room,
            invite.role,
            f"{invite.used}/{invite.most or '-'}",
            day(invite.expires) or "-",
            state(invite, now),
            invite.label,
        )
        for invite in invites
    ]
    show(
        ("id", "room", "role", "used", "until", "state", "label"),
        sorted(rows, key=lambda row: (row[1], row[5] != "open", row[0])),
        none="No invites yet. Make one with: hearth invite ROOM",
    )


def _told(invite: Invite, now: int) -> dict[str, Any]:
    fields = asdict(invite)
    del fields["is_revoked"]
    return {"id": fields.pop("digest"), **fields, "state": state(invite, now)}


def state(invite: Invite, now: int) -> str:
    """Whether somebody can still come in by it at `now` (milliseconds), and why not."""
    if invite.is_revoked:
        return "revoked"
    if invite.expires and invite.expires < now:
        return "expired"
    if invite.most and invite.used >= invite.most:
        return "used up"
    return "open"


async def _revoke(settings: Settings, which: str) -> Invite:
    """Revoke the one invite that is meant: by how its id begins, or by its link or code."""
    async with stored_of(settings) as stored:
        invites = await stored.people.invites()
        exact = digest(which.rpartition(FRAGMENT)[2])
        found = [one for one in invites if one.digest == exact] or [
            one for one in invites if len(which) >= LEAST and one.digest.startswith(which.lower())
        ]
        if not found:
            raise CommandError(
                f"no invite's id begins like that (give at least {LEAST} characters);"
                " see them with: hearth invite list"
            )
        if len(found) > 1:
            raise CommandError(f"{len(found)} invites begin like that; give more characters of the id")
        await stored.people.revoke_invite(found[0].digest)
        return found[0]


# ── options ──────────────────────────────────────────────────────────────────────────────────────


def _uses(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_USES:
        raise argparse.ArgumentTypeError(f"a number from 0 to {MOST_USES:,}")
    return int(text)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"a number of days from 0 to {MOST_DAYS}")
    return days


def _label(text: str) -> str:
    if len(text) > LABEL or not text.isprintable():
        raise argparse.ArgumentTypeError(f"one line of at most {LABEL} characters")
    return text
