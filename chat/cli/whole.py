"""What `hearth doctor` says of the audit trail: whether it is as it was written, as far as that can be seen soon."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from chat.cli.audit import Seen, look_at_trails
from chat.cli.finding import Finding, ok, warn, wrong
from chat.node.ports import Unavailable
from chat.room.trail import Seals, heads_of
from chat.settings import Settings
from chat.store.anchors import Anchors
from chat.store.broker import Broker
from chat.store.review import Review
from chat.tokens import Key

MOST = 50_000
"""Entries that are looked at: a few seconds."""
WITHIN = 20.0
"""Seconds after which it is given up."""


def audit(settings: Settings, url: str, key: Key) -> Iterator[Finding]:
    """Verify the trails of a running store, changing nothing."""
    all_of_it = "run hearth audit verify for all of it"
    try:
        seen = asyncio.run(_look(settings, url, key))
    except (Unavailable, TimeoutError):
        yield warn("audit", f"the trail could not be read within {WITHIN:.0f} s", all_of_it)
        return
    if seen.faults:
        first = seen.faults[0]
        place = f"{first.room}, entry {first.n}" if first.n else first.room
        yield wrong(
            "audit",
            f"the trail is not as it was written: {len(seen.faults)} faults, the first in {place}: it {first.what}",
            "put a copy of the data aside, then see all with hearth audit verify",
        )
    elif seen.left:
        yield ok(
            "audit",
            f"{seen.entries} entries of {seen.rooms} rooms are whole; {seen.left} rooms have too many: {all_of_it}",
        )
    else:
        yield ok("audit", f"{seen.entries} entries and {seen.anchors} anchors, whole")


async def _look(settings: Settings, url: str, key: Key) -> Seen:
    seals = Seals(key.secret)
    broker = Broker(url, "doctor", seals.pads)
    try:
        async with asyncio.timeout(WITHIN):
            await broker.open_to_read()
            anchors = Anchors(broker, settings.data, lambda at, ends: seals.anchor(at, heads_of(ends)))
            return await look_at_trails(seals, broker, Review(broker), anchors, most=MOST)
    finally:
        await broker.close()
