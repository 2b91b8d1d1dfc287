"""What somebody who comes back is told of their private log: what still counts, and from outside what care said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from chat.node.node import Node
from chat.node.session import Session
from chat.protocol.wire import unpack

PRIVATE_KEPT = 200
"""Entries of a private log, from its end, among which what still counts is looked for."""
RECENT_WHISPER = 12 * 3_600_000
RECENT_SUPPORT = 24 * 3_600_000
SETTLED = 1.0
"""Seconds after hello within which whoever may go into a room has asked to: `joined` tells them all of it."""
MOST_ROOMS = 40
"""Rooms of one person that are looked into."""
MOST = 5
"""Cards of one room, the newest, that somebody outside it is given."""


def still_open(entries: Sequence[bytes]) -> list[bytes]:
    """Of a private log what still counts: waiting texts, support, the mute that holds, recent whispers."""
    now = time.time() * 1000
    held: dict[str, bytes] = {}
    support: dict[str, bytes] = {}
    mute: bytes | None = None
    rest: list[bytes] = []
    invites: dict[str, bytes] = {}
    for entry in entries:
        event = unpack(entry)
        match event["type"]:
            case "held":
                held[event["key"]] = entry
            case "held_decided":
                held.pop(event["key"], None)
            case "support" if event["at"] > now - RECENT_SUPPORT:
                support[event["key"]] = entry
            case "muted":
                mute = entry if event["until"] == 0 or event["until"] > now else None
            case "unmuted":
                mute = None
            case "aside" if event["at"] > now - RECENT_WHISPER:
                invites[event["side_room"]] = entry
                if event.get("is_over"):
                    del invites[event["side_room"]]
            case "whisper" | "card" if event["at"] > now - RECENT_WHISPER:
                rest.append(entry)
    kept = [*held.values(), *support.values(), *invites.values(), *rest, *([mute] if mute else [])]
    return sorted(kept, key=lambda entry: int(unpack(entry)["useq"]))


async def tell_later(node: Node, session: Session) -> None:
    """Somebody is back: where they are not in a room of theirs a moment later, it tells them what it has for them.

    Of whoever may be in all rooms, a room does so once it lets them not in.
    """
    await asyncio.sleep(SETTLED)
    caller = session.caller
    if caller is not None:
        rooms = {room for room in caller.grants if room != "*"} | caller.asides.keys()
        await tell_outside(node, session, sorted(rooms)[:MOST_ROOMS])


async def tell_outside(node: Node, session: Session, rooms: Sequence[str]) -> None:
    """Give somebody who is not in these rooms the support that they had there, and what comes.

    They may have been told since that nobody has come, or that somebody did, while they were away.
    """
    caller = session.caller
    if caller is None or session.is_closing:
        return
    known = await node.hub.known()
    theirs = [
        room
        for room in rooms
        if room in known and room not in session.rooms and not caller.is_outside(room) and caller.role(room)
    ]
    if not theirs:
        return
    heads = await node.broker.heads({room: [caller.id] for room in theirs})
    for room, (_, head) in heads.items():
        if head:
            await _tell(node, session, caller.id, room, head)


async def _tell(node: Node, session: Session, user: str, name: str, head: int) -> None:
    if not await _support(node, name, user, head):
        return
    async with node.hub.opened(name) as room:
        if session.is_closing or name in session.rooms or name in session.outside:
            return
        room.reach(session, user, head)
        # What comes while this is read is newer than what is read: then it is read anew.
        while True:
            mailbox = room.mailboxes.get(user)
            upto = max(head, mailbox.follower.head if mailbox else head)
            cards = await _support(node, name, user, upto)
            if mailbox is None or mailbox.follower.head <= upto:
                break
        if name not in session.rooms:
            for card in cards:
                session.send_entry(card)


async def _support(node: Node, room: str, user: str, head: int) -> list[bytes]:
    """The newest cards that still count, one a key, in order."""
    found = await node.broker.read(room, user, head - PRIVATE_KEPT + 1, head)
    cards = [entry for _, entry in found if unpack(entry)["type"] == "support"]
    return still_open(cards)[-MOST:]
