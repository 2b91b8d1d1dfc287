"""Where a command works: its options, the settings and store they lead to, the address of links."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from chat.assembly import Stored, store_of
from chat.cli import CommandError
from chat.node.ports import Unavailable
from chat.protocol.fields import Role
from chat.settings import Settings
from chat.store.address import StoreRefused

OPERATOR: Final = {"id": ":operator", "name": "Operator", "role": Role.ADMIN.value}
"""Who acts by a command, in the audit trail; the colon keeps the id from being anybody's."""
ANYWHERE: Final = ("0.0.0.0", "::", "")  # noqa: S104  what a server may listen on, and no link can name


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a store and its settings."""
    parser.add_argument("--data", type=Path, help="folder of the embedded store and the token key")
    parser.add_argument("--config", type=Path, help="folder with the settings and rooms")
    parser.add_argument(
        "--store", help="address of a Valkey or Redis that is used instead of the embedded one"
    )


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the server in links."""
    parser.add_argument("--url", type=address, help="what links begin with, as in https://chat.example.org/")


def address(text: str) -> str:
    """The page's address, with the slash that a fragment follows."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is no address of a page; write https://chat.example.org/")
    return text if text.endswith("/") else f"{text}/"


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that the options lead to. Raises ConfigError."""
    return Settings.load(args.config, data=args.data, store=args.store)


@asynccontextmanager
async def stored_of(settings: Settings) -> AsyncIterator[Stored]:
    """The store: a running server's, or else the data directory's for as long as this lasts."""
    try:
        async with store_of(settings) as stored:
            yield stored
    except Unavailable:
        raise StoreRefused(
            "the store stopped answering half-way: see that it runs, and give the command again"
        ) from None


async def operate(stored: Stored, room: str, op: str, /, **more: Any) -> None:
    """Change a room as its operator, with event and audit entry, by the store's `act` script."""
    args = {"op": op, "by": OPERATOR, "role": OPERATOR["role"], "issued": 0, "least": Role.ADMIN.rank + 1}
    reply = await stored.broker.act(room, {**args, **more})
    if "code" in reply:
        raise CommandError(f"the room {room} refuses this ({reply['code']})")


async def rooms_of(stored: Stored, wanted: Sequence[str]) -> list[str]:
    """The rooms that were named, or all. Raises CommandError where there is no such room."""
    known = await stored.broker.rooms()
    unknown = [room for room in wanted if room not in known]
    if unknown:
        raise CommandError(
            f"there is no room {', '.join(unknown)} (there are: {', '.join(known) or 'none yet'})"
        )
    return list(dict.fromkeys(wanted)) or list(known)


def base_of(settings: Settings, url: str | None = None, *, port: int | None = None) -> str:
    """What links begin with: as given, else how a server with these settings is reached on its machine."""
    if url:
        return url
    scheme = "https" if settings.tls_cert else "http"
    host = "127.0.0.1" if settings.host in ANYWHERE else settings.host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port or settings.port}/"
