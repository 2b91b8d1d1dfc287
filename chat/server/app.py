"""The listening server: handshakes, limits, and the end of a node."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import ssl
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from chat.node.node import Node
from chat.node.route import serve as serve_session
from chat.node.session import Session
from chat.protocol.errors import CloseCode
from chat.protocol.events import Draining
from chat.protocol.wire import Format
from chat.server.connection import Connection, Wire
from chat.server.http import answer, is_loopback, load_page, refuse_method, respond
from chat.server.sweep import sweep

log = structlog.get_logger(__name__)

OPEN_WITHIN = 5.0
LOOK_EVERY = 1.0
SETTLE = 0.3
"""Seconds between telling of the drain and closing: what was sent meanwhile is still answered."""


class App:
    """A node behind a port."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.settings = node.settings
        self._page = load_page()
        self._proxies = [ipaddress.ip_network(proxy, strict=False) for proxy in self.settings.trusted_proxies]
        self._handshakes: Counter[str] = Counter()
        self._connections: set[Connection] = set()
        self._ended = 0
        self._server: Server | None = None
        self._clocks: list[asyncio.Task[None]] = []

    async def start(self) -> int:
        """Listen; the port, which the system chose where the setting is 0."""
        settings = self.settings
        quiet = logging.getLogger("hearth.websockets")
        quiet.disabled = True
        self._server = await serve(
            self._handle,
            settings.host,
            settings.port,
            create_connection=Connection,
            compression=None,
            subprotocols=[Subprotocol(form.value) for form in Format],
            select_subprotocol=self._choose_form,
            process_request=self._screen,
            open_timeout=OPEN_WITHIN,
            close_timeout=OPEN_WITHIN,
            ping_interval=None,
            max_size=settings.limits.frame,
            write_limit=(0, 0),
            server_header=None,
            logger=quiet,
            ssl=tls_context(settings.tls_cert, settings.tls_key),
            backlog=4096,
        )
        self._clocks = [
            asyncio.create_task(self._look()),
            asyncio.create_task(sweep(lambda: (len(self._connections), self._ended))),
        ]
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    # ── handshakes ───────────────────────────────────────────────────────────────────────────────

    async def _screen(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP; let a WebSocket handshake of a known origin go on."""
        if (refused := refuse_method(request)) is not None:
            return refused
        peer = self._peer(connection, request)
        if request.path.partition("?")[0] != "/ws":
            return await answer(self.node, self._page, request, peer)
        if request.method != "GET" or "upgrade" not in request.headers.get("Connection", "").lower():
            return respond(426, "Upgrade Required", "This address speaks WebSocket.\n")
        if not self._is_known_origin(request):
            return respond(403, "Forbidden", "This page may not connect here (origins).\n")
        limits = self.settings.limits
        self._handshakes[peer] += 1
        if not is_loopback(peer) and self._handshakes[peer] > limits.handshakes_second > 0:
            return respond(
                429, "Too Many Requests", "Too many connections at once. Please try again in a moment.\n"
            )
        waiting = sum(session.caller is None for session in self.node.hub.sessions)
        is_full = (
            len(self.node.hub.sessions) >= limits.connections_total > 0 or waiting >= limits.unauthenticated
        )
        if is_full or self.node.is_draining:
            return respond(
                503, "Service Unavailable", "We are full just now. Please try again in a moment.\n"
            )
        return None

    def _peer(self, connection: ServerConnection, request: Request) -> str:
        """The address of whoever connects: what a trusted proxy says, else the socket's."""
        address = connection.remote_address
        peer = str(address[0]) if isinstance(address, tuple) and address else ""
        if self._proxies and peer:
            ours = ipaddress.ip_address(peer.partition("%")[0])
            if any(ours in network for network in self._proxies):
                forwarded = request.headers.get_all("X-Forwarded-For")
                if forwarded:
                    return str(forwarded[-1]).rpartition(",")[2].strip()
        return peer

    def _is_known_origin(self, request: Request) -> bool:
        origins = request.headers.get_all("Origin")
        if not origins:
            return True
        if len(origins) > 1:
            return False
        host = request.headers.get("Host", "")
        return origins[0] in (f"http://{host}", f"https://{host}", *self.settings.origins)

    @staticmethod
    def _choose_form(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """The first of ours that is offered; JSON where nothing is; no handshake where only others are."""
        for form in Format:
            if form.value in offered:
                return Subprotocol(form.value)
        if offered:
            raise NegotiationError("no subprotocol that we speak")
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        """A connection, from its handshake to its end."""
        assert isinstance(connection, Connection)
        form = Format(connection.subprotocol) if connection.subprotocol else Format.JSON
        now = asyncio.get_running_loop().time()
        session = Session(Wire(connection), form, now)
        connection.attach(session, self.settings.limits, now)
        self.node.hub.sessions.add(session)
        self._connections.add(connection)
        try:
            await serve_session(self.node, session)
        finally:
            self._connections.discard(connection)
            self._ended += 1
            self.node.hub.sessions.discard(session)

    # ── what goes on by itself ───────────────────────────────────────────────────────────────────

    async def _look(self) -> None:
        """Pings, and sessions that have not said who they are or whose token has ended."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self._handshakes.clear()
            now = loop.time()
            for connection in tuple(self._connections):
                connection.look(now)

    # ── the end ──────────────────────────────────────────────────────────────────────────────────

    async def drain(self) -> None:
        """Tell everyone, answer what was sent, close.

        Clients come back spread over the time they were told.
        """
        node = self.node
        node.is_draining = True
        low, high = self.settings.reconnect_seconds
        assert self._server is not None
        self._server.close(close_connections=False)
        for session in tuple(node.hub.sessions):
            session.send(Draining(reconnect_after=round(random.uniform(low, high), 2)))
        await asyncio.sleep(SETTLE)
        deadline = asyncio.get_running_loop().time() + self.settings.drain_seconds - SETTLE
        while any(session.is_busy for session in node.hub.sessions):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.02)
        for session in tuple(node.hub.sessions):
            session.close(CloseCode.DRAINING, "please come back")
        remaining = max(0.5, deadline - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(remaining):
                while self._connections:  # noqa: ASYNC110  once in a node's life
                    await asyncio.sleep(0.02)
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.abort()
        for clock in self._clocks:
            clock.cancel()


def tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """What sockets are wrapped in, or nothing. Raises OSError for files that are not there, or are no pair."""
    if cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    return context
