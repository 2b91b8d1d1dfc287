"""Guiding a room: what staff change, and what members do besides talking.

Each is one call of the `act` script.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chat.node.judging import judge_label
from chat.node.node import Node, clean, new_flag, now_ms, refuse_unless_ok
from chat.node.rooms import Room
from chat.node.session import Session, member_of
from chat.protocol.commands import (
    Card,
    Hand,
    History,
    Mute,
    Pin,
    React,
    Readmit,
    Remove,
    Retract,
    SetRoom,
    Typing,
    Unmute,
    Unpin,
    Warn,
)
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import CardShared, Muted, Ok, Page, Posted, Removed, TypingNow, Unmuted
from chat.protocol.fields import Role
from chat.protocol.wire import Format, pack, transcode

MOST_PINS = 10
REACT_BURST = 10
REACT_EVERY = 500
TYPING_EVERY = 1_000
RETRACTED = "A member of staff took this message out of the room. You can ask them about it with help."
WITHDRAWN = "You took this message back. Nobody in the room saw it."
MUTED = "You can read along, but not write to the group for now. Help still reaches our team."
UNMUTED = "You can write to the group again. Welcome back."
REMOVED = "You can't take part in this room for now. Help still reaches our team."


async def _act(node: Node, session: Session, room: str, role: Role, op: str, least: Role, **more: Any) -> Ok:
    given = {name: value for name, value in more.items() if value is not None}
    args = node.act_args(session, role, op, least=least.rank + 1, **given)
    reply = refuse_unless_ok(await node.broker.act(room, args))
    seq = int(reply.get("seq", -1))
    return Ok(room=room, seq=seq if seq > 0 else None)


def new_record(room: str) -> dict[str, Any]:
    """The flag that accounts for a decision which none asked for; the script fills it in."""
    return {**new_flag(room, "sanction"), "verdict": "delivered"}


# ── people ───────────────────────────────────────────────────────────────────────────────────────


async def _sanction(
    node: Node, session: Session, command: Mute | Unmute | Remove | Readmit, op: str, event: Any
) -> Ok:
    role = await node.role(session, command.room, op)
    if command.user == node.caller(session).id:
        raise Refused(ErrorCode.FORBIDDEN, "Nobody acts on themselves. A colleague can help.")
    return await _act(
        node,
        session,
        command.room,
        role,
        op,
        Role.FACILITATOR,
        user=command.user,
        seconds=command.seconds or 0,
        reason=clean(command.reason or ""),
        key=command.key,
        event=pack(event) if event is not None else None,
        known=True,
        record=new_record(command.room) if op in ("mute", "remove") else None,
    )


async def mute(node: Node, session: Session, command: Mute) -> Ok:
    """After the answer nothing of that person gets a seq."""
    return await _sanction(
        node, session, command, "mute", _open_ended(Muted(room=command.room, until=0, text=MUTED))
    )


async def unmute(node: Node, session: Session, command: Unmute) -> Ok:
    """Lift a mute."""
    return await _sanction(
        node, session, command, "unmute", Unmuted(room=command.room, until=None, text=UNMUTED)
    )


async def remove(node: Node, session: Session, command: Remove) -> Ok:
    """Take somebody out of the room."""
    return await _sanction(
        node, session, command, "remove", _open_ended(Removed(room=command.room, until=0, text=REMOVED))
    )


async def readmit(node: Node, session: Session, command: Readmit) -> Ok:
    """Let them in again."""
    return await _sanction(node, session, command, "readmit", None)


def _open_ended(event: Any) -> dict[str, Any]:
    """The event without its end, which the script sets by the store's clock."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    fields.pop("until", None)
    return fields


# ── messages ─────────────────────────────────────────────────────────────────────────────────────


async def retract(node: Node, session: Session, command: Retract) -> Ok:
    """Take a message back: one's own by seq or held key, or as staff that of anyone below."""
    _, role = node.joined(session, command.room, "retract")
    if (command.seq is None) == (command.key is None):
        raise Refused(ErrorCode.BAD_REQUEST, "Please name the message by its seq, or a held one by its key.")
    if command.key is not None:
        return await _act(
            node, session, command.room, role, "withdraw", Role.PARTICIPANT, held=command.key, text=WITHDRAWN
        )
    return await _act(
        node, session, command.room, role, "retract", Role.PARTICIPANT,
        seq=command.seq, reason=clean(command.reason or ""), text=RETRACTED,
        record=new_record(command.room) if role.is_staff else None,
    )  # fmt: skip


async def react(node: Node, session: Session, command: React) -> Ok:
    """One reaction of the room's set, on or off."""
    room, role = node.joined(session, command.room, "react")
    if command.reaction not in room.policy.reactions:
        raise Refused(ErrorCode.BAD_REQUEST, "This room has other reactions. Please choose one of its set.")
    return await _act(
        node, session, room.id, role, "react", Role.PARTICIPANT,
        seq=command.seq, reaction=command.reaction, on=command.on, burst=REACT_BURST, interval=REACT_EVERY,
    )  # fmt: skip


async def warn(node: Node, session: Session, command: Warn) -> Ok:
    """A content warning before somebody's message."""
    role = await node.role(session, command.room, "warn")
    warning = judge_label(node, command.warning, node.settings.limits.warning)
    if not warning:
        raise Refused(ErrorCode.BAD_REQUEST, "Please say what the warning is about.")
    return await _act(
        node, session, command.room, role, "warn", Role.FACILITATOR,
        seq=command.seq, warning=warning, key=command.key,
    )  # fmt: skip


async def pin(node: Node, session: Session, command: Pin) -> Ok:
    """Pin a message."""
    role = await node.role(session, command.room, "pin")
    return await _act(
        node, session, command.room, role, "pin", Role.FACILITATOR,
        seq=command.seq, seconds=command.seconds or 0, most=MOST_PINS, key=command.key,
    )  # fmt: skip


async def unpin(node: Node, session: Session, command: Unpin) -> Ok:
    """Unpin it."""
    role = await node.role(session, command.room, "unpin")
    return await _act(
        node, session, command.room, role, "unpin", Role.FACILITATOR, seq=command.seq, key=command.key
    )


async def history(node: Node, session: Session, command: History) -> Page:
    """A page of the room's log. The store is asked first whether the caller may still read it."""
    room, _ = node.joined(session, command.room, "history")
    await _may_still_read(node, session, room)
    if command.before is not None and command.after is not None:
        raise Refused(ErrorCode.BAD_REQUEST, "Please ask for what is before a position, or after one.")
    head = (await node.broker.heads({room.id: []}))[room.id][0]
    if command.after is not None:
        first, last = command.after + 1, min(head, command.after + command.limit)
    else:
        last = min(head, command.before - 1) if command.before is not None else head
        first = max(1, last - command.limit + 1)
    entries = await node.broker.read(room.id, None, first, last)
    more = last < head if command.after is not None else bool(entries) and entries[0][0] > 1
    return Page(room=room.id, events=as_frames([entry for _, entry in entries], session.form), more=more)


def as_frames(entries: list[bytes], form: Format) -> list[Any]:
    """Entries as they are, inside a larger frame."""
    return [msgspec.Raw(transcode(entry, form)) for entry in entries]


async def _may_still_read(node: Node, session: Session, room: Room) -> None:
    caller = node.caller(session)
    standing = await node.broker.standing(room.id, caller.id)
    if int(standing.get("role_at", 0)) > caller.issued and not standing.get("role"):
        raise Refused(ErrorCode.NOT_FOUND)
    for field, code in (("banned", ErrorCode.BANNED), ("removed", ErrorCode.REMOVED)):
        till = int(standing.get(field, -1))
        if till == 0 or till > now_ms():
            raise Refused(code)


# ── the room ─────────────────────────────────────────────────────────────────────────────────────


async def set_room(node: Node, session: Session, command: SetRoom) -> Ok:
    """Change how the room runs."""
    role = await node.role(session, command.room, "set_room")
    changes: dict[str, Any] = {}
    for name in ("phase", "slow_mode", "locked", "turns", "hold"):
        value = getattr(command, name)
        if value is not None:
            changes[name] = str(value) if name in ("phase", "hold") else value
    if command.topic is not None:
        changes["topic"] = judge_label(node, command.topic, node.settings.limits.topic)
    if not changes:
        raise Refused(ErrorCode.BAD_REQUEST, "Please say what should change in the room.")
    stored = {
        name: ("1" if value else "0") if isinstance(value, bool) else str(value)
        for name, value in changes.items()
    }
    return await _act(
        node, session, command.room, role, "set_room", Role.FACILITATOR,
        changes=changes, stored=stored, key=command.key,
    )  # fmt: skip


async def hand(node: Node, session: Session, command: Hand) -> Ok:
    """Raise or lower one's hand; with turns, lowering it passes the turn on."""
    room, role = node.joined(session, command.room, "hand")
    return await _act(node, session, room.id, role, "hand", Role.PARTICIPANT, up=command.up)


async def card(node: Node, session: Session, command: Card) -> Posted:
    """Share a coping card of the toolbox."""
    role = await node.role(session, command.room, "card")
    found = node.cards.get(command.card)
    if found is None:
        raise Refused(ErrorCode.NOT_FOUND, "There is no such card in the toolbox.")
    caller = node.caller(session)
    event = CardShared(room=command.room, from_=member_of(caller, role), card={"card": command.card, **found})
    done = await _act(
        node, session, command.room, role, "card", Role.FACILITATOR,
        event=pack(event), card=command.card, user=command.to, key=command.key,
    )  # fmt: skip
    return Posted(key=command.key or "", verdict="delivered", seq=done.seq)


async def typing(node: Node, session: Session, command: Typing) -> None:
    """Tell the room who is writing, once a second at the most. It has no reply, and no error either."""
    room, _ = node.joined(session, command.room, "typing")
    caller = node.caller(session)
    now = now_ms()
    if now - session.typed_at < TYPING_EVERY and command.on:
        return
    session.typed_at = now
    users = [caller.id] if command.on else []
    node.broker.publish(room.id, "all", pack(TypingNow(room=room.id, users=users)))
