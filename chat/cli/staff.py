"""`hearth staff`: who guides and moderates by the store's word, which every token made earlier yields to."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from chat.assembly import Stored
from chat.cli import CommandError
from chat.cli.place import add_address, add_place, base_of, operate, settings_of, stored_of
from chat.cli.table import day, show, show_json
from chat.cli.token import duration, name_of, user_of
from chat.node.ports import Person
from chat.protocol.fields import Role
from chat.room.permissions import role_in
from chat.settings import Settings
from chat.tokens import EVERYWHERE, new_user, sign

ROLES: Final = [role.value for role in Role if role.is_staff]
FRAGMENT: Final = "#token="


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "staff", help="list, add and revoke staff", description="List who is staff, add somebody, or revoke."
    )
    acts = parser.add_subparsers(dest="act", metavar="list|add|revoke", required=True)
    lists = acts.add_parser("list", help="show all staff that were added here")
    lists.add_argument("--json", action="store_true", help="print JSON")
    lists.set_defaults(func=run_list)
    add = acts.add_parser(
        "add",
        help="give somebody a role, and print their sign-in link",
        description="Give somebody a role, at once, and print a sign-in link. It is a secret: whoever has it"
        " is that person. What they were given here before stays, but for the same rooms.",
    )
    add.add_argument("--role", required=True, choices=ROLES, help="what they may do")
    add.add_argument("--name", type=name_of, help="the name that others see; may be left out with --user")
    add.add_argument("--user", type=user_of, help="id of somebody known; without it, somebody new")
    add.add_argument(
        "--ttl", type=duration, default="12h", help="how long the link holds: 30m, 12h, 7d (12h)"
    )
    add_address(add)
    add.set_defaults(func=run_add)
    revoke = acts.add_parser(
        "revoke",
        help="take a role away, on open connections too",
        description="Take somebody's staff roles, at once, whatever tokens they have.",
    )
    revoke.add_argument("user", metavar="USER", type=user_of, help="id of the person, as `list` shows it")
    revoke.set_defaults(func=run_revoke)
    for act in (add, revoke):
        act.add_argument(
            "--room", action="append", default=[], help="where; may be repeated; else everywhere"
        )
    for act in (lists, add, revoke):
        add_place(act)


# ── list ─────────────────────────────────────────────────────────────────────────────────────────


def run_list(args: argparse.Namespace) -> int:
    """Print who is staff by the store's word."""
    people = asyncio.run(_all(settings_of(args)))
    if args.json:
        show_json(
            [
                {
                    "user": one.id,
                    "name": one.name,
                    "grants": dict(one.grants or {}),
                    "granted_at": one.granted_at,
                }
                for one in people
            ]
        )
    else:
        show(
            ("user", "name", "roles", "since"),
            [(one.id, one.name, _told(one.grants or {}), day(one.granted_at)) for one in people],
            none="Nobody was added yet. Add somebody with: hearth staff add --role ROLE --name NAME",
        )
    return 0


async def _all(settings: Settings) -> list[Person]:
    async with stored_of(settings) as stored:
        return await stored.people.staff()


def _told(grants: Mapping[str, str]) -> str:
    places = ((room if room != EVERYWHERE else "all rooms", role) for room, role in sorted(grants.items()))
    return ", ".join(f"{role} in {place}" for place, role in places)


# ── add and revoke ───────────────────────────────────────────────────────────────────────────────


def run_add(args: argparse.Namespace) -> int:
    """Give a role and print a link."""
    settings = settings_of(args)
    if args.name and len(args.name) > settings.limits.name:
        raise CommandError(f"--name: a name has at most {settings.limits.name} characters")
    user, link, grants = asyncio.run(_add(settings, args))
    print(link)
    print(f"{user} is {_told(grants)} now. Undo with: hearth staff revoke {user}", file=sys.stderr)
    return 0


async def _add(settings: Settings, args: argparse.Namespace) -> tuple[str, str, Mapping[str, str]]:
    async with stored_of(settings) as stored:
        await _refuse_unknown(stored, args.room)
        user = args.user or new_user()
        person = await stored.people.person(user)
        name = args.name or person.name
        if not name:
            raise CommandError("--name: say which name others see; nobody of this id was here yet")
        if not await stored.people.take_name(user, name):
            raise CommandError("--name: somebody has that name already; choose another one")
        grants = {**(person.grants or {}), **dict.fromkeys(args.room or [EVERYWHERE], args.role)}
        await _grant(stored, user, grants)
        token = sign(stored.key, user=user, name=name, grants=grants, ttl=args.ttl)
    return user, f"{base_of(settings, args.url)}{FRAGMENT}{token}", grants


def run_revoke(args: argparse.Namespace) -> int:
    """Take roles away."""
    left = asyncio.run(_revoke(settings_of(args), args.user, args.room))
    print(f"{args.user} {f'is {_told(left)} now' if left else 'has no role here any more'}.")
    return 0


async def _revoke(settings: Settings, user: str, rooms: Sequence[str]) -> Mapping[str, str]:
    async with stored_of(settings) as stored:
        await _refuse_unknown(stored, rooms)
        person = await stored.people.person(user)
        held = dict(person.grants or {})
        if rooms and (why := _why_not_there(held, rooms)):
            raise CommandError(why)
        left = {
            room: role
            for room, role in held.items()
            if not Role(role).is_staff or (rooms and room not in rooms)
        }
        await _grant(stored, user, left)
    return left


def _why_not_there(held: Mapping[str, str], rooms: Sequence[str]) -> str | None:
    """Why a revocation can't be for these rooms alone."""
    if EVERYWHERE in held:
        return "their role is for all rooms: revoke it without --room, then add the rooms that stay"
    without = [room for room in rooms if room not in held]
    if without:
        return f"nothing was given here for {', '.join(without)}; without --room, everything is revoked"
    return None


async def _grant(stored: Stored, user: str, grants: Mapping[str, str]) -> None:
    """Write the newest word: first where the scripts look, then where nodes do, who then hear of it.

    Broken off half-way it is done by doing it again.
    """
    for room in await stored.broker.rooms():
        role = role_in(grants, room)
        if role is not None or await stored.broker.standing(room, user):
            await operate(stored, room, "grant", user=user, grant=role)
    await stored.people.grant(user, grants)


async def _refuse_unknown(stored: Stored, rooms: Sequence[str]) -> None:
    known = await stored.broker.rooms()
    unknown = [room for room in rooms if room not in known]
    if unknown:
        raise CommandError(
            f"there is no room {', '.join(unknown)} (there are: {', '.join(known) or 'none yet'})"
        )
