"""Bare connections: frames as they are sent and as they come, with nothing in between."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgpack
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from chat.protocol.wire import Format

READ: dict[Format, Callable[[Any], Any]] = {Format.JSON: json.loads, Format.MSGPACK: msgpack.unpackb}
WRITE: dict[Format, Callable[[Any], Any]] = {Format.JSON: json.dumps, Format.MSGPACK: msgpack.packb}


class Raw:
    """A connection that sends whatever it is told to."""

    def __init__(self, wire: ClientConnection, form: Format) -> None:
        self.wire = wire
        self.form = form

    async def ask(self, frame: object) -> dict[str, Any]:
        """Send a value in this format and read the next frame."""
        return await self.send(WRITE[self.form](frame))

    async def send(self, data: str | bytes) -> dict[str, Any]:
        """Send these bytes and read the next frame."""
        await self.wire.send(data)
        answer: dict[str, Any] = READ[self.form](await self.wire.recv())
        return answer

    async def close_code(self) -> int | None:
        """How the server ended it."""
        with suppress(ConnectionClosed):
            async for _ in self.wire:
                pass
        return self.wire.close_code


Dial = Callable[..., Awaitable[Raw]]
