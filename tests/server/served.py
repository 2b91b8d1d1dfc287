"""A listening server in the tests' own loop, and connections to it, well-behaved or not."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from chat.assembly import Content, node_of
from chat.node.node import Node
from chat.server.app import App
from chat.settings import Settings

ROOM = "open-circle"


@dataclass
class Served:
    """A server and where it listens."""

    app: App
    node: Node
    port: int

    @property
    def url(self) -> str:
        """Where its socket is."""
        return f"ws://127.0.0.1:{self.port}/ws"

    def token(self, role: str = "participant", user: str | None = None, ttl: float = 60) -> str:
        """A token of somebody everywhere."""
        user = user or f"u_{secrets.token_hex(6)}"
        return self.node.sign(user, f"Name {user[-6:]}", {"*": role}, ttl)

    @asynccontextmanager
    async def connected(self, form: str | None = None, **options: Any) -> AsyncIterator[ClientConnection]:
        """A WebSocket that has said nothing yet."""
        subprotocols = [Subprotocol(form)] if form else None
        async with connect(
            self.url, subprotocols=subprotocols, compression=None, proxy=None, **options
        ) as made:
            yield made

    async def ask(self, method: str, path: str, *lines: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one plain request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = "\r\n".join((f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *lines, "", ""))
        writer.write(head.encode())
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        first, _, rest = answer.partition(b"\r\n")
        fields, _, body = rest.partition(b"\r\n\r\n")
        pairs = (line.split(": ", 1) for line in fields.decode().split("\r\n") if line)
        return int(first.split()[1] if first else 0), {name.lower(): value for name, value in pairs}, body


@asynccontextmanager
async def served(store: str, content: Content, keys: Path, **settings: Any) -> AsyncIterator[Served]:
    """A server on the session's store."""
    chosen = Settings(store=store, data=keys, port=0, **{"drain_seconds": 1, **settings})
    async with node_of(chosen, content) as (node, _):
        app = App(node)
        port = await app.start()
        yield Served(app, node, port)
        await app.drain()


async def say(connection: ClientConnection, **frame: Any) -> dict[str, Any]:
    """One JSON command and the answer to it."""
    number = secrets.randbelow(1 << 30)
    await connection.send(json.dumps({"id": number, **frame}))
    async with asyncio.timeout(10):
        while True:
            answer: dict[str, Any] = json.loads(await connection.recv())
            if answer.get("id") == number:
                return answer


async def closed(connection: ClientConnection) -> int:
    """The code with which the server ends it."""
    try:
        async with asyncio.timeout(15):
            while True:
                await connection.recv()
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else 1006
