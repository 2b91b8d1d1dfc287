"""One connection: who it is, what it has joined, its commands in order, and its way out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from chat.node.ports import Outlet
from chat.protocol.commands import Command
from chat.protocol.errors import CloseCode
from chat.protocol.events import Member
from chat.protocol.fields import Frame, Role, parent_of
from chat.protocol.wire import Format, encode, framed, transcode
from chat.room.permissions import role_in

INBOX = 64
"""Frames that may wait for their turn before the node stops reading from the connection."""


class Hall(Protocol):
    """Where a session is: a room, as far as a session needs to know it."""

    def drop(self, session: Session) -> None:
        """Let it hear no more."""

    def set_slow(self, session: Session) -> None:
        """Its socket takes no more for now."""

    def set_fast(self, session: Session) -> None:
        """Its socket took all."""

    def answer(self, session: Session, reply: bytes) -> None:
        """Write a reply to it with what this turn brings."""


AtOnce = Callable[[bytes], Command | bytes | None]
"""Takes a frame for which nothing has to wait: None where it did, else what the frame says, or the frame as it is."""


@dataclass(slots=True)
class Caller:
    """Who a session speaks for."""

    id: str
    name: str = field(repr=False)
    grants: Mapping[str, str]
    issued: int
    """When the grants were given, in milliseconds: a newer word of the store wins."""
    expires: int
    country: str = ""
    language: str = ""
    hidden: tuple[str, ...] = ()
    """Whose messages the person's clients hide, as they stood at hello."""
    asides: Mapping[str, str] = field(default_factory=dict)
    """Side rooms that the caller is in, with their role there."""

    def role(self, room: str) -> Role | None:
        """What the caller may do in a room, as far as this node knows.

        Of a side room that they are not in: what they may do with its flags, as a moderator of its room.
        """
        parent = parent_of(room)
        if parent is None:
            return role_in(self.grants, room)
        above = role_in(self.grants, parent)
        if not self.is_outside(room):
            return Role(self.asides[room])
        return above if above is not None and above.rank >= Role.MODERATOR.rank else None

    def is_outside(self, room: str) -> bool:
        """Whether this is a side room that the caller is not in: nothing in it is theirs to see.

        Whoever was there as staff is out of it once they are staff of its room no more.
        """
        parent = parent_of(room)
        if parent is None:
            return False
        held, above = self.asides.get(room), role_in(self.grants, parent)
        return held is None or (Role(held).is_staff and (above is None or not above.is_staff))


class Session:
    """One connection. The node writes to it; the server hands it what arrives."""

    __slots__ = (
        "at_once", "caller", "claims", "client", "form", "held", "inbox", "is_closing", "is_cut", "is_lost",
        "is_parting", "is_paused", "newcomer",
        "opened_at", "outlet", "outside", "queued", "rooms", "slow_since", "taken", "trash", "typed_at", "underway",
        "waiter", "watched",
    )  # fmt: skip

    def __init__(self, outlet: Outlet, form: Format, now: float) -> None:
        self.outlet = outlet
        self.form = form
        self.caller: Caller | None = None
        self.client = ""
        self.newcomer = ""
        """Whom an invite is making here, until it is answered: the next try makes the same person."""
        self.rooms: dict[str, Hall] = {}
        self.outside: frozenset[str] = frozenset()
        """Rooms that it is not in, and from which it is told what care says."""
        self.claims: dict[str, str] = {}
        """Flags claimed on this connection, and their rooms: the leases end with it."""
        self.watched: frozenset[str] = frozenset()
        self.at_once: AtOnce | None = None
        self.inbox: list[Command | bytes | None] = []
        """Short and mostly empty, so a list: an empty deque takes 700 bytes more."""
        self.waiter: asyncio.Future[None] | None = None
        self.held = b""
        """Replies that wait for the end of this loop turn, to be written with its events."""
        self.is_paused = False
        self.is_closing = False
        self.is_lost = False
        """Whether the connection ended without a word: its person is lost, not gone."""
        self.is_cut = False
        self.is_parting = False
        """Whether the peer ended it: what it sent before is taken still."""
        self.slow_since = 0.0
        self.queued = 0
        """Bytes that were written since the kernel took no more, with those that waited then."""
        self.taken = 0
        """How many of them the peer has taken, when last looked at."""
        self.opened_at = now
        self.typed_at = 0
        self.trash = 0
        """Frames in a row that did not decode."""
        self.underway = 0
        """Commands that are being handled."""

    # ── in ───────────────────────────────────────────────────────────────────────────────────────

    def receive(self, data: bytes) -> None:
        """Take a frame: at once where none is before it, else it waits for its turn.

        A connection that runs ahead is not read from until it has caught up.
        """
        left: Command | bytes | None = data
        if self.at_once is not None and self.waiter is not None and not self.inbox:
            left = self.at_once(data)
            if left is None:
                return
        self.inbox.append(left)
        if len(self.inbox) >= INBOX:
            self.outlet.stop_reading()
        self._wake()

    def end(self) -> None:
        """No more will come."""
        self.inbox.append(None)
        self._wake()

    @property
    def is_busy(self) -> bool:
        """Whether a command is under way or waits."""
        return bool(self.inbox) or self.underway > 0

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def next(self) -> Command | bytes | None:
        """The next frame, or the command that was read from it; None at the end."""
        while not self.inbox:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
            self.waiter = None
        data = self.inbox.pop(0)
        if len(self.inbox) == INBOX // 2:
            self.outlet.go_on_reading()
        return data

    # ── out ──────────────────────────────────────────────────────────────────────────────────────

    def send(self, frame: Frame) -> None:
        """Write a reply or an event for this connection alone."""
        self.write(framed(encode(frame, self.form), self.form))

    def send_entry(self, entry: bytes) -> None:
        """Write a log entry."""
        self.write(framed(transcode(entry, self.form), self.form))

    def write(self, data: bytes) -> None:
        """Write whole WebSocket frames, behind those that are held."""
        if self.held:
            data, self.held = self.held + data, b""
        if not self.is_closing:
            if self.is_paused:
                self.queued += len(data)
            self.outlet.write(data)

    def hold(self, data: bytes) -> None:
        """Write frames later in this loop turn: with whatever is written next, or when let go."""
        self.held += data

    def let_go(self) -> None:
        """Write what is held."""
        if self.held:
            self.write(b"")

    def close(self, code: CloseCode, reason: str = "") -> None:
        """End the connection with a code that says whether to come back; nothing is written after it."""
        if not self.is_closing:
            self.let_go()
            self.is_closing = True
            for room in self.rooms.values():
                room.drop(self)
            self.outlet.close(int(code), reason)

    def part(self, *, is_lost: bool) -> None:
        """The peer ends the connection: nothing is written any more, and what it sent is done all the same."""
        if not self.is_closing:
            self.is_closing = self.is_parting = True
            self.is_lost = is_lost
            for room in self.rooms.values():
                room.drop(self)

    def cut(self) -> None:
        """End a connection that does not read: what waits is thrown away, and it comes back by position."""
        self.is_closing = True
        self.is_lost = True
        self.is_cut = True
        for room in self.rooms.values():
            room.drop(self)
        self.outlet.abort()

    # ── pace ─────────────────────────────────────────────────────────────────────────────────────

    def pause(self) -> None:
        """The kernel takes no more for now. Moved aside at once: a bare write would overtake what waits."""
        self.is_paused = True
        self.slow_since = self.slow_since or asyncio.get_running_loop().time()
        self.queued, self.taken = self.outlet.backlog(), 0
        for room in self.rooms.values():
            room.set_slow(self)

    def is_stalled(self, now: float, patience: float) -> bool:
        """Whether the peer took nothing for `patience` seconds. One that reads slowly, but reads, is none."""
        if not self.slow_since:
            return False
        taken = self.queued - self.outlet.backlog()
        if taken > self.taken:
            self.taken, self.slow_since = taken, now
        return now - self.slow_since > patience

    def resume(self) -> None:
        """The kernel has taken all."""
        self.is_paused = False
        self.slow_since = 0.0
        for room in self.rooms.values():
            room.set_fast(self)


def member_of(caller: Caller, role: Role) -> Member:
    """The caller as others see them in a room."""
    return Member(caller.id, caller.name, str(role))
