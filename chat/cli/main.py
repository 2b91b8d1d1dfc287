"""The program `hearth`: which commands there are, and how each one's failure is told."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from chat import __version__, logs

COMMANDS: Final = {
    "serve": "run the server",
    "token": "print a sign-in token",
    "invite": "make, list and revoke invite links",
    "room": "list, add and close rooms",
    "staff": "list, add and revoke staff",
    "audit": "list, verify and export what staff did",
    "pages": "show calls outside that did not arrive, and try them again",
    "report": "tell how review went, in numbers",
    "check": "say what moderation would do with a text, and why",
    "evaluate": "measure moderation on labelled texts",
    "replay": "say what a changed rule set would have done to a log",
    "doctor": "look for what needs mending",
    "asyncapi": "print the wire protocol",
    "bench": "measure fan-out beside a bare server",
    "backup": "copy the store while it runs",
    "restore": "make a data directory of a backup",
}
"""Every command, in the order of the help; `chat.cli.NAME` has its options and what it does."""

WRONG_USE: Final = 2
INTERRUPTED: Final = 130


def build_parser(first: str | None = None) -> argparse.ArgumentParser:
    """The parser. Only the command named `first` is filled in, so that none waits for the others' imports."""
    parser = argparse.ArgumentParser(
        prog="hearth", description="A moderated group chat server for mental-health peer support."
    )
    parser.add_argument("--version", action="version", version=f"hearth {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        if name == first:
            import_module(f"chat.cli.{name}").register(commands)
        else:
            commands.add_parser(name, help=purpose)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0: done; 1: it could not be done, said on standard error; 2: asked wrongly."""
    words = list(sys.argv[1:] if argv is None else argv)
    logs.configure("warning")
    first = next((word for word in words if not word.startswith("-")), None)
    args = build_parser(first).parse_args(words)
    try:
        return int(args.func(args))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough; the interpreter would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except _failures() as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"hearth: {line}\n")
        return 1


def _failures() -> tuple[type[Exception], ...]:
    """What a command may fail with that an operator can mend. Looked up late: a success needs none of it."""
    from chat.cli import CommandError  # noqa: PLC0415  see above
    from chat.config import ConfigError  # noqa: PLC0415  see above
    from chat.store.address import StoreRefused  # noqa: PLC0415  see above
    from moderation import RuleError  # noqa: PLC0415  see above

    return CommandError, ConfigError, StoreRefused, RuleError
