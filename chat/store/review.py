"""Flags and the audit trail, as staff read them. What changes them is a script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgpack

from chat.node.ports import Args
from chat.store.broker import Broker, text
from chat.store.keys import in_room

_RANK = {"none": 0, "low": 1, "moderate": 2, "high": 3, "imminent": 4}


class Review:
    """Implements `chat.node.ports.Review`."""

    def __init__(self, broker: Broker) -> None:
        self._ask = broker.ask

    async def flag(self, room: str, flag: str) -> Args | None:
        """One flag as it stands now."""
        wire = await self._ask("HGET", in_room(room, f"flag:{flag}"), "wire")
        return msgpack.unpackb(wire) if wire is not None else None

    async def _flags(self, room: str, ids: Sequence[bytes]) -> list[Args]:
        found = await asyncio.gather(*(self.flag(room, text(flag)) for flag in ids))
        return [flag for flag in found if flag is not None]

    async def open_flags(self, rooms: Sequence[str]) -> list[Args]:
        """Open flags of these rooms: by severity, then by when they are due."""
        queues = await asyncio.gather(*(self._ask("ZRANGE", in_room(room, "queue"), 0, -1) for room in rooms))
        found = await asyncio.gather(*map(self._flags, rooms, queues))
        flags = [flag for flags in found for flag in flags]
        return sorted(flags, key=lambda flag: (-_RANK[flag["severity"]], flag["due_at"]))

    async def flags_of(self, room: str, user: str, limit: int) -> list[Args]:
        """Earlier flags about one person in a room, the newest first."""
        ids = await self._ask("ZRANGE", in_room(room, f"flags:{user}"), 0, limit - 1, "REV")
        return await self._flags(room, ids)

    async def audit(self, room: str, before: int, limit: int) -> list[Args]:
        """Audit entries of a room in order, the last `limit` ones before a number (0: the newest)."""
        head = int(await self._ask("HGET", in_room(room, "heads"), ":audit") or 0)
        last = min(head, before - 1) if before else head
        numbers = range(max(1, last - limit + 1), last + 1)
        if not numbers:
            return []
        found = await self._ask("HMGET", in_room(room, "audit"), *numbers)
        return [msgpack.unpackb(entry) for entry in found if entry is not None]
