"""Anchors of the audit trails: signed lists of where each room's ends, in the store and beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from chat.store.broker import Broker, text
from chat.store.keys import ANCHORS, in_room

FILE = "audit.anchors"
KEPT = 1_000
"""Anchors that stay; each covers all that the ones before it did."""

Ends = Mapping[str, tuple[int, str]]
"""Room to the number and the digest of its trail's last entry."""


class Anchors:
    """Writes anchors; the file in the data directory is out of the store's reach."""

    def __init__(self, broker: Broker, folder: Path, sign: Callable[[int, Ends], str]) -> None:
        self._broker = broker
        self._path = folder / FILE
        self._sign = sign
        self._last: Ends = {}
        self._count = -1
        """Lines of the file, once they were counted."""

    async def ends(self) -> Ends:
        """Where all trails end now."""
        rooms = list(await self._broker.rooms())
        found = await asyncio.gather(
            *(self._broker.ask("HMGET", in_room(room, "heads"), ":audit", ":chain") for room in rooms)
        )
        return {
            room: (int(n), text(chain or b"")) for room, (n, chain) in zip(rooms, found, strict=True) if n
        }

    async def write(self) -> None:
        """Sign where the trails end now, if anything was added. Raises Unavailable."""
        ends = await self.ends()
        if ends == self._last:
            return
        line = self._sign(time.time_ns() // 1_000_000, ends)
        await asyncio.to_thread(self._append, line)
        await self._broker.ask("LPUSH", ANCHORS, line)
        await self._broker.ask("LTRIM", ANCHORS, 0, KEPT - 1)
        self._last = ends

    async def read(self) -> list[str]:
        """All anchors that are known here, as they were written."""
        kept = await self._broker.ask("LRANGE", ANCHORS, 0, -1)
        return list(dict.fromkeys([*await asyncio.to_thread(self._lines), *map(text, kept)]))

    def _lines(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return self._path.read_text("utf-8", "replace").splitlines()
        return []

    def _append(self, line: str) -> None:
        if self._count < 0 or self._count >= 2 * KEPT:
            lines = self._lines()
            self._count = len(lines)
            if self._count >= 2 * KEPT:
                self._rewrite(lines[-KEPT:])
                self._count = KEPT
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._count += 1

    def _rewrite(self, lines: list[str]) -> None:
        descriptor, draft = tempfile.mkstemp(prefix=".anchors-", dir=self._path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(self._path)
