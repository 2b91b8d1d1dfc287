"""`hearth restore`: a new data directory, made of a backup."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from chat.cli.backup import key_file
from chat.settings import Settings
from chat.store.address import StoreRefused
from chat.store.backup import Manifest, read_manifest, refuse_restore, restore
from chat.tokens import load_key


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "restore",
        help="make a data directory of a backup",
        description="Make an empty folder the data folder of an embedded store, with what a backup holds.",
    )
    parser.add_argument("file", type=Path, help="the backup")
    parser.add_argument("--data", type=Path, help="folder to fill: new, empty, or with the token key alone")
    parser.add_argument("--config", type=Path, help="folder with the settings")
    parser.add_argument("--new-key", action="store_true", help="let a new token key take over: old links end")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Restore and say how to go on. Raises ConfigError, StoreRefused."""
    settings = Settings.load(args.config, data=args.data)
    manifest = read_manifest(args.file)
    if why := refuse_restore(manifest, settings.data) or _refuse_key(
        manifest, settings, new_key=args.new_key
    ):
        raise StoreRefused(why)
    forget = args.new_key and not _fits(manifest, settings)
    epoch = asyncio.run(restore(args.file, settings.data, forget_key=forget, server=settings.store_server))
    print(f"{settings.data} holds what the backup held, under the new epoch {epoch}: clients start over.")
    print(f"Start the server with: hearth serve --data {settings.data}")
    if settings.store is not None:
        print("The settings name another store, which this did not change.", file=sys.stderr)
    return 0


def _fits(manifest: Manifest, settings: Settings) -> bool:
    """Whether the key that the restored server would have is the one that its data belongs to."""
    if manifest.has_key and settings.key_file is None:
        return True
    path = key_file(settings)
    return path.exists() and load_key(settings.data, settings.key_file).fingerprint == manifest.fingerprint


def _refuse_key(manifest: Manifest, settings: Settings, *, new_key: bool) -> str | None:
    """Why the restored server would not start for want of the right key, or None."""
    if not manifest.fingerprint or new_key or _fits(manifest, settings):
        return None
    path = key_file(settings)
    found = "is another server's" if path.exists() else "is not there, and the backup holds none"
    return (
        f"the token key {path} {found}: put the old server's there first ({manifest.fingerprint}), or"
        " restore with --new-key, which ends all links and sign-ins made with the old one"
    )
