"""`hearth serve`: run a node until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import ssl
import sys
from pathlib import Path

import structlog

from chat import logs
from chat.assembly import Content, node_of, read_content
from chat.cli import CommandError
from chat.cli.place import base_of
from chat.node.node import Node
from chat.server.app import App, tls_context
from chat.settings import Settings
from chat.tokens import EVERYWHERE, new_user
from moderation import RuleError, load

log = structlog.get_logger(__name__)

FIRST_LINKS = 12 * 3600.0
"""Seconds that the links of a first start hold."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve", help="run the server", description="Run the server until it is stopped."
    )
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for any free one (8765)")
    parser.add_argument("--data", type=Path, help="folder for the embedded store and the token key")
    parser.add_argument("--config", type=Path, help="folder with rooms, rules, words and lists")
    parser.add_argument("--store", help="address of a Valkey or Redis to use instead of the embedded one")
    parser.add_argument("--tls-cert", type=Path, help="certificate chain, to serve over TLS")
    parser.add_argument("--tls-key", type=Path, help="its private key")
    parser.add_argument(
        "--insecure", action="store_true", default=None, help="serve a public address without TLS"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Serve. 0 after draining."""
    settings = Settings.load(
        args.config,
        host=args.host,
        port=args.port,
        data=args.data,
        store=args.store,
        tls_cert=args.tls_cert,
        tls_key=args.tls_key,
        insecure=args.insecure,
    )
    try:
        tls_context(settings.tls_cert, settings.tls_key)
    except OSError as error:
        why = (
            "no certificate chain and its key in PEM" if isinstance(error, ssl.SSLError) else "can't be read"
        )
        raise CommandError(f"tls_cert {settings.tls_cert} and tls_key {settings.tls_key}: {why}") from None
    logs.configure(settings.log_level)
    logs.take_over_crashes()
    content = read_content(settings.folder)
    asyncio.run(_serve(settings, content))
    return 0


async def _serve(settings: Settings, content: Content) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    # Rules and words stay for good: the collector need not walk them, nor hold a message up for it.
    gc.collect()
    gc.freeze()
    async with node_of(settings, content) as (node, is_fresh):
        loop.add_signal_handler(signal.SIGHUP, lambda: node.hub.soon(reload_rules(node, settings.folder)))
        app = App(node)
        try:
            port = await app.start()
        except OSError as error:
            raise CommandError(
                f"can't listen on {settings.host} port {settings.port}"
                f" ({os.strerror(error.errno or 0).lower()}): "
                "stop what uses it, or choose another --port"
            ) from None
        await _welcome(node, settings, port, is_fresh=is_fresh)
        log.info("serve.ready", port=port, node=node.broker.node)
        await stopping.wait()
        log.info("serve.draining")
        await app.drain()
    log.info("serve.stopped")


async def reload_rules(node: Node, folder: Path) -> None:
    """Read the rules anew: the new set is proved beside the running one, and refused whole if it is bad."""
    try:
        pipeline = await asyncio.to_thread(load, folder)
    except RuleError as error:
        log.error("rules.refused", error=type(error).__name__)  # noqa: TRY400  its kind says all, a trace no more
        return
    node.pipeline = pipeline
    log.info("rules.loaded", digest=pipeline.digest)


async def _welcome(node: Node, settings: Settings, port: int, *, is_fresh: bool) -> None:
    """Say where the server is, and on a first start how to get in."""
    base = base_of(settings, port=port)
    say = sys.stdout.write
    say(f"Hearth is ready at {base}\n")
    if is_fresh:
        rooms = list(await node.hub.known())
        say("\nFirst sign-in links. They are secrets: give each to one person only.\n")
        for role in ("admin", "moderator", "facilitator"):
            name = role.capitalize()
            token = node.sign(new_user(), name, {EVERYWHERE: role}, FIRST_LINKS)
            say(f"  {role:<12} {base}#token={token}\n")
        for room in rooms:
            code = await node.people.invite(room, role="participant", most=25, expires=0, label="first start")
            say(f"  {room:<12} {base}#invite={code}\n")
        say("\nMore: hearth invite ROOM, hearth token --role ROLE --name NAME.\n")
    sys.stdout.flush()
