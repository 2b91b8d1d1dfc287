"""Flags and the audit trail, as staff read them. What changes them is a script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgpack

from chat.node.ports import Args
from chat.store.broker import Broker, text
from chat.store.keys import in_room

PAGE = 1_000
"""Audit entries read at once."""
_RANK = {"none": 0, "low": 1, "moderate": 2, "high": 3, "imminent": 4}


class Review:
    """Implements `chat.node.ports.Review`."""

    def __init__(self, broker: Broker) -> None:
        self._ask = broker.ask
        self._together = broker.together

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

    async def flags_opened(self, room: str, first: int, last: int) -> list[Args]:
        """All flags that were opened from `first` until before `last`, in that order."""
        ids = await self._ask("ZRANGE", in_room(room, "opened"), first, f"({last}", "BYSCORE")
        return await self._flags(room, ids)

    async def leases_before(self, room: str, at: int) -> list[str]:
        """Claimed flags whose lease ends before a time."""
        return [text(flag) for flag in await self._ask("ZRANGE", in_room(room, "claims"), 0, at, "BYSCORE")]

    async def flags_of(self, room: str, user: str, limit: int) -> list[Args]:
        """Earlier flags about one person in a room, the newest first."""
        ids = await self._ask("ZRANGE", in_room(room, f"flags:{user}"), 0, limit - 1, "REV")
        return await self._flags(room, ids)

    async def follow_ups(self, rooms: Sequence[str]) -> list[Args]:
        """Whom somebody is to ask after in these rooms, the longest due first."""
        kept = await asyncio.gather(*(self._ask("HVALS", in_room(room, "follow_ups")) for room in rooms))
        found: list[Args] = [msgpack.unpackb(task) for tasks in kept for task in tasks]
        return sorted(found, key=lambda task: int(task["due_at"]))

    async def pages(self, rooms: Sequence[str]) -> list[Args]:
        """Calls outside that wait or were given up, the oldest first; each with its `id`."""
        kept = await asyncio.gather(*(self._ask("HGETALL", in_room(room, "pages")) for room in rooms))
        found: list[Args] = [
            {"id": text(name), **msgpack.unpackb(page)} for pages in kept for name, page in pages.items()
        ]
        return sorted(found, key=lambda page: int(page["made_at"]))

    async def audit(self, room: str, before: int, limit: int) -> list[Args]:
        """Audit entries of a room in order, the last `limit` ones before a number (0: the newest)."""
        head = int(await self._ask("HGET", in_room(room, "heads"), ":audit") or 0)
        last = min(head, before - 1) if before else head
        numbers = range(max(1, last - limit + 1), last + 1)
        if not numbers:
            return []
        found, words = await asyncio.gather(
            self._ask("HMGET", in_room(room, "audit"), *numbers),
            self._ask("HMGET", in_room(room, "words"), *numbers),
        )
        pairs = zip(found, words, strict=True)
        return [_told(msgpack.unpackb(entry), said) for entry, said in pairs if entry is not None]

    async def audit_before(self, room: str, at: int) -> int:
        """The number of a room's first entry at or after a time, or one past the last."""
        low, high = 1, int(await self._ask("HGET", in_room(room, "heads"), ":audit") or 0) + 1
        while low < high:
            middle = (low + high) // 2
            entry = await self._ask("HGET", in_room(room, "audit"), middle)
            if entry is not None and msgpack.unpackb(entry)["at"] >= at:
                high = middle
            else:
                low = middle + 1
        return low

    async def trail_length(self, room: str) -> int:
        """How many entries a trail counts."""
        return int(await self._ask("HGET", in_room(room, "heads"), ":audit") or 0)

    async def trail(self, room: str) -> Args:
        """A whole trail as it stands now, bytes and all: what `chat.room.trail.Trail` holds."""
        (n, chain, sealed), kept, words = await self._together(
            ("HMGET", in_room(room, "heads"), ":audit", ":chain", ":sealed"),
            ("HLEN", in_room(room, "audit")),
            ("HGETALL", in_room(room, "words")),
        )
        entries: list[bytes | None] = []
        for first in range(1, int(n or 0) + 1, PAGE):
            numbers = range(first, min(first + PAGE, int(n) + 1))
            entries += await self._ask("HMGET", in_room(room, "audit"), *numbers)
        return {
            "room": room,
            "entries": entries,
            "words": {int(number): text(said) for number, said in words.items()},
            "kept": kept,
            "chain": text(chain or b""),
            "sealed": text(sealed or b""),
        }


def _told(entry: Args, words: bytes | None) -> Args:
    """An entry with its note or reason."""
    if words is not None:
        entry["reason"] = text(words)
    return entry
