"""Asides: a side room for one person and somebody of staff, while the person keeps the group.

It is a room like any other, with its own log and the same moderation; who is in it is kept apart from what people
were granted, so that nobody else comes in, whatever their role.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from chat.node.node import Node, refuse_unless_ok
from chat.node.rooms import Room
from chat.node.session import Session, member_of
from chat.protocol.commands import Aside, Leave
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import AsideOpened, Member, Ok
from chat.protocol.fields import ASIDE, Role, parent_of
from chat.protocol.wire import pack

TITLE = "A private talk"
LONGEST = 64
AFTERCARE = "after-a-heavy-moment"
"""The card that a facilitator may share with the group afterwards."""
DAY = 86_400_000


async def aside(node: Node, session: Session, command: Aside) -> Ok:
    """Open a side room with a person, and invite them."""
    role = await node.role(session, command.room, "aside")
    caller = node.caller(session)
    if command.user == caller.id:
        raise Refused(ErrorCode.FORBIDDEN, "A private talk needs somebody else.")
    if parent_of(command.room) is not None:
        raise Refused(ErrorCode.BAD_REQUEST, "This is a private talk already.")
    standing = await node.broker.standing(command.room, command.user)
    if not standing.get("seen"):
        raise Refused(ErrorCode.NOT_FOUND)
    await _refuse_second(node, command)
    members = [(member_of(caller, role), role)]
    supervisor = await _supervisor(node, command, caller.id)
    if supervisor is not None:
        members.append((supervisor, Role(supervisor.role)))
    person = Member(command.user, standing.get("name", ""), standing["seen"])
    side = f"{ASIDE}{secrets.token_hex(5)}.{command.room}"
    if len(side) > LONGEST:
        raise Refused(ErrorCode.BAD_REQUEST, "This room's id is too long for a private talk. Please whisper.")
    await _make(node, session, side, [*members, (person, Role.PARTICIPANT)])
    caller.asides = {**caller.asides, side: str(role)}
    try:
        await _invite(node, session, role, command.room, side, person, [member for member, _ in members])
    except Refused:
        await _forget(node, side, [command.user, *(member.id for member, _ in members)])
        await node.broker.drop_room(side)
        raise
    return Ok(room=side)


async def _refuse_second(node: Node, command: Aside) -> None:
    """One at a time for each person in a room."""
    theirs = await node.people.asides(command.user)
    if any(parent_of(side) == command.room and role == Role.PARTICIPANT for side, role in theirs.items()):
        raise Refused(ErrorCode.CONFLICT, "Somebody is in a private talk with them already.")


async def _supervisor(node: Node, command: Aside, caller: str) -> Member | None:
    """Somebody who is there openly as well: a moderator of this room, by what it knows of them."""
    if command.supervisor is None:
        return None
    standing = await node.broker.standing(command.room, command.supervisor)
    role = Role(standing.get("role") or standing.get("seen") or Role.PARTICIPANT)
    if command.supervisor in (caller, command.user) or role.rank < Role.MODERATOR.rank:
        raise Refused(ErrorCode.NOT_FOUND)
    return Member(command.supervisor, standing.get("name", ""), str(role))


async def _make(node: Node, session: Session, side: str, members: list[tuple[Member, Role]]) -> None:
    state = {"title": TITLE, "topic": "", "phase": "", "slow_mode": "0", "locked": "0", "turns": "0"}
    state["members"] = " ".join(member.id for member, _ in members)
    await node.broker.add_room(side, {**state, "hold": "none", "closed": "0"}, TITLE, secrets.token_hex(6))
    for member, role in members:
        args = node.act_args(
            session,
            Role.FACILITATOR,
            "grant",
            least=Role.FACILITATOR.rank + 1,
            user=member.id,
            grant=str(role),
        )
        refuse_unless_ok(await node.broker.act(side, args))
        await node.people.enter_aside(member.id, side, str(role))
    await node.hub.known(fresh=True)


async def _invite(
    node: Node, session: Session, role: Role, room: str, side: str, person: Member, staff: list[Member]
) -> None:
    supervisor = staff[1] if len(staff) > 1 else None
    invites: dict[str, Any] = {
        person.id: pack(AsideOpened(room=room, with_=staff[0], side_room=side, supervisor=supervisor))
    }
    for member in staff:
        other = AsideOpened(room=room, with_=person, side_room=side, supervisor=supervisor)
        invites[member.id] = pack(other)
    args = node.act_args(
        session, role, "aside", least=Role.FACILITATOR.rank + 1, user=person.id, side=side, invites=invites
    )
    refuse_unless_ok(await node.broker.act(room, args))


async def watch_aside(node: Node, room: Room, side: str) -> None:
    """Whoever reviews the group's flags reviews those of the talk, from now on."""
    await node.hub.known(fresh=True)
    for session in tuple(room.watchers):
        if session.caller is None:
            continue
        if side not in session.caller.asides:
            session.caller.asides = await node.people.asides(session.caller.id)
        role = session.caller.role(side)
        if role is None or not role.is_staff or session.is_closing:
            continue
        async with node.hub.opened(side) as opened:
            opened.watchers.add(session)
            session.watched = session.watched | {side}
    await node.hub.tell_watchers(side)


async def end(node: Node, session: Session, command: Leave) -> Ok:
    """Whoever leaves a private talk, or declines to come, ends it: its log stays, and nobody writes there any more."""
    role = await node.role(session, command.room, "leave")
    parent = parent_of(command.room)
    assert parent is not None
    await node.leave(session, command.room, is_lost=False)
    args = node.act_args(session, role, "end_aside", least=Role.PARTICIPANT.rank + 1, again=DAY)
    done = refuse_unless_ok(await node.broker.act(command.room, args))
    if done["seq"] > 0:
        caller = node.caller(session)
        members = (await node.broker.snapshot(command.room)).room["members"].split(" ")
        standings = await asyncio.gather(*(node.broker.standing(command.room, user) for user in members))
        was_used = done["seq"] > 1  # before it closed, somebody said something
        over = AsideOpened(room=parent, with_=member_of(caller, role), side_room=command.room, is_over=True)
        staff = [
            user
            for user, standing in zip(members, standings, strict=True)
            if standing.get("role") == Role.FACILITATOR
        ]
        told = node.act_args(
            session, Role.FACILITATOR, "aside_over", least=Role.PARTICIPANT.rank + 1,
            members=members, event=pack(over), to=staff if was_used else [], side=command.room, card=AFTERCARE,
        )  # fmt: skip
        await node.broker.act(parent, told)
        await _forget(node, command.room, members)
    return Ok(room=command.room)


async def _forget(node: Node, side: str, users: list[str]) -> None:
    await asyncio.gather(*(node.people.leave_aside(user, side) for user in users))
