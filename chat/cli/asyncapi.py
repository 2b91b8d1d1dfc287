"""`hearth asyncapi`: print the protocol as an AsyncAPI 3 document."""

from __future__ import annotations

import argparse
import json

from chat import __version__
from chat.protocol.asyncapi import document
from chat.room.permissions import RIGHTS


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "asyncapi",
        help="print the wire protocol",
        description="Print the wire protocol as an AsyncAPI 3 document in JSON.",
    )
    parser.set_defaults(func=run)


def run(_: argparse.Namespace) -> int:
    """Print it."""
    rights = {
        command: {"scope": right.scope.value, "least": right.least.value, "joined": right.is_joined}
        for command, right in RIGHTS.items()
    }
    print(json.dumps(document(__version__, rights), indent=2, ensure_ascii=False))
    return 0
