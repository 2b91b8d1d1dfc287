"""The whole way in: bytes → command → handler → reply.

One frame, one answer; nothing that is sent here ends a node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from chat.node import appeals, asides, audit, claims, desk, entrance, guide, pairs, rota, speech
from chat.node.node import Node, now_ms
from chat.node.ports import Unavailable
from chat.node.session import Session
from chat.protocol import commands
from chat.protocol.commands import COMMANDS, RESERVED, Command, Post
from chat.protocol.errors import NOT_YET, TEXTS, CloseCode, ErrorCode, Refused
from chat.protocol.events import Error, Pong, Support
from chat.protocol.fields import Frame, Id
from chat.protocol.wire import BadCommand, Unreadable, decode

log = structlog.get_logger(__name__)

MOST_TRASH = 3
"""Frames in a row that do not decode, after which a connection is closed."""
PIPELINED = 16
"""Posts of one connection that may be under way at once; they take effect in the order sent."""

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
    "ban": desk.ban,
    "unban": desk.unban,
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

    Posts may overlap: each leaves for the store before the next is looked at, and is answered before it.
    Everything else waits until they are answered.
    """
    underway: list[asyncio.Task[None]] = []
    try:
        while (data := await session.next()) is not None:
            if session.is_closing and not session.is_parting:
                break
            while underway and underway[0].done():
                del underway[0]
            command = _read(node, session, data)
            if command is None:
                continue
            if isinstance(command, Post) and len(underway) < PIPELINED:
                before = underway[-1] if underway else None
                underway.append(asyncio.create_task(_answer(node, session, command, before)))
                continue
            if underway:
                await asyncio.wait(underway)
                underway.clear()
            await _answer(node, session, command, None)
        if underway:
            await asyncio.wait(underway)
    finally:
        for task in underway:
            task.cancel()
        await node.gone(session)


def _read(node: Node, session: Session, data: bytes) -> Command | None:
    """One command, or an answer to what is none."""
    node.counts.commands += 1
    try:
        command = decode(data, session.form)
    except Unreadable:
        node.counts.bad_frames += 1
        session.trash += 1
        session.send(
            Error(code=ErrorCode.BAD_REQUEST, text="We could not read that: each frame is a map with a type.")
        )
        if session.trash >= MOST_TRASH:
            session.close(CloseCode.UNREADABLE, "frames that do not decode")
        return None
    except BadCommand as bad:
        node.counts.errors += 1
        session.trash = 0
        session.send(Error(id=bad.id, code=ErrorCode.BAD_REQUEST, text=bad.text))
        return None
    session.trash = 0
    return command


async def _answer(node: Node, session: Session, command: Command, before: asyncio.Task[None] | None) -> None:
    """Handle a command and write its one reply, after that of the command before it."""
    name = _NAMES[type(command)]
    close: CloseCode | None = None
    session.underway += 1
    try:
        reply = await _handle(node, session, name, command)
    except Refused as refused:
        reply, close = _error(command.id, refused), refused.close
    except Unavailable:
        reply = Error(code=ErrorCode.UNAVAILABLE, text=TEXTS[ErrorCode.UNAVAILABLE], retry_after=1.0)
    except Exception as error:  # our bug: the caller can try again, and the log says where
        log.exception("command.failed", command=name, error=type(error).__name__)
        reply = Error(code=ErrorCode.UNAVAILABLE, text=TEXTS[ErrorCode.UNAVAILABLE], retry_after=1.0)
    finally:
        session.underway -= 1
    if before is not None and not before.done():
        await asyncio.wait([before])
    if reply is not None and name != "typing":
        if isinstance(reply, Error):
            node.counts.errors += 1
        reply.id = command.id  # type: ignore[attr-defined]  # every reply has one; the base of all frames has none
        session.send(reply)
    if close is not None:
        session.close(close)


async def _handle(node: Node, session: Session, name: str, command: Command) -> Frame | None:
    if name != "hello":
        caller = node.caller(session)
        if caller.expires <= now_ms():
            raise Refused(ErrorCode.UNAUTHENTICATED, close=CloseCode.NO_HELLO)
    elif node.is_draining:
        raise Refused(ErrorCode.UNAVAILABLE, close=CloseCode.DRAINING)
    if name in LATER:
        raise Refused(ErrorCode.BAD_REQUEST, NOT_YET)
    return await HANDLERS[name](node, session, command)


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
        agreement={"version": agreement[0], "text": agreement[1]} if agreement else None,
    )
