"""`hearth token`: print a sign-in token, signed with the key in the data directory. No server is needed."""

from __future__ import annotations

import argparse
import re
import unicodedata
from pathlib import Path
from typing import Final

from chat.cli import CommandError
from chat.protocol.fields import Role
from chat.settings import Settings
from chat.tokens import EVERYWHERE, is_user, load_key, new_user, sign

UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LONGEST: Final = 366 * 86_400
ROOM_LENGTH: Final = 64


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "token",
        help="print a sign-in token",
        description="Print a sign-in token, and nothing else. It is a secret: whoever has it is that person.",
    )
    parser.add_argument(
        "--role", required=True, choices=[role.value for role in Role], help="what they may do"
    )
    parser.add_argument("--name", required=True, type=name_of, help="the name that others see")
    parser.add_argument(
        "--room",
        action="append",
        type=_room,
        default=[],
        help="where; may be repeated; without it, in all rooms",
    )
    parser.add_argument("--user", type=user_of, help="id of somebody known; without it, somebody new")
    parser.add_argument("--ttl", type=duration, default="12h", help="how long it holds: 30m, 12h, 7d (12h)")
    parser.add_argument("--data", type=Path, help="folder with the token key, made on first use")
    parser.add_argument("--config", type=Path, help="folder with the settings")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print it."""
    settings = Settings.load(args.config, data=args.data)
    if len(args.name) > settings.limits.name:
        raise CommandError(f"--name: a name has at most {settings.limits.name} characters")
    key = load_key(settings.data, settings.key_file)
    grants = dict.fromkeys(args.room or [EVERYWHERE], args.role)
    print(sign(key, user=args.user or new_user(), name=args.name, grants=grants, ttl=args.ttl))
    return 0


def duration(text: str) -> int:
    """Seconds in `90`, `90s`, `30m`, `12h`, `7d` or `2w`."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdw]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 30m, 12h or 7d")
    seconds = int(match[1]) * UNITS[match[2] or "s"]
    if seconds > LONGEST:
        raise argparse.ArgumentTypeError("a year is the longest")
    return seconds


def name_of(text: str) -> str:
    """A name in one line, its spaces tidied."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or not name.isprintable():
        raise argparse.ArgumentTypeError("a name is one line of text")
    return name


def _room(text: str) -> str:
    if not text or len(text) > ROOM_LENGTH:
        raise argparse.ArgumentTypeError("a room's id has 1 to 64 characters")
    return text


def user_of(text: str) -> str:
    """The id of a person."""
    if not is_user(text):
        raise argparse.ArgumentTypeError("an id has 1 to 64 letters, digits, dots, dashes or underscores")
    return text
