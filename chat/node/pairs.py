"""What takes two people: erasing a person, and seeing who somebody is. One asks, another confirms within the hour."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from chat.node.bans import may_everywhere, refuse_upwards
from chat.node.guide import as_frames
from chat.node.node import Node, clean, refuse_unless_ok
from chat.node.session import Session, member_of
from chat.protocol.commands import BreakGlass, Confirm, Erase
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import Requested, Requests, Revealed
from chat.protocol.fields import Role
from chat.protocol.wire import unpack
from chat.tokens import is_user

PAGE = 200
STRETCH = 1_000
"""Entries that are looked through at once for those of one person."""
ANOTHER = "This takes a second person. Please ask a colleague to confirm it."


async def erase(node: Node, session: Session, command: Erase) -> Requested:
    """Ask for a person's texts and name to be erased everywhere."""
    request, until = await _ask(node, session, "erase", command.user, command.reason)
    return Requested(request=request, until=until)


async def break_glass(node: Node, session: Session, command: BreakGlass) -> Revealed:
    """Ask to see who somebody is and what they wrote; once another person confirmed it, see it."""
    if command.request is not None:
        return await _reveal(node, session, command)
    if command.user is None or command.purpose is None:
        raise Refused(ErrorCode.BAD_REQUEST, "Please say whom it is about, and why; or name the request.")
    request, until = await _ask(node, session, "break_glass", command.user, command.purpose)
    return Revealed(request=request, until=until)


async def confirm(node: Node, session: Session, command: Confirm) -> Requests:
    """Be the second person; the answer is what still waits for one, and what the caller asked for."""
    role = may_everywhere(node, session, "confirm")
    if command.request is not None:
        await _confirm(node, session, role, command.request)
    me = node.caller(session).id
    found = [one for one in await node.people.requests() if one["user"] != me and _is_open(one, me)]
    people = await asyncio.gather(*(node.people.person(one["user"]) for one in found))
    return Requests(
        requests=[{**one, "name": person.name} for one, person in zip(found, people, strict=True)]
    )


def _is_open(request: Mapping[str, Any], me: str) -> bool:
    """It waits, or was confirmed and is still to be seen by whoever asked."""
    return "with" not in request or (request["what"] == "break_glass" and request["by"]["id"] == me)


async def _confirm(node: Node, session: Session, role: Role, name: str) -> None:
    me = _told(session, role)
    request = await node.people.request(name)
    if request is None or request["user"] == me["id"]:
        raise Refused(ErrorCode.NOT_FOUND)
    if request["by"]["id"] == me["id"]:
        raise Refused(ErrorCode.FORBIDDEN, ANOTHER)
    if not await node.people.confirm(name, me):
        raise Refused(ErrorCode.CONFLICT, "A colleague confirmed this already.")
    if request["what"] == "erase":
        await node.erasing.erase(request["user"], request["by"], me, request["reason"])
    else:
        await _note(node, session, role, "confirm", request["user"], request["reason"])
    await node.people.tell_request("confirmed", request["user"], me["id"])


def _told(session: Session, role: Role) -> dict[str, str]:
    assert session.caller is not None
    member = member_of(session.caller, role)
    return {"id": member.id, "name": member.name, "role": member.role}


async def _ask(node: Node, session: Session, what: str, user: str, reason: str) -> tuple[str, int]:
    role = may_everywhere(node, session, what)
    reason = clean(reason).strip()
    if not is_user(user):
        raise Refused(ErrorCode.NOT_FOUND)
    if user == node.caller(session).id:
        raise Refused(ErrorCode.FORBIDDEN, "Nobody acts on themselves. A colleague can help.")
    if not reason:
        raise Refused(ErrorCode.BAD_REQUEST, "Please say why.")
    await refuse_upwards(node, session, what, user)
    request, until = await node.people.ask(what, user, _told(session, role), reason)
    await _note(node, session, role, f"ask {what}", user, reason)
    await node.people.tell_request("second_person", user, node.caller(session).id)
    return request, until


async def _note(node: Node, session: Session, role: Role, what: str, user: str, reason: str) -> None:
    """An entry in the trail of each room that knows the person; of the first where none does."""
    rooms = list(await node.hub.known())
    theirs = [room for room in rooms if await node.broker.standing(room, user)]
    for room in theirs or rooms[:1]:
        args = node.act_args(
            session, role, "read", least=Role.MODERATOR.rank + 1, what=what, user=user, reason=reason
        )
        refuse_unless_ok(await node.broker.act(room, args))


async def _reveal(node: Node, session: Session, command: BreakGlass) -> Revealed:
    """What identity there is, and a page of their texts in one room; each look is in the trail."""
    role = may_everywhere(node, session, "break_glass")
    assert command.request is not None
    request = await node.people.request(command.request)
    if request is None or request["what"] != "break_glass" or request["by"]["id"] != node.caller(session).id:
        raise Refused(ErrorCode.NOT_FOUND)
    if request.get("with") is None:
        raise Refused(ErrorCode.FORBIDDEN, ANOTHER)
    user = request["user"]
    await _note(node, session, role, "break_glass", user, request["reason"])
    person = await node.people.person(user)
    rooms = [room for room in await node.hub.known() if await node.broker.standing(room, user)]
    events: list[bytes] = []
    more = False
    if command.room is not None:
        if command.room not in rooms:
            raise Refused(ErrorCode.NOT_FOUND)
        events, more = await _texts(node, command.room, user, command.before)
    return Revealed(
        request=command.request,
        until=request["until"],
        user={
            "id": user,
            "name": person.name,
            "country": person.country,
            "language": person.language,
            "grants": dict(person.grants or {}),
            "invite": await node.people.came_by(user),
        },
        rooms=rooms,
        events=as_frames(events, session.form),
        more=more,
    )


async def _texts(node: Node, room: str, user: str, before: int | None) -> tuple[list[bytes], bool]:
    """Their last messages before a position, in order."""
    head = (await node.broker.heads({room: []}))[room][0]
    last = min(head, before - 1) if before else head
    mine: list[bytes] = []
    while last > 0 and len(mine) < PAGE:
        found = await node.broker.read(room, None, max(1, last - STRETCH + 1), last)
        mine = [entry for _, entry in found if _is_of(unpack(entry), user)] + mine
        last -= STRETCH
    return mine[-PAGE:], last > 0 or len(mine) > PAGE


def _is_of(event: dict[str, Any], user: str) -> bool:
    return event["type"] == "message" and bool(event["from"]["id"] == user)
