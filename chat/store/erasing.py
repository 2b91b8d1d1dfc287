"""Erasing a person: every text and name of theirs, in every key that can hold one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from chat.store.broker import Broker, text
from chat.store.keys import in_room
from chat.store.people import People
from chat.store.rewriting import Rewriting

STRETCH = 200
"""Entries that one step goes over."""
SCANNED = 1_000
GONE = "Somebody who left"
"""What stands where their name stood."""


class Erasing:
    """Implements `chat.node.ports.Erasing`."""

    def __init__(self, broker: Broker, people: People, rewriting: Rewriting) -> None:
        self._broker = broker
        self._people = people
        self._rewriting = rewriting
        self._ask = broker.ask

    async def erase(self, user: str, by: Mapping[str, str], second: Mapping[str, str], reason: str) -> int:
        """Go over every room, also those that are listed no more; how many texts were taken out.

        Broken off it is begun anew. Raises Unavailable.
        """
        args = {"user": user, "by": dict(by), "with": dict(second), "reason": reason, "gone": GONE}
        found = await self._keys(user)
        changed = 0
        for room, names in found.items():
            changed += await self._room(room, names, args)
        await self._people.forget(user)
        await self._rewriting.now()
        # Their connections end a moment later, and with them the name by which they were present.
        self._rewriting.soon()
        return changed

    async def _keys(self, user: str) -> Mapping[str, list[str]]:
        """By room: its private logs and this person's receipts."""
        found: dict[str, list[str]] = defaultdict(list)
        cursor = b"0"
        while True:
            cursor, keys = await self._ask("SCAN", cursor, "MATCH", "hearth:{*}:*", "COUNT", SCANNED)
            for key in map(text, keys):
                room, _, name = key.removeprefix("hearth:{").partition("}:")
                if name == "room":
                    found[room] += []
                elif name.startswith((f"receipt:{user}:", "private:")):
                    found[room].append(name)
            if cursor in (b"0", 0, "0"):
                return found

    async def _room(self, room: str, names: list[str], args: dict[str, Any]) -> int:
        heads = await self._ask("HMGET", in_room(room, "heads"), ":room", ":audit")
        flags = await self._ask("ZCARD", in_room(room, "opened"))
        changed = 0
        for op, first, end in (
            ("log", 1, int(heads[0] or 0) + 1),
            ("flags", 0, int(flags)),
            ("words", 1, int(heads[1] or 0) + 1),
        ):
            for at in range(first, end, STRETCH):
                last = min(at + STRETCH, end) - 1
                reply = await self._broker.erase(room, {**args, "op": op, "first": at, "last": last})
                changed += int(reply["changed"]) if op == "log" else 0
        for name in names:
            if name.startswith("private:"):
                owner = name.partition(":")[2]
                await self._broker.erase(room, {**args, "op": "private", "owner": owner})
        receipts = [name for name in names if name.startswith("receipt:")]
        if changed or receipts or await self._broker.standing(room, args["user"]):
            await self._broker.erase(room, {**args, "op": "rest", "receipts": receipts})
        return changed
