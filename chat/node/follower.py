"""Following one log: next → deliver, seen → drop, gap → read the range first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from chat.node.ports import Unavailable

log = structlog.get_logger(__name__)

Read = Callable[[int, int], Awaitable[list[tuple[int, bytes]]]]
STRETCH = 500
"""Entries read at once while a gap is filled."""


class Follower:
    """The position of this node in one log.

    The published frame is the fast path, and its number the doorbell: whatever is missed before it, or while
    the subscription was down, is read from the log, so that each entry is delivered once and in order.
    """

    __slots__ = ("_deliver", "_read", "_repair", "_wanted", "head")

    def __init__(self, read: Read, deliver: Callable[[int, bytes], None]) -> None:
        self.head = -1
        """Number of the last entry delivered; -1 until the starting point is known."""
        self._wanted = 0
        self._read = read
        self._deliver = deliver
        self._repair: asyncio.Task[None] | None = None

    def start(self, head: int) -> None:
        """Deliver what comes after `head`."""
        self.head = head
        self.reach(self._wanted)

    def hear(self, number: int, entry: bytes) -> None:
        """Take what was published."""
        if number == self.head + 1 and self._repair is None and self.head >= 0:
            self._take(number, entry)
        else:
            self.reach(number)

    def _take(self, number: int, entry: bytes) -> None:
        self.head = number
        try:
            self._deliver(number, entry)
        except Exception as error:  # one entry's fault must not keep back those after it
            log.exception("follow.failed", error=type(error).__name__)

    def reach(self, number: int) -> None:
        """Read up to `number` where this node is behind it."""
        self._wanted = max(self._wanted, number)
        if 0 <= self.head < self._wanted and self._repair is None:
            self._repair = asyncio.create_task(self._fill())

    async def _fill(self) -> None:
        wait = 0.05
        try:
            while self.head < self._wanted:
                last = min(self._wanted, self.head + STRETCH)
                try:
                    found = await self._read(self.head + 1, last)
                except Unavailable:
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, 1.0)
                    continue
                for number, entry in found:
                    self._take(number, entry)
                self.head = max(self.head, last)
        finally:
            self._repair = None

    async def caught_up(self) -> None:
        """Wait until what is known to exist is delivered."""
        # One that was cancelled before its first step never says that it is over.
        while self._repair is not None and not self._repair.done():
            await asyncio.wait([self._repair])

    def stop(self) -> None:
        """Follow no more."""
        if self._repair is not None:
            self._repair.cancel()
