"""Writing the store's file anew: what was deleted stays in an append-only file until then."""

from __future__ import annotations

import asyncio

import hiredis
import structlog

from chat.node.ports import Unavailable
from chat.store.broker import Broker

log = structlog.get_logger(__name__)

EXPIRED = "__keyevent@0__:expired"
"""Where the embedded store tells which key has just expired; only there do we have it do so."""
EVIDENCE = b"}:evidence:"
BUSY = "already in progress"


class Rewriting:
    """Has the file written anew, once for all that went within `wait` seconds."""

    def __init__(self, broker: Broker, wait: float) -> None:
        self._broker = broker
        self._wait = wait
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def follow(self) -> None:
        """Notice by oneself that evidence has expired, as an embedded store tells it.

        What expired while nobody listened is told by nobody: so each time that we begin to listen counts as well.
        """
        self._broker.listen(EXPIRED, self._expired, self.soon)

    def stop(self) -> None:
        """Do nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _expired(self, _number: int, key: bytes) -> None:
        if EVIDENCE in key:
            self.soon()

    def soon(self) -> None:
        """Something has gone that must be in no file: within the wait it is not."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._wait, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.create_task(self.now())

    async def now(self) -> None:
        """Begin at once. One under way may have read what has gone since: then another one follows it."""
        try:
            await self._broker.ask("BGREWRITEAOF")
        except Unavailable:
            self.soon()
        except hiredis.ReplyError as refused:
            if BUSY in str(refused):
                self.soon()
            else:
                log.warning("store.rewrite_refused")
