"""The rooms and sessions of this node, and what goes on by itself: heads, leases, stalled readers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

from chat.node.outbox import cut_stalled
from chat.node.ports import Broker, Review, Unavailable
from chat.node.rooms import Room
from chat.node.session import Session
from chat.protocol.errors import CloseCode
from chat.protocol.fields import parent_of
from chat.settings import Rooms, Settings

log = structlog.get_logger(__name__)

POLL_EVERY = 1.5
"""Seconds between looks at the heads of active rooms: what a dead subscription can cost."""
RENEW_EVERY = 5.0
LEASE = 15_000
"""Milliseconds for which a node's word about who is present holds."""
LOOK_EVERY = 1.0
OVERLOADED_AFTER = 30.0
"""Seconds that a hello may wait for us beyond the time in which it has to come."""

PrivateHeard = Callable[[Room, str, dict[str, Any]], None]
NoticeHeard = Callable[[Room, dict[str, Any]], None]
FlagHeard = Callable[[Room, dict[str, Any]], None]
Work = Callable[[], Coroutine[Any, Any, None]]
Missing = Callable[[Room, Session], Coroutine[Any, Any, None]]


async def _nobody(room: Room, session: Session) -> None:
    """Nothing is done for those whom the store does not know of."""


class Hub:
    """Rooms → sessions here."""

    def __init__(self, settings: Settings, rooms: Rooms, broker: Broker, review: Review) -> None:
        self.settings = settings
        self.policies = rooms
        self.broker = broker
        self.review = review
        self.rooms: dict[str, Room] = {}
        self.sessions: set[Session] = set()
        self.by_user: dict[str, set[Session]] = {}
        self.cut = 0
        """Slow readers cut since the start."""
        self.on_private: PrivateHeard = lambda *_: None
        self.on_flag: FlagHeard = lambda *_: None
        self.staffing: Callable[[str], dict[str, Any] | None] = lambda _: None
        """What the store minds in a room that needs staff."""
        self.on_notice: NoticeHeard = lambda *_: None
        self.on_missing: Missing = _nobody
        self._opening: dict[str, asyncio.Task[Room]] = {}
        self._sides: dict[str, set[str]] = {}
        """Side rooms that are open here, by their rooms."""
        self._known: Mapping[str, str] = {}
        self._known_at = 0.0
        self._works: list[tuple[Work, float]] = [
            (self._poll, POLL_EVERY),
            (self._renew, RENEW_EVERY),
            (self._look, LOOK_EVERY),
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._odd: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin what goes on by itself."""
        self._tasks += [asyncio.create_task(self._repeat(work, every)) for work, every in self._works]

    def also(self, work: Work, every: float) -> None:
        """Do this every so many seconds as well, from `start` on."""
        self._works.append((work, every))

    async def stop(self) -> None:
        """End it."""
        for task in (*self._tasks, *self._odd):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._odd, return_exceptions=True)
        for room in self.rooms.values():
            room.close()

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something on the side; the store being away ends it quietly."""
        task = asyncio.create_task(work)
        self._odd.add(task)
        task.add_done_callback(self._is_over)

    def _is_over(self, task: asyncio.Task[None]) -> None:
        self._odd.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Unavailable):
            log.error("hub.failed", error=type(error).__name__, exc_info=error)

    # ── rooms ────────────────────────────────────────────────────────────────────────────────────

    async def known(self, *, fresh: bool = False) -> Mapping[str, str]:
        """All rooms and their titles; read anew when older than a second, or where that is asked for."""
        now = asyncio.get_running_loop().time()
        if fresh or now - self._known_at > 1.0 or not self._known:
            self._known = await self.broker.rooms()
            self._known_at = now
        return self._known

    async def knows(self, room: str) -> bool:
        """Whether there is such a room. A side room may be younger than what was read."""
        return room in await self.known() or (
            parent_of(room) is not None and room in await self.known(fresh=True)
        )

    def is_known(self, room: str) -> bool:
        """Whether a room was there when the list was last read."""
        return room in self._known

    @asynccontextmanager
    async def opened(self, room: str) -> AsyncIterator[Room]:
        """The room on this node, kept open while the caller is at it."""
        found = self.rooms.get(room)
        while found is None:
            task = self._opening.get(room)
            if task is None:
                task = self._opening[room] = asyncio.create_task(self._open(room))
            try:
                found = await asyncio.shield(task)
            except TimeoutError:
                raise Unavailable from None
            found = self.rooms.get(room)
        found.keepers += 1
        try:
            yield found
        finally:
            found.keepers -= 1
            self.let_go(found)

    async def _open(self, room: str) -> Room:
        made = Room(
            room,
            self.policies.policy(room),
            self.broker,
            backlog=self.settings.limits.backlog,
            on_private=self.on_private,
            on_flag=self.on_flag,
            on_notice=self.on_notice,
        )
        try:
            await made.open(self.review)
        except BaseException:
            made.close()
            raise
        finally:
            del self._opening[room]
        self.rooms[room] = made
        parent = parent_of(room)
        if parent is not None:
            self._sides.setdefault(parent, set()).add(room)
        return made

    def kin(self, room: str) -> list[Room]:
        """What belongs together with a room here: its side rooms, or the room that it is a side room of."""
        parent = parent_of(room)
        names = self._sides.get(room, ()) if parent is None else (parent,)
        return [self.rooms[name] for name in names if name in self.rooms]

    def let_go(self, room: Room) -> None:
        """Close the room on this node where nobody needs it any more."""
        if room.is_idle and self.rooms.get(room.id) is room:
            del self.rooms[room.id]
            self._sides.get(parent_of(room.id) or "", set()).discard(room.id)
            room.close()

    # ── sessions ─────────────────────────────────────────────────────────────────────────────────

    def greet(self, session: Session) -> None:
        """A session has said who it is."""
        assert session.caller is not None
        self.by_user.setdefault(session.caller.id, set()).add(session)

    def count(self, user: str) -> int:
        """How many sessions here speak for a person."""
        return len(self.by_user.get(user, ()))

    def forget(self, session: Session) -> None:
        """A session is over."""
        self.sessions.discard(session)
        self.cut += session.is_cut and session.slow_since > 0
        self.part(session)

    def part(self, session: Session) -> None:
        """A session speaks for nobody any more, or was not let in."""
        if session.caller is not None:
            mine = self.by_user.get(session.caller.id)
            if mine is not None:
                mine.discard(session)
                if not mine:
                    del self.by_user[session.caller.id]

    # ── what goes on by itself ───────────────────────────────────────────────────────────────────

    async def _repeat(self, work: Work, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await work()
            except Unavailable:
                log.warning("hub.store_away")
            except Exception as error:
                log.exception("hub.failed", error=type(error).__name__)

    async def _poll(self) -> None:
        """Compare heads with the store: a subscription that died in silence costs at most one period."""
        users = {room.id: list(room.mailboxes) for room in self.rooms.values()}
        heads = await self.broker.heads(users)
        for name, mine in users.items():
            if name in self.rooms:
                self.rooms[name].catch_up(heads, mine)

    async def _renew(self) -> None:
        """Renew this node's word about who is in its rooms; whoever the store does not know enters anew."""
        rooms = [room for room in self.rooms.values() if room.mailboxes]
        args = {"op": "renew", "node": self.broker.node, "lease": LEASE}
        replies = await asyncio.gather(
            *(
                self.broker.presence(
                    room.id,
                    {**args, "users": list(room.mailboxes), "staffing": self.staffing(room.id)},
                )
                for room in rooms
            ),
            return_exceptions=True,
        )
        failed: BaseException | None = None
        for room, reply in zip(rooms, replies, strict=True):
            if isinstance(reply, BaseException):
                failed = reply  # told once the others are renewed
                continue
            for user in reply["missing"]:
                mailbox = room.mailboxes.get(user)
                if mailbox is not None and mailbox.sessions:
                    await self.on_missing(room, next(iter(mailbox.sessions)))
        await asyncio.gather(*(self.tell_watchers(room.id) for room in self.rooms.values() if room.watchers))
        if failed is not None:
            raise failed

    async def tell_watchers(self, name: str) -> None:
        """Tell the store who of staff watches a room here: a notice reaches them."""
        room = self.rooms.get(name)
        watchers = {}
        for session in room.watchers if room is not None else ():
            role = session.caller.role(name) if session.caller is not None else None
            if session.caller is not None and role is not None and role.is_staff:
                watchers[session.caller.id] = {
                    "id": session.caller.id,
                    "name": session.caller.name,
                    "role": str(role),
                }
        args = {
            "op": "watch",
            "node": self.broker.node,
            "lease": LEASE,
            "watchers": list(watchers.values()),
        }
        await self.broker.presence(name, args)

    async def _look(self) -> None:
        """Cut stalled readers, end sessions without a hello or with an expired token."""
        limits = self.settings.limits
        loop = asyncio.get_running_loop()
        now = loop.time()
        cut_stalled(self.sessions, now, limits.backlog_seconds, limits.backlog)
        wall = time.time() * 1000
        for session in tuple(self.sessions):
            if session.caller is None:
                late = now - session.opened_at - limits.hello_seconds
                # What we have not come to yet is no fault of theirs, and must not keep them away for good.
                if late > 0 and not session.is_busy:
                    session.close(CloseCode.NO_HELLO, "no hello")
                elif late > OVERLOADED_AFTER:
                    session.close(CloseCode.OVERLOADED, "please come back")
            elif session.caller.expires <= wall:
                session.close(CloseCode.NO_HELLO, "token expired")

    async def on_new_epoch(self) -> None:
        """What clients know of the logs holds no more: each comes back and starts over."""
        for session in tuple(self.sessions):
            session.close(CloseCode.POSITION_LOST, "please come back")
        for room in tuple(self.rooms.values()):
            del self.rooms[room.id]
            room.close()
