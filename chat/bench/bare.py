"""The yardstick: a room server that is nothing but `websockets.broadcast`, without compression.

`python -m chat.bench.bare PORT`; the path is the room, and whatever is sent goes to everybody in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections import defaultdict

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed


async def main(port: int) -> None:
    """Serve until killed."""
    rooms: dict[str, set[ServerConnection]] = defaultdict(set)

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        room = rooms[connection.request.path]
        room.add(connection)
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                broadcast(room, message)
        room.discard(connection)

    logging.getLogger("websockets").disabled = True
    async with serve(handle, "127.0.0.1", port, compression=None, backlog=4096):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
