"""`hearth backup`: a copy of all that the store holds, taken while the server runs."""

from __future__ import annotations

import argparse
import asyncio
from datetime import datetime
from pathlib import Path

from chat.config import ConfigError
from chat.settings import Settings
from chat.store.address import StoreRefused
from chat.store.backup import Manifest, back_up
from chat.store.embedded import open_store
from chat.tokens import KEY_FILE, load_key


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "backup",
        help="copy the store while it runs",
        description="Copy all that the store holds into one new file, while the server runs or not.",
    )
    parser.add_argument("file", nargs="?", type=Path, help="file to write (hearth-DATE-TIME.tar)")
    parser.add_argument("--with-key", action="store_true", help="put the token key in: it can sign any token")
    parser.add_argument("--data", type=Path, help="folder of the embedded store and the token key")
    parser.add_argument("--config", type=Path, help="folder with the settings")
    parser.add_argument(
        "--store", help="address of a Valkey or Redis that is used instead of the embedded one"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write the backup and say what is in it. Raises ConfigError, StoreRefused."""
    settings = Settings.load(args.config, data=args.data, store=args.store)
    target = args.file or Path(f"hearth-{datetime.now().astimezone():%Y%m%d-%H%M%S}.tar")
    manifest = asyncio.run(_back_up(settings, target, with_key=args.with_key))
    print(f"{target}: {manifest.size:,} bytes of {manifest.server}, epoch {manifest.epoch or 'none yet'}.")
    print("It holds what people wrote, also what is erased later: keep it safe, and not for long.")
    if manifest.has_key:
        print("It holds the token key: whoever has this file can be anybody.")
    else:
        print(f"The token key is not in it: keep a copy of {key_file(settings)} in another safe place.")
    return 0


def key_file(settings: Settings) -> Path:
    """Where the token key is or would be."""
    return settings.key_file or settings.data / KEY_FILE


async def _back_up(settings: Settings, target: Path, *, with_key: bool) -> Manifest:
    path = key_file(settings)
    has_key = path.exists()
    if with_key and not has_key:
        raise ConfigError([f"{path}: there is no token key to put in; name its folder with --data"])
    fingerprint = load_key(settings.data, settings.key_file).fingerprint if has_key else ""
    key = path.read_bytes() if with_key else None
    if settings.store is not None:
        return await back_up(settings.store, target, fingerprint=fingerprint, key=key)
    if not (settings.data / "store").is_dir():
        raise StoreRefused(
            f"{settings.data} holds no store: name its folder with --data, or a store with --store"
        )
    async with open_store(settings.data, fsync=settings.fsync, server=settings.store_server) as running:
        return await back_up(running.url, target, fingerprint=fingerprint, key=key)
