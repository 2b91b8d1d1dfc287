"""One WebSocket connection: frames go straight to its session, and what it writes straight to the socket."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
from typing import Any

from websockets.asyncio.messages import Assembler
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Event

from chat.node.session import Session
from chat.protocol.errors import CloseCode
from chat.server.frames import TEXT, is_between_frames, plain_frames
from chat.settings import Limits

_RESET = struct.pack("ii", 1, 0)
_PING = b"\x89\x00"
EARLY = 16
"""Frames that a client in a hurry may send before it has read the answer to its handshake."""


@functools.cache
def _unread() -> Assembler:
    """The library's queue of frames, in which none of ours ever wait: one for all connections."""
    queue = Assembler(pause=lambda: None, resume=lambda: None)
    queue.close()
    return queue


class Connection(ServerConnection):
    """A session's `Outlet`.

    Frames are handed over in the turn that brought them, without the library's queue and wake-up between;
    pings come from one clock for all connections, not from a task in each.
    """

    # With these in the library's dictionary it would hold over thirty names and lose its compact form: 1 KiB.
    __slots__ = (
        "early", "ending", "frames", "frames_from", "is_text", "limits", "over_since", "parts", "ping_due", "pong_due",
        "session",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session: Session | None = None
        self.early: list[Frame] = []
        self.parts: bytearray | None = None
        self.is_text = False
        self.ping_due = self.pong_due = 0.0
        self.frames, self.frames_from, self.over_since = 0, 0.0, 0.0
        self.ending: asyncio.Task[None] | None = None

    def attach(self, session: Session, limits: Limits, now: float) -> None:
        """Hand over all that comes from now on, and let go of what only the handshake needed: 5 KiB."""
        self.session = session
        self.limits = limits
        self.ping_due = now + limits.ping_seconds
        self.frames_from = now
        self.request = self.response = None
        self.recv_messages = _unread()
        early, self.early = self.early, []
        for frame in early:
            self.process_event(frame)
        self._note_end()
        if self.connection_lost_waiter.done():
            session.end()

    # ── in ───────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Small frames leave at once."""
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)

    def process_event(self, event: Event) -> None:
        """Take a frame. A message in several parts is put together first; the library bounds its size."""
        session = self.session
        if not isinstance(event, Frame):
            super().process_event(event)
            return
        if session is None:
            self.early.append(event)
            if len(self.early) > EARLY:
                self.abort()
            return
        if event.opcode is Opcode.PONG:
            self.pong_due = 0.0
            return
        if event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if not self._keeps_pace(session):
            return
        if event.opcode is Opcode.CONT:
            assert self.parts is not None
            self.parts += event.data
        elif not event.fin:
            self.parts = bytearray(event.data)
            self.is_text = event.opcode is Opcode.TEXT
        else:
            self._take(session, bytes(event.data), is_text=event.opcode is Opcode.TEXT)
            return
        if event.fin:
            data, self.parts = bytes(self.parts), None
            self._take(session, data, is_text=self.is_text)

    def _take(self, session: Session, data: bytes, *, is_text: bool) -> None:
        if is_text and not data.isascii():
            try:
                data.decode()
            except UnicodeDecodeError:
                session.close(CloseCode.BAD_FRAME, "text that is not UTF-8")
                return
        if not session.is_closing:
            session.receive(data)

    def _keeps_pace(self, session: Session) -> bool:
        """Whether the connection sends at a bearable rate; one that does not for seconds on end is closed."""
        now = self.loop.time()
        self.frames += 1
        if now - self.frames_from >= 1.0:
            is_over = self.frames > self.limits.frames_second * (now - self.frames_from)
            self.over_since = (self.over_since or self.frames_from) if is_over else 0.0
            self.frames, self.frames_from = 0, now
            if self.over_since and now - self.over_since >= self.limits.frames_seconds:
                session.close(CloseCode.FLOODING, "too many frames")
                return False
        return True

    def data_received(self, data: bytes) -> None:
        """Take what came; it may be the peer's last word, or a fault that ends the connection.

        Plain frames go straight to the session, all from the first other on through the library.
        """
        session, protocol = self.session, self.protocol
        if (
            session is not None
            and self.parts is None
            and protocol.state is OPEN
            and is_between_frames(protocol.parser)
        ):
            frames, end = plain_frames(data, self.limits.frame)
            for first, payload in frames:
                if self._keeps_pace(session):
                    self._take(session, payload, is_text=first == TEXT)
            if end == len(data):
                return
            data = data[end:]
        super().data_received(data)
        if self.protocol.state is not OPEN:
            self._note_end()

    def eof_received(self) -> None:
        """The peer sends no more."""
        super().eof_received()
        self._note_end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The session hears that no more will come."""
        super().connection_lost(exc)
        if self.session is not None:
            self._note_end()
            self.session.end()

    def _note_end(self) -> None:
        """Let nothing more be written once the closing has begun: the library ends the stream then.

        A write after that raises, and where a whole room is written to, it would cost the others what was theirs.
        """
        session = self.session
        if session is not None and self.protocol.state is not OPEN:
            session.part(is_lost=self.protocol.close_rcvd is None)

    # ── pace ─────────────────────────────────────────────────────────────────────────────────────

    def pause_writing(self) -> None:
        """The kernel's buffer is full."""
        super().pause_writing()
        if self.session is not None:
            self.session.pause()

    def resume_writing(self) -> None:
        """It is empty again."""
        super().resume_writing()
        if self.session is not None:
            self.session.resume()

    def look(self, now: float) -> None:
        """Ping when it is time; a peer that does not answer is gone without a word."""
        if self.session is None or self.protocol.state is not OPEN:
            return
        if self.pong_due and now > self.pong_due:
            self.session.cut()
        elif now >= self.ping_due and not self.pong_due:
            self.ping_due = now + self.limits.ping_seconds
            self.pong_due = now + self.limits.pong_seconds
            self.transport.write(_PING)

    # ── Outlet ───────────────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes) -> None:
        """Send whole frames."""
        self.transport.write(data)

    def end(self, code: int, reason: str) -> None:
        """Close with a code; the closing handshake goes on by itself."""
        self.ending = self.loop.create_task(self._end(code, reason))

    async def _end(self, code: int, reason: str) -> None:
        await self.close(code, reason)

    def abort(self) -> None:
        """Cut at once. A reset, because a plain close would wait behind what the peer does not read."""
        raw: Any = self.transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def backlog(self) -> int:
        """Bytes that wait."""
        return self.transport.get_write_buffer_size()

    def descriptor(self) -> int:
        """The socket's own, or -1 under TLS."""
        raw = self.transport.get_extra_info("socket")
        return -1 if raw is None or self.transport.get_extra_info("ssl_object") else int(raw.fileno())

    def stop_reading(self) -> None:
        """Read no more for now."""
        self.transport.pause_reading()

    def go_on_reading(self) -> None:
        """Read on."""
        if not self.transport.is_closing():
            self.transport.resume_reading()


class Wire:
    """A connection as its session sees it: the library's own `close` keeps its meaning."""

    __slots__ = ("abort", "backlog", "close", "descriptor", "go_on_reading", "stop_reading", "write")

    def __init__(self, connection: Connection) -> None:
        self.write = connection.transport.write
        self.close = connection.end
        self.abort = connection.abort
        self.backlog = connection.transport.get_write_buffer_size
        self.descriptor = connection.descriptor
        self.stop_reading = connection.stop_reading
        self.go_on_reading = connection.go_on_reading
