"""What a client hears, for one who listens."""

from __future__ import annotations

import asyncio
from collections import deque

from chat.client.coding import Frame

MOST_WAITING = 10_000
"""Events that may wait for a listener. One who lags further behind is told so, and hears no more."""


class Lagged(Exception):
    """The listener was too slow: the client's views are whole, and this iterator is at its end."""


class Events:
    """Events in the order heard, to iterate over. Nobody else's listening is touched by it."""

    def __init__(self) -> None:
        self._waiting: deque[Frame] = deque()
        self._came = asyncio.Event()
        self._end: Exception | None = None

    def put(self, event: Frame) -> None:
        """Hand one over."""
        if self._end is not None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.finish(Lagged())
            return
        self._waiting.append(event)
        self._came.set()

    def finish(self, why: Exception) -> None:
        """After what waits there is no more."""
        self._end = self._end or why
        self._came.set()

    def take(self) -> list[Frame]:
        """All that waits, at once."""
        events = list(self._waiting)
        self._waiting.clear()
        return events

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Frame:
        while not self._waiting:
            if isinstance(self._end, StopAsyncIteration):
                raise StopAsyncIteration
            if self._end is not None:
                raise self._end
            self._came.clear()
            await self._came.wait()
        return self._waiting.popleft()
