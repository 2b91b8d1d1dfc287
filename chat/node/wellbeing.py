"""What staff read is counted, and somebody else is named where that would be kinder."""

from __future__ import annotations

import asyncio
from typing import Any

from chat.node.node import Node, now_ms
from chat.node.rota import as_staff
from chat.node.session import Session
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import Notice
from chat.room.notices import notice_text
from chat.room.queue import is_claimed
from chat.room.wellbeing import Care, Exposure, Load, another, free, is_break_due, why_not

WORDS = {
    Care.IN_A_ROW: "You have just been with somebody in danger. {name} is free and could take this one.",
    Care.TOPIC: "You asked not to take this topic. {name} is free and could take this one.",
}
ANYWAY = " You can take it all the same."


async def spare(node: Node, session: Session, flag: dict[str, Any]) -> None:
    """Refuse a claim that somebody else who is free had better take; `anyway` takes it all the same."""
    caller = node.caller(session)
    mine = await _load(node, caller.id)
    if why_not(flag, mine) is None:
        return
    room = flag["room"]
    found = (await node.broker.clock(room, {"op": "look", "most": 0}))["staff"]
    now = now_ms()
    open_flags = await node.review.open_flags([room])
    busy = {one["claimed_by"]["id"] for one in open_flags if is_claimed(one, now)}
    against = (flag.get("against") or {}).get("by", {}).get("id", "")
    others = free(map(as_staff, found), busy, but={caller.id, flag["author"]["id"], against})
    loads = await asyncio.gather(*(_load(node, user) for user in others))
    instead = another(flag, mine, dict(zip(others, loads, strict=True)))
    if instead is not None:
        why, user = instead
        name = next(one["name"] for one in found if one["id"] == user) or "A colleague"
        raise Refused(ErrorCode.CONFLICT, WORDS[why].replace("{name}", name) + ANYWAY, by=name, anyway=True)


async def _load(node: Node, user: str) -> Load:
    (_, last), person = await asyncio.gather(node.people.exposure(user), node.people.person(user))
    return Load(last, person.avoids)


async def exposed(node: Node, session: Session, severity: str) -> None:
    """Count a text that was read; suggest a break where it was much."""
    caller = node.caller(session)
    read = Exposure(*await node.people.expose(caller.id, severity))
    if is_break_due(read, severity, node.settings.review.break_after):
        notice = Notice(code="break", text=notice_text("break", ""))
        for mine in tuple(node.hub.by_user.get(caller.id, ())):
            mine.send(notice)
