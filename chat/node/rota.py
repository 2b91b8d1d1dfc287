"""Who of staff is on duty, and whom somebody is to ask after."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from chat.node.node import Node, clean, refuse_unless_ok, room_of
from chat.node.session import Session
from chat.protocol.commands import Duty, FollowUp
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import Rota, Tasks
from chat.protocol.fields import DutyState, Role
from chat.room.clocks import Staff
from chat.room.permissions import RIGHTS


def as_staff(wire: Mapping[str, Any]) -> Staff:
    """Somebody of staff as the store tells of them."""
    said = wire.get("duty")
    return Staff(wire["id"], Role(wire["role"]), DutyState(said) if said else None, bool(wire["is_here"]))


async def _rooms(node: Node, session: Session, command: str, room: str | None) -> dict[str, Role]:
    """The rooms that a command is about: the one it names, else all of which its caller is staff."""
    caller = node.caller(session)
    least = RIGHTS[command].least
    if room is not None:
        role = caller.role(room) if await node.hub.knows(room) else None
        if role is None:
            raise Refused(ErrorCode.NOT_FOUND)
        if role.rank < least.rank:
            raise Refused(ErrorCode.FORBIDDEN)
        return {room: role}
    known = await node.hub.known()
    found = {name: role for name in known if (role := caller.role(name)) and role.rank >= least.rank}
    if not found:
        raise Refused(ErrorCode.FORBIDDEN)
    return found


async def duty(node: Node, session: Session, command: Duty) -> Rota:
    """Say whether one is on duty, and read who is."""
    rooms = await _rooms(node, session, "duty", command.room)
    if command.state is not None:
        for room, role in rooms.items():
            args = node.act_args(
                session, role, "duty",
                least=Role.FACILITATOR.rank + 1, state=str(command.state), staffing=node.staffing(room),
            )  # fmt: skip
            refuse_unless_ok(await node.broker.act(room, args))
    looks = await asyncio.gather(
        *(node.broker.clock(room, {"op": "look", "most": 0}) for room in rooms)
    )  # fmt: skip
    return Rota(
        staff=[
            {"room": room, **one} for room, found in zip(rooms, looks, strict=True) for one in found["staff"]
        ]
    )


async def follow_up(node: Node, session: Session, command: FollowUp) -> Tasks:
    """Whom to ask after; one that is named is done. Nobody sees a task about themselves."""
    caller = node.caller(session)
    room = room_of(command.flag) if command.flag is not None else command.room
    rooms = await _rooms(node, session, "follow_up", room)
    if command.flag is not None and room is not None:
        args = node.act_args(
            session,
            rooms[room],
            "follow_up",
            least=Role.FACILITATOR.rank + 1,
            flag=command.flag,
            note=clean(command.note or ""),
        )
        refuse_unless_ok(await node.broker.act(room, args))
        if command.room is None:
            rooms = await _rooms(node, session, "follow_up", None)
    tasks = await node.review.follow_ups(list(rooms))
    return Tasks(
        tasks=[
            task
            for task in tasks
            if task["user"]["id"] != caller.id
            and (task["user"]["role"] == Role.PARTICIPANT or rooms[task["room"]].rank >= Role.MODERATOR.rank)
        ]
    )
