"""The whole way in: bytes → command → handler → reply.

One frame, one answer; nothing that is sent here ends a node.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from chat.node import appeals, asides, audit, bans, claims, desk, entrance, guide, pairs, rota, speech
from chat.node.node import Node, now_ms
from chat.node.ports import Unavailable
from chat.node.session import Hall, Session
from chat.protocol import commands
from chat.protocol.commands import COMMANDS, RESERVED, Command, Post
from chat.protocol.errors import NOT_YET, TEXTS, CloseCode, ErrorCode, Refused
from chat.protocol.events import Error, Pong, Support
from chat.protocol.fields import Frame, Id
from chat.protocol.wire import BadCommand, Unreadable, decode, encode, framed

log = structlog.get_logger(__name__)

MOST_TRASH = 3
"""Frames in a row that do not decode, after which a connection is closed."""
AT_THE_DOOR = frozenset(("hello", "join"))
"""What those who come in do, a few at a time."""
PIPELINED = 16
"""Posts of one connection that may be under way at once; they take effect in the order sent."""

UNREADABLE = "We could not read that: each frame is a map with a type."
CLOSING = {CloseCode.UNREADABLE: "frames that do not decode"}
"""Reasons of closes that follow a reply, where the reply does not say it."""

Handler = Callable[[Node, Session, Any], Awaitable[Frame | None]]


async def _ping(_node: Node, _session: Session, _command: commands.Ping) -> Pong:
    return Pong(time=now_ms())


HANDLERS: dict[str, Handler] = {
    "hello": entrance.hello,
    "profile": entrance.profile,
    "join": entrance.join,
    "leave": entrance.leave,
    "post": speech.post,
    "edit": speech.edit,
    "whisper": speech.whisper,
    "help": speech.ask_help,
    "retract": guide.retract,
    "react": guide.react,
    "history": guide.history,
    "hand": guide.hand,
    "typing": guide.typing,
    "mute": guide.mute,
    "unmute": guide.unmute,
    "remove": guide.remove,
    "readmit": guide.readmit,
    "pin": guide.pin,
    "unpin": guide.unpin,
    "warn": guide.warn,
    "card": guide.card,
    "set_room": guide.set_room,
    "report": desk.report,
    "watch": desk.watch,
    "attend": desk.attend,
    "claim": claims.claim,
    "unclaim": claims.unclaim,
    "note": claims.note,
    "decide": desk.decide,
    "ban": bans.ban,
    "unban": bans.unban,
    "appeal": appeals.appeal,
    "evidence": appeals.evidence,
    "erase": pairs.erase,
    "break_glass": pairs.break_glass,
    "confirm": pairs.confirm,
    "audit": audit.audit,
    "aside": asides.aside,
    "duty": rota.duty,
    "follow_up": rota.follow_up,
    "ping": _ping,
}
LATER = RESERVED
"""Known commands whose work comes later."""

assert HANDLERS.keys() | LATER == COMMANDS.keys(), "every command is handled, or known to come later"

_NAMES: dict[type, str] = {kind: name for name, kind in COMMANDS.items()}


async def serve(node: Node, session: Session) -> None:
    """Answer a connection's frames in their order until it ends.

    Posts to joined rooms may overlap: each leaves for the store before the next is looked at, and is answered
    before it. Everything else waits until they are answered.
    """
    line = Line(node, session)
    session.at_once = line.take
    try:
        while (got := await session.next()) is not None:
            if session.is_closing and not session.is_parting:
                break
            if isinstance(got, bytes):
                if line.is_full:
                    await line.answered()
                left = line.take(got)
                if left is None:
                    continue
                assert not isinstance(left, bytes)
                got = left
            await line.answered()
            await line.do(got)
        await line.answered()
    finally:
        session.at_once = None
        line.underway.clear()
        await node.gone(session)


class Slot:
    """The place of a command's reply among the others of its connection."""

    __slots__ = ("close", "id", "is_known", "name", "reply", "room")

    def __init__(self, id: Id, name: str = "", room: Hall | None = None) -> None:
        self.id = id
        self.name = name
        self.room = room
        """Where there is one, the reply is written with the room's events."""
        self.is_known = False
        self.reply: Frame | None = None
        self.close: CloseCode | None = None


class Line:
    """A connection's commands that are under way, answered in the order sent."""

    __slots__ = ("_free", "node", "session", "underway")

    def __init__(self, node: Node, session: Session) -> None:
        self.node = node
        self.session = session
        self.underway: list[Slot] = []
        self._free: asyncio.Future[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether the next post has to wait."""
        return len(self.underway) >= PIPELINED

    async def answered(self) -> None:
        """Wait until nothing is under way."""
        while self.underway:
            self._free = asyncio.get_running_loop().create_future()
            await self._free

    def take(self, data: bytes) -> Command | bytes | None:
        """Take a frame that needs no wait, in the turn that brings it; else give back what has to wait."""
        if self.is_full:
            return data
        node, session = self.node, self.session
        node.counts.commands += 1
        try:
            command = decode(data, session.form)
        except Unreadable:
            node.counts.bad_frames += 1
            session.trash += 1
            slot = self._slot(Slot(None))
            slot.reply = Error(code=ErrorCode.BAD_REQUEST, text=UNREADABLE)
            slot.close = CloseCode.UNREADABLE if session.trash >= MOST_TRASH else None
            self._write(slot)
            return None
        except BadCommand as bad:
            session.trash = 0
            slot = self._slot(Slot(bad.id))
            slot.reply = Error(code=ErrorCode.BAD_REQUEST, text=bad.text)
            self._write(slot)
            return None
        session.trash = 0
        if not isinstance(command, Post) or command.room not in session.rooms:
            return command
        slot = self._slot(Slot(command.id, "post", session.rooms[command.room]))
        try:
            _admit(node, session, "post")
            speech.post_at_once(node, session, command, functools.partial(self._settle, slot))
        except Exception as error:  # noqa: BLE001  told like any other, in its place
            self._settle(slot, error)
        return None

    async def do(self, command: Command) -> None:
        """Handle any other command, and write its reply."""
        name = _NAMES[type(command)]
        slot = self._slot(Slot(command.id, name))
        told: Frame | Exception | None
        try:
            _admit(self.node, self.session, name)
            async with self.node.door if name in AT_THE_DOOR else contextlib.nullcontext():
                told = await HANDLERS[name](self.node, self.session, command)
        except Exception as error:  # noqa: BLE001  told by `_settle`
            told = error
        self._settle(slot, told)

    def _slot(self, slot: Slot) -> Slot:
        self.underway.append(slot)
        self.session.underway = len(self.underway)
        return slot

    def _settle(self, slot: Slot, told: Frame | Exception | None) -> None:
        """What became of a command is known."""
        if isinstance(told, Refused):
            slot.reply, slot.close = _error(slot.id, told), told.close
        elif isinstance(told, Exception):
            if not isinstance(told, Unavailable):
                # Our bug: the caller can try again, and the log says where.
                log.error("command.failed", command=slot.name, error=type(told).__name__, exc_info=told)
            slot.reply = Error(code=ErrorCode.UNAVAILABLE, text=TEXTS[ErrorCode.UNAVAILABLE], retry_after=1.0)
        else:
            slot.reply = told
        if slot.name == "typing":
            slot.reply = None  # it has none, whatever became of it
        self._write(slot)

    def _write(self, slot: Slot) -> None:
        """Write a reply that is known, once those before it are, and what follows them."""
        slot.is_known = True
        underway, session = self.underway, self.session
        while underway and underway[0].is_known:
            slot = underway.pop(0)
            reply = slot.reply
            if reply is not None:
                self.node.counts.errors += isinstance(reply, Error)
                reply.id = slot.id  # type: ignore[attr-defined]  # every reply has one; the base of all frames has none
                if slot.room is not None:
                    slot.room.answer(session, framed(encode(reply, session.form), session.form))
                else:
                    session.send(reply)
            if slot.close is not None:
                session.close(slot.close, CLOSING.get(slot.close, ""))
        session.underway = len(underway)
        if not underway and self._free is not None and not self._free.done():
            self._free.set_result(None)


def _admit(node: Node, session: Session, name: str) -> None:
    """Refuse what nobody may just now, or not on this connection."""
    if name != "hello":
        caller = node.caller(session)
        if caller.expires <= now_ms():
            raise Refused(ErrorCode.UNAUTHENTICATED, close=CloseCode.NO_HELLO)
    elif node.is_draining:
        raise Refused(ErrorCode.UNAVAILABLE, close=CloseCode.DRAINING)
    if name in LATER:
        raise Refused(ErrorCode.BAD_REQUEST, NOT_YET)


def _error(command: Id, refused: Refused) -> Error:
    agreement = refused.agreement
    return Error(
        id=command,
        code=refused.code,
        text=refused.text,
        retry_after=refused.retry_after,
        by=refused.by,
        support=refused.support if isinstance(refused.support, Support) else None,
        flag=refused.flag,
        anyway=refused.anyway,
        appeal=refused.appeal,
        agreement={"version": agreement[0], "text": agreement[1]} if agreement else None,
    )
