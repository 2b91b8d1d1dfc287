"""Who could be called in each room, and which calls outside were given up: read past the server, changing nothing."""

from __future__ import annotations

from dataclasses import dataclass

import msgpack

from chat.protocol.fields import Role
from chat.store.address import Client
from chat.store.keys import ROOMS, in_room, user_key


@dataclass(frozen=True, slots=True)
class Chain:
    """What a store knows of whoever may be called."""

    rooms: tuple[str, ...]
    unstaffed: tuple[str, ...]
    """Rooms of which nobody is staff, as far as the store was ever told."""
    people: int
    """How many have ever been here, staff among them."""
    given_up: int
    """Calls outside that were tried in vain."""


async def look_at_chain(client: Client) -> Chain:
    """Read it all; on a large store it takes a while."""
    rooms = tuple(sorted(_text(room) for room in await client.hkeys(ROOMS)))
    staffed: set[str] = set()
    people = 0
    async for key in client.scan_iter(match=user_key("*"), count=1_000):
        people += 1
        grants, seen = await client.hmget(key, "grants", "seen")
        # Newest first: what was granted, else the role of a token that was used.
        given = msgpack.unpackb(grants) if grants is not None else {"*": _text(seen or "participant")}
        staffed |= {room for room, role in given.items() if Role(role).is_staff}
    given_up = 0
    for room in rooms:
        pages = [msgpack.unpackb(page) for page in await client.hvals(in_room(room, "pages"))]
        given_up += sum("dead_at" in page for page in pages)
    without = () if "*" in staffed else tuple(room for room in rooms if room not in staffed)
    return Chain(rooms, without, people, given_up)


def _text(value: object) -> str:
    return str(value, "utf-8") if isinstance(value, bytes) else str(value)
