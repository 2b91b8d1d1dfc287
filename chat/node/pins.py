"""Pins that were put for a time: unpinned when it is over, by whichever node comes first."""

from __future__ import annotations

import asyncio

from chat.node.ports import Broker, Unavailable
from chat.protocol.fields import Role

TRY_AGAIN = 1.0
"""Seconds until a store that was away is asked again."""


class PinClock:
    """One timer for the pins of one room. The store's clock says what is over, and when to ask again."""

    __slots__ = ("_broker", "_room", "_task")

    def __init__(self, room: str, broker: Broker) -> None:
        self._room = room
        self._broker = broker
        self._task: asyncio.Task[None] | None = None

    async def end(self) -> float | None:
        """Unpin what is over; seconds until the next one is, None where none ends by itself."""
        by = {"id": "", "name": "", "role": str(Role.ADMIN)}
        args = {"op": "end_pins", "by": by, "role": by["role"], "issued": 0, "least": Role.ADMIN.rank + 1}
        wait = (await self._broker.act(self._room, args)).get("wait")
        return None if wait is None else wait / 1000

    def start(self, wait: float | None = 0.0) -> None:
        """Look after `wait` seconds, and from then on whenever a pin ends; instead of what was set before."""
        self.stop()
        if wait is not None:
            self._task = asyncio.create_task(self._run(wait))

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self, wait: float | None) -> None:
        while wait is not None:
            await asyncio.sleep(wait)
            try:
                wait = await self.end()
            except Unavailable:
                wait = TRY_AGAIN
