"""Reading what staff did. The reading is an entry itself."""

from __future__ import annotations

import asyncio
from typing import Any

from chat.node.desk import has_lost_role
from chat.node.node import Node, refuse_unless_ok
from chat.node.session import Session
from chat.protocol.commands import Audit
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import Page
from chat.protocol.fields import Role
from chat.room.permissions import may

MOST_PAGES = 10
"""Pages that are looked through at once for what one person did; the next ask goes on from there."""
PAGE = 200


async def audit(node: Node, session: Session, command: Audit) -> Page:
    """What staff did, the newest last: in one room before a number, or in all that one moderates before a time."""
    if command.room is not None:
        rooms = [await _readable(node, session, command.room)]
        found, more = await _of_room(node, command.room, command.before or 0, command)
    else:
        rooms = await _all_readable(node, session)
        before = await asyncio.gather(*(_number(node, room, command.before) for room in rooms))
        pages = await asyncio.gather(
            *(_of_room(node, room, n, command) for room, n in zip(rooms, before, strict=True) if n != 1)
        )
        found = sorted((entry for page, _ in pages for entry in page), key=lambda entry: entry["at"])
        more = any(is_more for _, is_more in pages) or len(found) > command.limit
        found = found[-command.limit :]
    for room in rooms:
        await read(node, session, room, "audit", user=command.user)
    me = node.caller(session).id
    # A flag about oneself shows in its steps as well.
    shown = [entry for entry in found if entry.get("user") != me or entry["by"]["id"] == me]
    return Page(room=command.room, events=shown, more=more)


async def read(node: Node, session: Session, room: str, what: str, **more: Any) -> None:
    """Note in a room's trail that the caller reads private things."""
    role = node.caller(session).role(room) or Role.PARTICIPANT
    given = {name: value for name, value in more.items() if value is not None}
    args = node.act_args(session, role, "read", least=Role.FACILITATOR.rank + 1, what=what, **given)
    refuse_unless_ok(await node.broker.act(room, args))


async def _readable(node: Node, session: Session, room: str) -> str:
    role = node.caller(session).role(room) if await node.hub.knows(room) else None
    if role is None:
        raise Refused(ErrorCode.NOT_FOUND)
    if not may(role, "audit") or await has_lost_role(node, session, room):
        raise Refused(ErrorCode.FORBIDDEN)
    return room


async def _all_readable(node: Node, session: Session) -> list[str]:
    caller = node.caller(session)
    rooms = [
        room
        for room in await node.hub.known()
        if may(caller.role(room), "audit") and not await has_lost_role(node, session, room)
    ]
    if not rooms:
        raise Refused(ErrorCode.FORBIDDEN)
    return rooms


async def _number(node: Node, room: str, before: int | None) -> int:
    """Where to read before in one room for a time; 0: from the end."""
    return await node.review.audit_before(room, before) if before else 0


async def _of_room(node: Node, room: str, before: int, command: Audit) -> tuple[list[dict[str, Any]], bool]:
    """The last entries of a room before a number, about or by one person where that is asked."""
    if command.user is None:
        found = await node.review.audit(room, before, command.limit)
        return found, bool(found) and found[0]["n"] > 1
    mine: list[dict[str, Any]] = []
    for _ in range(MOST_PAGES):
        page = await node.review.audit(room, before, PAGE)
        if not page:
            return mine, False
        before = page[0]["n"]
        mine = [entry for entry in page if command.user in (entry.get("user"), entry["by"]["id"])] + mine
        if len(mine) >= command.limit or before == 1:
            break
    kept = mine[-command.limit :]
    return kept, before > 1 or len(mine) > len(kept)
