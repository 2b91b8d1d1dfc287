"""Shutting somebody out of all rooms, and letting them in again: written room by room until all have it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

from chat.node.guide import new_record
from chat.node.node import Node, clean, now_ms, refuse_unless_ok
from chat.node.session import Session
from chat.protocol.commands import Ban, Unban
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import Ok
from chat.protocol.fields import Role
from chat.room.permissions import RIGHTS, may_act_on


async def ban(node: Node, session: Session, command: Ban) -> Ok:
    """Shut somebody out of all rooms: written room by room until all have it, then their connections end."""
    may_everywhere(node, session, "ban")
    if command.user == node.caller(session).id:
        raise Refused(ErrorCode.FORBIDDEN, "Nobody acts on themselves. A colleague can help.")
    await refuse_upwards(node, session, "ban", command.user)
    await ban_everywhere(node, session, command.user, command.seconds or 0, clean(command.reason))
    return Ok()


async def unban(node: Node, session: Session, command: Unban) -> Ok:
    """Lift a ban everywhere."""
    may_everywhere(node, session, "unban")
    if command.user == node.caller(session).id:
        raise Refused(ErrorCode.FORBIDDEN, "Nobody acts on themselves. A colleague can help.")
    await lift_everywhere(node, session, command.user, clean(command.reason))
    return Ok()


def may_everywhere(node: Node, session: Session, command: str) -> Role:
    """The caller's role in all rooms at once, where it is enough."""
    role = node.caller(session).role("*")
    if role is None or role.rank < RIGHTS[command].least.rank:
        raise Refused(ErrorCode.FORBIDDEN)
    return role


async def refuse_upwards(node: Node, session: Session, command: str, user: str) -> None:
    """Ask before the first room is told: an act on somebody who stands as high in any room is none in any."""
    role = may_everywhere(node, session, command)
    person = await node.people.person(user)
    rooms = await node.hub.known()
    standings = await asyncio.gather(*(node.broker.standing(room, user) for room in rooms))
    held = {person.seen, *(person.grants or {}).values()}
    held |= {standing.get("role", standing.get("seen", "")) for standing in standings}
    if any(other and not may_act_on(role, Role(other)) for other in held):
        raise Refused(ErrorCode.FORBIDDEN)


async def ban_everywhere(
    node: Node, session: Session, user: str, seconds: int, reason: str, *, flag: str = ""
) -> None:
    """Every room has its own copy of a ban. What no `flag` asked for is accounted for in a room of the person's."""
    role = may_everywhere(node, session, "ban")
    rooms = list(await node.hub.known())
    theirs = await _room_of_theirs(node, user, rooms) if not flag else None
    for room in rooms:
        args = node.act_args(
            session, role, "ban", least=Role.MODERATOR.rank + 1, user=user, seconds=seconds, reason=reason
        )
        if room == theirs:
            record = new_record(room)
            args["record"], flag = record, record["flag"]
        refuse_unless_ok(await node.broker.act(room, args))
    await node.people.ban(user, now_ms() + seconds * 1000 if seconds else 0, flag)


async def _room_of_theirs(node: Node, user: str, rooms: list[str]) -> str | None:
    """A room that knows the person, or the first one."""
    standings = await asyncio.gather(*(node.broker.standing(room, user) for room in rooms))
    known = (room for room, standing in zip(rooms, standings, strict=True) if standing.get("seen"))
    return next(known, rooms[0] if rooms else None)


async def lift_everywhere(node: Node, session: Session, user: str, reason: str) -> None:
    """The ban ends in every room."""
    role = may_everywhere(node, session, "unban")
    for room in await node.hub.known():
        args = node.act_args(session, role, "unban", least=Role.MODERATOR.rank + 1, user=user, reason=reason)
        refuse_unless_ok(await node.broker.act(room, args))
    await node.people.ban(user, None)


async def finish_ban(node: Node, session: Session, room: str, flag: str, note: str, refused: Refused) -> Ok:
    """A ban that this caller decided, and that broke off before all rooms had it, is done to its end."""
    decided = await node.review.flag(room, flag) or {}
    decision = decided.get("decision") or {}
    if decision.get("action") != "ban" or decision["by"]["id"] != node.caller(session).id:
        raise refused
    user, till = decided["author"]["id"], int(decision["till"])
    seconds = math.ceil((till - now_ms()) / 1000) if till else 0
    standing = await node.broker.standing(room, user)
    if seconds < 0 or "banned" not in standing:  # it is over, or somebody lifted it
        raise refused
    await ban_everywhere(node, session, user, seconds, note, flag=flag)
    return Ok(room=room)


async def finish_lift(node: Node, session: Session, room: str, flag: str, note: str, refused: Refused) -> Ok:
    """A ban that this caller took back, and that broke off before all rooms had it, is lifted to its end."""
    decided = await node.review.flag(room, flag) or {}
    decision = decided.get("decision") or {}
    if not _takes_back(decision.get("action")) or decision["by"]["id"] != node.caller(session).id:
        raise refused
    await lift_everywhere(node, session, decided["author"]["id"], note)
    return Ok(room=room)


def _takes_back(action: object) -> bool:
    return action in ("approve", "warn")


async def is_taking_ban_back(node: Node, session: Session, flag: Mapping[str, Any], action: str) -> bool:
    """Whether a decision on an appeal lifts the ban that holds now; then its taker has to be of all rooms."""
    against = flag.get("against") or {}
    if against.get("action") != "ban" or not _takes_back(action):
        return False
    may_everywhere(node, session, "unban")
    person = await node.people.person(flag["author"]["id"])
    return person.banned is not None and person.ban_flag == against["flag"]
