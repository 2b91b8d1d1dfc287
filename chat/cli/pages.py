"""`hearth pages`: calls to people outside that wait or were given up; trying them again, or dismissing them."""

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
        help="show calls outside that did not arrive, try them again, or dismiss them",
        description="Show calls outside that wait or were given up, try one again, or dismiss those looked at.",
    )
    acts = parser.add_subparsers(dest="act", metavar="list|again|dismiss", required=True)
    lists = acts.add_parser("list", help="show all")
    lists.add_argument("--json", action="store_true", help="print JSON")
    lists.set_defaults(func=run_list)
    again = acts.add_parser("again", help="try one that was given up")
    again.add_argument("page", metavar="PAGE", help="its id, as `list` shows it")
    again.set_defaults(func=run_again)
    dismiss = acts.add_parser("dismiss", help="list one no more that was given up and looked at")
    which = dismiss.add_mutually_exclusive_group(required=True)
    which.add_argument("pages", metavar="PAGE", nargs="*", default=[], help="ids, as `list` shows them")
    which.add_argument("--all", action="store_true", help="all that were given up")
    dismiss.set_defaults(func=run_dismiss)
    for act in (lists, again, dismiss):
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
    asyncio.run(_take(settings_of(args), "again", [args.page]))
    print(f"{args.page} is tried again, as soon as a server runs.")
    return 0


def run_dismiss(args: argparse.Namespace) -> int:
    """List some no more."""
    done = asyncio.run(_take(settings_of(args), "dismiss", None if args.all else args.pages))
    print(f"{done} dismissed.")
    return 0


async def _take(settings: Settings, op: str, pages: list[str] | None) -> int:
    """Do so with these pages, or with all that were given up; how many there were."""
    async with stored_of(settings) as stored:
        rooms = await stored.broker.rooms()
        if pages is None:
            pages = [page["id"] for page in await stored.review.pages(list(rooms)) if "dead_at" in page]
        for page in pages:
            room = room_of(page.partition("/")[0])
            args = {"op": op, "page": page, "by": OPERATOR}
            if room not in rooms or not (await stored.broker.clock(room, args))["is_taken"]:
                raise CommandError(f"{page} was not given up; see: hearth pages list")
        return len(pages)
