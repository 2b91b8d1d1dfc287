"""`hearth pages`: calls to people outside that wait or were given up, and trying them again."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from chat.cli import CommandError
from chat.cli.place import OPERATOR, add_place, settings_of, stored_of
from chat.cli.table import day, show, show_json
from chat.node.node import room_of
from chat.settings import Settings


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "pages",
        help="show calls outside that did not arrive, and try them again",
        description="Show calls outside that wait or were given up, or try one again.",
    )
    acts = parser.add_subparsers(dest="act", metavar="list|again", required=True)
    lists = acts.add_parser("list", help="show all")
    lists.add_argument("--json", action="store_true", help="print JSON")
    lists.set_defaults(func=run_list)
    again = acts.add_parser("again", help="try one that was given up")
    again.add_argument("page", metavar="PAGE", help="its id, as `list` shows it")
    again.set_defaults(func=run_again)
    for act in (lists, again):
        add_place(act)


def run_list(args: argparse.Namespace) -> int:
    """Print them, the oldest first."""
    pages = asyncio.run(_all(settings_of(args)))
    if args.json:
        show_json(pages)
    else:
        show(
            ("page", "room", "severity", "made", "tries", "why", "state"),
            [
                (
                    page["id"], page["room"], page["severity"], day(int(page["made_at"])), str(page["tries"]),
                    page.get("why", ""), "given up" if "dead_at" in page else "waits",
                )
                for page in pages
            ],
            none="No calls wait, and none was given up.",
        )  # fmt: skip
    return 0


async def _all(settings: Settings) -> list[dict[str, Any]]:
    async with stored_of(settings) as stored:
        return await stored.review.pages(list(await stored.broker.rooms()))


def run_again(args: argparse.Namespace) -> int:
    """Try one again."""
    asyncio.run(_again(settings_of(args), args.page))
    print(f"{args.page} is tried again, as soon as a server runs.")
    return 0


async def _again(settings: Settings, page: str) -> None:
    async with stored_of(settings) as stored:
        room = room_of(page.partition("/")[0])
        known = room in await stored.broker.rooms()
        args = {"op": "again", "page": page, "by": OPERATOR}
        if not known or not (await stored.broker.clock(room, args))["is_taken"]:
            raise CommandError(f"{page} was not given up; see: hearth pages list")
