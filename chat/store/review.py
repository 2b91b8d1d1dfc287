"""Flags and the audit trail, as staff read them. What changes them is a script."""

from __future__ import annotations

from collections.abc import Sequence

import msgpack
from redis.asyncio import Redis

from chat.node.ports import Args
from chat.store.broker import text, told
from chat.store.keys import in_room

_RANK = {"none": 0, "low": 1, "moderate": 2, "high": 3, "imminent": 4}


class Review:
    """Implements `chat.node.ports.Review`."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def flag(self, room: str, flag: str) -> Args | None:
        """One flag as it stands now."""
        with told():
            wire = await self._client.hget(in_room(room, f"flag:{flag}"), "wire")
        return msgpack.unpackb(wire) if wire is not None else None

    async def open_flags(self, rooms: Sequence[str]) -> list[Args]:
        """Open flags of these rooms: by severity, then by when they are due."""
        flags: list[Args] = []
        for room in rooms:
            with told():
                ids = await self._client.zrange(in_room(room, "queue"), 0, -1)
                async with self._client.pipeline(transaction=False) as pipe:
                    for flag in ids:
                        pipe.hget(in_room(room, f"flag:{text(flag)}"), "wire")
                    flags += [msgpack.unpackb(wire) for wire in await pipe.execute() if wire is not None]
        return sorted(flags, key=lambda flag: (-_RANK[flag["severity"]], flag["due_at"]))

    async def flags_of(self, room: str, user: str, limit: int) -> list[Args]:
        """Earlier flags about one person in a room, the newest first."""
        with told():
            ids = await self._client.zrange(in_room(room, f"flags:{user}"), 0, limit - 1, desc=True)
            async with self._client.pipeline(transaction=False) as pipe:
                for flag in ids:
                    pipe.hget(in_room(room, f"flag:{text(flag)}"), "wire")
                return [msgpack.unpackb(wire) for wire in await pipe.execute() if wire is not None]

    async def audit(self, room: str, before: int, limit: int) -> list[Args]:
        """Audit entries of a room in order, the last `limit` ones before a number (0: the newest)."""
        with told():
            head = int(await self._client.hget(in_room(room, "heads"), ":audit") or 0)
            last = min(head, before - 1) if before else head
            numbers = range(max(1, last - limit + 1), last + 1)
            if not numbers:
                return []
            found = await self._client.hmget(in_room(room, "audit"), list(map(str, numbers)))
        return [msgpack.unpackb(entry) for entry in found if entry is not None]

