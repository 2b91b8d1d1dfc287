"""One room on this node: its sessions, its position in the logs, its state, who is here, what was said."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chat.node.context import ROOM as CONTEXT
from chat.node.context import Context, waiting_in
from chat.node.follower import Follower
from chat.node.outbox import Audience
from chat.node.pins import PinClock
from chat.node.ports import Broker, Review, Snapshot, Unavailable
from chat.node.session import Session
from chat.protocol.events import Hands, Member, Reachable
from chat.protocol.events import Presence as PresenceEvent
from chat.protocol.fields import Role
from chat.protocol.wire import Format, framed, pack, transcode, unpack
from chat.room.state import State, apply
from chat.settings import RoomPolicy

COALESCE = 0.4
"""Seconds over which arrivals and leavings are told together."""
RECENT = 64
WORDS = ("text", "masked", "warning", "reactions")
"""What a message that was taken back has no more; so it stands in the log."""
FULL = 100
"""Sockets for which writing takes as long as a trip to the store: joining two writes is worth a wait."""
JOIN_WITHIN = 0.002
"""Seconds of that wait at the most."""
OUTSIDE = 4
"""Rooms that tell one connection what care says to somebody who is not in them."""
CROWD = 100
"""Members above which presence tells of staff alone, and the count."""


class Mailbox:
    """One person's private log in a room, and their sessions on this node."""

    __slots__ = ("callers", "follower", "keepers", "sessions", "subscribed")

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.sessions: set[Session] = set()
        self.callers: frozenset[Session] = frozenset()
        """Sessions outside the room, from which somebody asked for help: what care says reaches them too."""
        self.keepers = 0
        """Joins under way."""
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Room:
    """A room as long as somebody of this node is in it or watches it."""

    def __init__(
        self,
        room: str,
        policy: RoomPolicy,
        broker: Broker,
        *,
        backlog: int,
        on_private: Callable[[Room, str, dict[str, Any]], None],
        on_flag: Callable[[Room, dict[str, Any]], None],
        on_notice: Callable[[Room, dict[str, Any]], None],
    ) -> None:
        self.id = room
        self.policy = policy
        self.context = Context()
        self.state = State()
        self.epoch = ""
        self.people: dict[str, Member] = {}
        self.count = 0
        self.mailboxes: dict[str, Mailbox] = {}
        self.keepers = 0
        """Joins and watches under way, which keep the room open."""
        self.watchers: set[Session] = set()
        self._broker = broker
        self.recent: deque[tuple[int, bytes]] = deque(maxlen=RECENT)
        """The last entries delivered, for joins that read the log while it grows."""
        self._audiences = {form: Audience(form, backlog) for form in Format}
        self._is_dirty = self._has_waited = self._has_events = False
        self._answered: list[Session] = []
        """Whose replies wait to be written with what this turn brings."""
        self._late: asyncio.TimerHandle | None = None
        self._posting = 0
        self._pins = PinClock(room, broker)
        self._on_private = on_private
        self._on_flag = on_flag
        self._on_notice = on_notice
        self._joined: dict[str, Member] = {}
        self._left: dict[str, Role] = {}
        self._lost: dict[str, Role] = {}
        self._early: list[bytes] | None = []
        """What was heard before the room's state was read may be newer, so it counts once more after it."""
        self._tells: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._review: Review
        self._revs: dict[str, int] = {}
        """Open flags, and how they stood when they were last heard of."""
        self._flagging: asyncio.Task[None] | None = None
        self.follower = Follower(lambda first, last: broker.read(room, None, first, last), self._deliver)

    # ── opening and closing ──────────────────────────────────────────────────────────────────────

    async def open(self, review: Review) -> None:
        """Subscribe, then read how things stand: what is published in between is caught up from the log."""
        heard = asyncio.get_running_loop().create_future()

        def subscribed() -> None:
            if not heard.done():
                heard.set_result(None)
            elif self.follower.head >= 0:
                self._ask_head()

        self._broker.subscribe(self.id, "all", self._hear, subscribed)
        self._review = review
        self._broker.subscribe(self.id, "staff", self._hear_flag, lambda: None)
        # The later of the two: once it is confirmed, no flag goes unheard.
        self._broker.subscribe(self.id, "mods", self._hear_flag, self._ask_flags)
        async with asyncio.timeout(5):
            await heard
        snapshot = await self._broker.snapshot(self.id)
        self.state = state_of(snapshot, self.policy)
        self.epoch = snapshot.room.get("epoch", "")
        self.people = {who["id"]: Member(who["id"], who["name"], who["role"]) for who in snapshot.here}
        self.count = len(self.people)
        said = [unpack(entry) for _, entry in await self._broker.read(
            self.id, None, snapshot.head - CONTEXT + 1, snapshot.head
        )]  # fmt: skip
        flags = await review.open_flags([self.id])
        waiting = [text for flag in flags for text in waiting_in(flag, self._revs.get(flag["flag"], 0))]
        self._revs = {flag["flag"]: flag["rev"] for flag in flags} | self._revs
        for event in sorted(
            (*said, *waiting), key=lambda event: event.get("at") or event.get("opened_at") or 0
        ):
            if event.get("type", "flag") in ("message", "flag"):
                self.context.saw(event)
        if any(snapshot.pins.values()):
            self._pins.start(await self._pins.end())
        self.follower.start(snapshot.head)
        early, self._early = self._early or [], None
        for payload in early:
            self._hear_unlogged(payload)

    def close(self) -> None:
        """Nobody of this node is here any more."""
        self.flush()
        for kind in ("all", "staff", "mods", *(f"u:{user}" for user in self.mailboxes)):
            self._broker.unsubscribe(self.id, kind)
        self.follower.stop()
        self._pins.stop()
        for mailbox in self.mailboxes.values():
            mailbox.follower.stop()
        for timer in (self._tells, self._late):
            if timer:
                timer.cancel()
        for task in (self._asking, self._flagging):
            if task:
                task.cancel()

    @property
    def is_idle(self) -> bool:
        """Whether the room may be closed on this node."""
        return not (self.mailboxes or self.watchers or self.keepers)

    def _ask_head(self) -> None:
        """The subscription is new: read what came while there was none, and who is here now."""
        if self._asking is not None:
            self._asking.cancel()
        self._asking = asyncio.create_task(self._read_anew())

    async def _read_anew(self) -> None:
        wait = 0.05
        # What is heard from here on may be newer than what is read: it counts after it.
        self._early = self._early or []
        try:
            while True:
                users = list(self.mailboxes)
                try:
                    self.catch_up(await self._broker.heads({self.id: users}), users)
                    self._note_here(await self._broker.snapshot(self.id))
                    return
                except Unavailable:
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, 1.0)
        finally:
            early, self._early = self._early, None
            for payload in early:
                self._hear_unlogged(payload)

    def _note_here(self, snapshot: Snapshot) -> None:
        """Tell of whoever came or went unheard, and whose hands are up."""
        here = {who["id"]: who for who in snapshot.here}
        joined = [who for user, who in here.items() if user not in self.people]
        lost = [user for user in self.people if user not in here]
        if joined or lost:
            self._note_presence({"joined": joined, "left": [], "lost": lost, "count": len(here)})
        if tuple(snapshot.hands) != self.state.hands:
            speaker = snapshot.hands[0] if self.state.turns and snapshot.hands else None
            event = pack(Hands(room=self.id, queue=list(snapshot.hands), speaker=speaker))
            self.state = apply(self.state, unpack(event))
            self._broadcast(event)

    def catch_up(self, heads: Mapping[str, list[int]], users: Iterable[str] | None = None) -> None:
        """Read what the store has beyond what this node delivered; `heads` as `Broker.heads` gives them."""
        mine = heads.get(self.id)
        if not mine:
            return
        self.follower.reach(mine[0])
        for user, head in zip(self.mailboxes if users is None else users, mine[1:], strict=False):
            if user in self.mailboxes:
                self.mailboxes[user].follower.reach(head)

    # ── sessions ─────────────────────────────────────────────────────────────────────────────────

    def mailbox(self, user: str) -> Mailbox:
        """A person's private log, heard from now on."""
        mailbox = self.mailboxes.get(user)
        if mailbox is None:

            def deliver(_number: int, entry: bytes) -> None:
                self._deliver_private(user, entry)

            mailbox = Mailbox(
                Follower(lambda first, last: self._broker.read(self.id, user, first, last), deliver)
            )
            self.mailboxes[user] = mailbox
            subscribed = mailbox.subscribed

            def confirmed() -> None:
                if not subscribed.done():
                    subscribed.set_result(None)

            self._broker.subscribe(self.id, f"u:{user}", mailbox.follower.hear, confirmed)
        return mailbox

    def let_mailbox_go(self, user: str) -> None:
        """Stop following a person's private log where none of their sessions is here, or waits for help."""
        mailbox = self.mailboxes.get(user)
        if mailbox is not None and not (mailbox.sessions or mailbox.callers or mailbox.keepers):
            mailbox.follower.stop()
            del self.mailboxes[user]
            self._broker.unsubscribe(self.id, f"u:{user}")

    def add(self, session: Session, user: str) -> None:
        """Let a session hear the room from the next event on; what came before is flushed first."""
        self.flush()
        self._audiences[session.form].add(session)
        self.mailboxes[user].sessions.add(session)
        self.mailboxes[user].callers -= {session}
        session.outside -= {self.id}

    def reach(self, session: Session, user: str, head: int) -> None:
        """Let somebody outside hear what care says to them from `head` on, as long as they are connected.

        Beyond a few rooms a connection is told no more: it keeps each of them open here.
        """
        if len(session.outside) < OUTSIDE:
            mailbox = self.mailbox(user)
            mailbox.callers |= {session}
            session.outside |= {self.id}
            if mailbox.follower.head < 0:
                mailbox.follower.start(head)

    def lose(self, session: Session, user: str) -> None:
        """The connection of somebody outside ended."""
        mailbox = self.mailboxes.get(user)
        if mailbox is not None:
            mailbox.callers -= {session}
            self.let_mailbox_go(user)

    def discard(self, session: Session, user: str) -> None:
        """Let a session hear no more."""
        self.drop(session)
        mailbox = self.mailboxes.get(user)
        if mailbox is not None:
            mailbox.sessions.discard(session)
            self.let_mailbox_go(user)

    def drop(self, session: Session) -> None:
        """Write nothing more of the room to it."""
        for audience in self._audiences.values():
            audience.discard(session)

    def set_slow(self, session: Session) -> None:
        """Its socket takes no more for now."""
        self._audiences[session.form].set_slow(session)

    def set_fast(self, session: Session) -> None:
        """Its socket took all."""
        self._audiences[session.form].set_fast(session)

    # ── the way out ──────────────────────────────────────────────────────────────────────────────

    def _hear(self, number: int, payload: bytes) -> None:
        if number:
            self.follower.hear(number, payload)
        else:
            self._hear_unlogged(payload)

    def _deliver(self, number: int, entry: bytes) -> None:
        """One event of the room's log, each once and in order."""
        self.recent.append((number, entry))
        event = unpack(entry)
        kind = event["type"]
        if kind == "message":
            self.context.saw(event)
        else:
            self.state = apply(self.state, event)
            if kind == "retracted":
                self._forget(event["target"])
            if event.get("until") and kind == "pinned":
                self._pins.start()
        self._broadcast(entry)

    def _forget(self, target: int) -> None:
        """A message was taken back: its words, and those of its edits, are kept here no more."""
        self.context.forget(target)
        for place, (seq, entry) in enumerate(self.recent):
            event = unpack(entry)
            if seq == target or (event["type"] == "edited" and event["target"] == target):
                kept = {name: value for name, value in event.items() if name not in WORDS}
                self.recent[place] = (seq, pack(kept | {"retracted": True} if seq == target else kept))

    def _broadcast(self, entry: bytes) -> None:
        for audience in self._audiences.values():
            if audience:
                audience.add_entry(entry)
        self._has_events = True
        self._write_soon()

    def answer(self, session: Session, reply: bytes) -> None:
        """Write a reply with the events of the turn that brought it."""
        session.hold(reply)
        self._answered.append(session)
        self._write_soon()

    def _write_soon(self) -> None:
        if not self._is_dirty:
            self._is_dirty = True
            asyncio.get_running_loop().call_soon(self._flush_soon)

    def _flush_soon(self) -> None:
        """Write what this turn brought; a full room waits a moment for the posts that are at the store.

        A reply and its event come from the store within microseconds, in any order: whichever is here first
        waits one turn for the other.
        """
        if self._posting and sum(map(len, self._audiences.values())) >= FULL:
            self._late = asyncio.get_running_loop().call_later(JOIN_WITHIN, self.flush)
        elif not self._has_waited and (bool(self._posting) if not self._answered else not self._has_events):
            self._has_waited = True
            asyncio.get_running_loop().call_soon(self._flush_soon)
        else:
            self.flush()

    def post_leaves(self) -> None:
        """A post is on its way to the store."""
        self._posting += 1

    def post_answered(self) -> None:
        """It was answered, and its event heard if there is one: nothing more is waited for after the last."""
        self._posting -= 1
        if self._late and not self._posting:
            self.flush()

    def flush(self) -> None:
        """Write what waits, in one write a socket."""
        self._is_dirty = self._has_waited = self._has_events = False
        if self._late:
            self._late.cancel()
            self._late = None
        answered, self._answered = self._answered, []
        for audience in self._audiences.values():
            audience.flush(answered)
        for session in answered:
            session.let_go()

    def _deliver_private(self, user: str, entry: bytes) -> None:
        event = unpack(entry)
        mailbox = self.mailboxes[user]
        is_care = event["type"] == "support"
        for session in mailbox.sessions | mailbox.callers if is_care else tuple(mailbox.sessions):
            session.send_entry(entry)
        self._on_private(self, user, event)

    def _hear_flag(self, _number: int, payload: bytes) -> None:
        event = unpack(payload)
        if event["type"] == "notice":
            self._on_notice(self, event)
        elif event["type"] == "reachable":
            self._show_reachable(event)
        else:
            self._take_flag(event)

    def _take_flag(self, flag: dict[str, Any]) -> None:
        """A flag as it stands now; one that was heard of already, or is older than that, says nothing."""
        known = self._revs.get(flag["flag"], 0)
        if flag["rev"] <= known:
            return
        if flag["state"] == "decided":
            self._revs.pop(flag["flag"], None)
        else:
            self._revs[flag["flag"]] = flag["rev"]
        for text in waiting_in(flag, known):
            self.context.saw(text)
        self._on_flag(self, flag)

    def _ask_flags(self) -> None:
        """The staff's subscription is new: whatever changed while there was none, they are shown now."""
        if self.follower.head >= 0:
            if self._flagging is not None:  # what it has read may be older than this subscription
                self._flagging.cancel()
            self._flagging = asyncio.create_task(self._read_flags())

    async def _read_flags(self) -> None:
        before = tuple(self._revs)
        wait = 0.05
        while True:
            try:
                flags = await self._review.open_flags([self.id])
                still = {flag["flag"] for flag in flags}
                gone = [await self._review.flag(self.id, one) for one in before if one not in still]
            except Unavailable:
                await asyncio.sleep(wait)
                wait = min(wait * 2, 1.0)
                continue
            for flag in (*flags, *filter(None, gone)):
                self._take_flag(flag)
            return

    # ── what is in no log ────────────────────────────────────────────────────────────────────────

    def _hear_unlogged(self, payload: bytes) -> None:
        if self._early is not None:
            self._early.append(payload)
            return
        event = unpack(payload)
        if event["type"] == "presence":
            self._note_presence(event)
            return
        if event["type"] == "hands":
            self.state = apply(self.state, event)
        self._broadcast(payload)

    def _note_presence(self, event: dict[str, Any]) -> None:
        """Keep the last word on each person until it is told.

        Coming and going do not cancel out: whoever joined between the two was given one without the other.
        """
        self.count = event["count"]
        for who in event["joined"]:
            member = Member(who["id"], who["name"], who["role"])
            self.people[member.id] = self._joined[member.id] = member
            self._left.pop(member.id, None)
            self._lost.pop(member.id, None)
        for gone, users in ((self._left, event["left"]), (self._lost, event["lost"])):
            for user in users:
                was = self.people.pop(user, None)
                self._joined.pop(user, None)
                gone[user] = Role(was.role) if was else Role.PARTICIPANT
        if self._tells is None:
            self._tells = asyncio.get_running_loop().call_later(COALESCE, self._tell_presence)

    def _tell_presence(self) -> None:
        self._tells = None
        joined, left, lost = self._joined, self._left, self._lost
        self._joined, self._left, self._lost = {}, {}, {}
        is_crowd = self.count > CROWD
        event = PresenceEvent(
            room=self.id,
            joined=[member for member in joined.values() if not is_crowd or Role(member.role).is_staff],
            left=[user for user, role in left.items() if not is_crowd or role.is_staff],
            lost=[user for user, role in lost.items() if not is_crowd or role.is_staff],
            count=self.count,
        )
        if joined or left or lost:
            self._broadcast(pack(event))

    def members(self) -> list[Member]:
        """Who is present: above a hundred, staff alone."""
        if self.count <= CROWD:
            return list(self.people.values())
        return [member for member in self.people.values() if Role(member.role).is_staff]

    def _show_reachable(self, event: dict[str, Any]) -> None:
        """Tell whoever watches the room who of staff can be reached now."""
        reachable = Reachable(room=self.id, staff=event["staff"])
        for session in tuple(self.watchers):
            session.send(reachable)

    def show_flag(self, flag: dict[str, Any], may_see: Callable[[Session, dict[str, Any]], bool]) -> None:
        """Show a flag to the sessions that watch the room and may see it; written once a format."""
        frames: dict[Format, bytes] = {}
        for session in tuple(self.watchers):
            if may_see(session, flag):
                if session.form not in frames:
                    frames[session.form] = framed(transcode(pack(flag), session.form), session.form)
                session.write(frames[session.form])


def state_of(snapshot: Snapshot, policy: RoomPolicy) -> State:
    """The room's state from what the store projects and what the configuration sets.

    Whether it is staffed is asked of those who are here, when it is asked.
    """
    room = snapshot.room
    turns = room.get("turns") == "1"
    return State(
        title=room.get("title", policy.title),
        topic=room.get("topic", ""),
        phase=room.get("phase", ""),
        slow_mode=int(room.get("slow_mode") or 0),
        locked=room.get("locked") == "1",
        turns=turns,
        hold=room.get("hold", "none"),
        hands=tuple(snapshot.hands),
        speaker=snapshot.hands[0] if turns and snapshot.hands else None,
        pins=tuple(sorted(snapshot.pins)),
        agreement=policy.agreement.version if policy.agreement else 0,
        reactions=policy.reactions,
        closed="1" in (room.get("closed"), room.get("asleep")),
    )
