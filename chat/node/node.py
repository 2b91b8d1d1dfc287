"""A node: all parts that run together, and what every command handler works with."""

from __future__ import annotations

import asyncio
import secrets
import time
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from chat.node.hub import Hub
from chat.node.ports import Broker, Erasing, People, Review, Unavailable
from chat.node.rooms import Room
from chat.node.session import Caller, Session, member_of
from chat.protocol.errors import CloseCode, ErrorCode, Refused
from chat.protocol.events import Member, Notice, Support
from chat.protocol.fields import Role, parent_of
from chat.protocol.wire import pack
from chat.room.care import Care
from chat.room.notices import notice_text
from chat.room.numbers import Numbers
from chat.room.permissions import RIGHTS, may
from chat.settings import Rooms, Settings
from chat.tokens import Claims
from moderation import Pipeline

log = structlog.get_logger(__name__)

COME_IN = 16
"""Those who come in at one moment: what is said inside does not wait for hundreds."""
AGAIN = 1.0
"""Seconds between tries to ask or tell a store that is away."""

Verify = Callable[[str], Claims]
Sign = Callable[[str, str, Mapping[str, str], float], str]
Cards = Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class Counts:
    """What `/metrics` tells: numbers alone."""

    commands: int = 0
    errors: int = 0
    posts: int = 0
    delivered: int = 0
    held: int = 0
    blocked: int = 0
    refused: int = 0
    flags: int = 0
    support: int = 0
    pipeline_failed: int = 0
    bad_frames: int = 0
    judging_seconds: float = 0.0


class Node:
    """Everything that a process serves with."""

    def __init__(
        self,
        settings: Settings,
        rooms: Rooms,
        *,
        broker: Broker,
        people: People,
        review: Review,
        erasing: Erasing,
        pipeline: Pipeline,
        care: Care,
        cards: Cards,
        verify: Verify,
        sign: Sign,
        epoch: str,
    ) -> None:
        self.settings = settings
        self.policies = rooms
        self.broker = broker
        self.people = people
        self.review = review
        self.erasing = erasing
        self.pipeline = pipeline
        self.care = care
        self.cards = cards
        self.verify = verify
        self.sign = sign
        self.epoch = epoch
        self.counts = Counts()
        self.numbers = Numbers()
        self.is_draining = False
        self.door = asyncio.Semaphore(COME_IN)
        self.hub = Hub(settings, rooms, broker, review)
        self.hub.on_private = self._heard_private
        self.hub.on_flag = self._heard_flag
        self.hub.on_notice = self._heard_notice
        self.hub.staffing = self.staffing
        self.on_aside: Callable[[Room, str], None] = lambda *_: None
        """Told of each side room that is opened."""
        self.on_flag: Callable[[Mapping[str, Any]], None] = lambda _: None
        """Told of each flag as it stands now: whoever keeps its clock."""

    def start(self) -> None:
        """Begin to serve."""
        self.hub.start()
        self.people.on_change(lambda user: self.hub.soon(self._rights_changed(user)))
        self.people.on_request(self._heard_request)

    # ── who may ──────────────────────────────────────────────────────────────────────────────────

    def caller(self, session: Session) -> Caller:
        """Who speaks; refused before hello."""
        if session.caller is None:
            raise Refused(ErrorCode.UNAUTHENTICATED, "Please say hello first.")
        return session.caller

    async def role(self, session: Session, room: str, command: str) -> Role:
        """The caller's role in a room, where it is enough for the command.

        A room that does not exist, or that the caller has no part in, is the same "not found".
        """
        caller = self.caller(session)
        if caller.is_outside(room):
            caller.asides = await self.people.asides(caller.id)
        role = caller.role(room)
        if role is None or caller.is_outside(room) or not await self.hub.knows(room):
            raise Refused(ErrorCode.NOT_FOUND)
        if not may(role, command):
            raise Refused(ErrorCode.FORBIDDEN)
        if RIGHTS[command].is_joined and room not in session.rooms:
            raise Refused(ErrorCode.NOT_JOINED)
        return role

    def joined(self, session: Session, room: str, command: str) -> tuple[Room, Role]:
        """The same for a room that this connection must have joined, without a wait."""
        caller = self.caller(session)
        role = caller.role(room)
        found = self.hub.rooms.get(room)
        is_here = room in session.rooms and found is not None
        if role is None or caller.is_outside(room) or not (is_here or self.hub.is_known(room)):
            raise Refused(ErrorCode.NOT_FOUND)
        if not may(role, command):
            raise Refused(ErrorCode.FORBIDDEN)
        if found is None or not is_here:
            raise Refused(ErrorCode.NOT_JOINED)
        return found, role

    def parts(self, caller: Caller, rooms: Mapping[str, str]) -> list[dict[str, Any]]:
        """The caller's rooms, with their role in each; side rooms are told by their invitation."""
        return [
            {"room": room, "title": title, "role": str(role)}
            for room, title in rooms.items()
            if parent_of(room) is None and (role := caller.role(room)) is not None
        ]

    def toolbox(self, caller: Caller) -> list[dict[str, Any]] | None:
        """The cards from which staff share; nothing for anybody else."""
        if not any(Role(role).is_staff for role in caller.grants.values()):
            return None
        return [{"card": name, **card} for name, card in self.cards.items()]

    def act_args(self, session: Session, role: Role, op: str, **more: Any) -> dict[str, Any]:
        """What the store's `act` and `decide` need of every caller."""
        caller = self.caller(session)
        member = member_of(caller, role)
        return {
            "op": op,
            "by": {"id": member.id, "name": member.name, "role": member.role},
            "role": str(role),
            "issued": caller.issued,
            "receipt": self.settings.receipt_seconds,
            "evidence": int(self.settings.review.evidence_days * 86_400_000),
            **more,
        }

    def told(self, room: str, code: str, words: str) -> bytes:
        """A notice to everybody in a room, in the room's language."""
        said = self.care.room_words(self.policies.policy(room).language)
        return pack(Notice(code=code, text=getattr(said, words), room=room))

    def staffing(self, room: str) -> dict[str, Any] | None:
        """What the store minds in a room that needs staff."""
        policy = self.policies.policy(room)
        if not policy.needs_staff:
            return None
        return {"grace": int(policy.grace_seconds * 1000), "back": self.told(room, "staffed", "back")}

    # ── what is heard ────────────────────────────────────────────────────────────────────────────

    def _heard_private(self, room: Room, user: str, event: dict[str, Any]) -> None:
        """Somebody was removed: their sessions leave the room, on every node."""
        if event["type"] == "removed":
            for session in tuple(self.hub.by_user.get(user, ())):
                if room.id in session.rooms:
                    room.reach(session, user, event["useq"])
                    self.hub.soon(self.leave(session, room.id, is_lost=False))

    def _heard_flag(self, room: Room, flag: dict[str, Any]) -> None:
        self.counts.flags += flag["rev"] == 1
        room.show_flag(flag, may_see)
        self.on_flag(flag)

    def _heard_notice(self, room: Room, event: dict[str, Any]) -> None:
        """A word to staff: to those that it names, else to all who watch the room or are in it.

        Never to whoever it is about.
        """
        if event["code"] == "aside":
            self.on_aside(room, event["side"])
            return
        to, about = event.pop("to", None), event.pop("about", None)
        least = Role(event.pop("least", Role.FACILITATOR))
        if to is None:
            here = (member.id for member in room.people.values() if Role(member.role).is_staff)
            watch = (session.caller.id for session in room.watchers if session.caller is not None)
            to = {*here, *watch}
        text = notice_text(event["code"], room.state.title or room.id)
        notice = Notice(text=text, **{name: value for name, value in event.items() if name != "type"})
        for user in to:
            for session in tuple(self.hub.by_user.get(user, ())):
                role = session.caller.role(room.id) if session.caller is not None else None
                if user != about and role is not None and role.rank >= least.rank:
                    session.send(notice)

    def _heard_request(self, told: Mapping[str, str]) -> None:
        """A word to all who could be the second person; neither to whom it is about nor to whose doing it is."""
        notice = Notice(code=told["code"], text=notice_text(told["code"], ""))
        for user, sessions in self.hub.by_user.items():
            if user in (told["user"], told["by"]):
                continue
            for session in sessions:
                role = session.caller.role("*") if session.caller is not None else None
                if role is not None and may(role, "confirm"):
                    session.send(notice)

    async def leave(self, session: Session, name: str, *, is_lost: bool) -> None:
        """Take a session out of a room, and its person where it was their last one here."""
        if session.rooms.pop(name, None) is None or session.caller is None:
            return
        room = self.hub.rooms.get(name)
        if room is not None:
            room.discard(session, session.caller.id)
            self.hub.let_go(room)
        if not any(name in other.rooms for other in self.hub.by_user.get(session.caller.id, ())):
            leaves = {"op": "leave", "user": session.caller.id, "node": self.broker.node, "lost": is_lost}
            await self.broker.presence(name, {**leaves, "staffing": self.staffing(name)})

    async def _rights_changed(self, user: str) -> None:
        """A grant, a revocation or a ban counts at once on open connections. "" means: look at everybody.

        Whoever could not be read is looked at again until they are: nobody repeats what was heard once.
        """
        left = [user] if user else list(self.hub.by_user)
        while left:
            unread = []
            for one in left:
                try:
                    if not await self._unless_away(self._look_at(one)):
                        unread.append(one)
                except Exception as error:  # one person's fault must not keep back those after them
                    log.exception("node.failed", error=type(error).__name__)
            left = unread
            if left:
                await asyncio.sleep(AGAIN)

    async def _look_at(self, user: str) -> None:
        """Read what a person may do now, and let it count on each of their connections here."""
        if not self.hub.by_user.get(user):
            return
        person, asides = await asyncio.gather(self.people.person(user), self.people.asides(user))
        for session in tuple(self.hub.by_user.get(user, ())):
            assert session.caller is not None
            if person.banned is not None:
                session.close(CloseCode.BANNED, "banned")
            elif person.grants is not None and person.granted_at > session.caller.issued:
                session.caller.grants = person.grants
                session.caller.issued = person.granted_at
                session.caller.asides = asides
                unwatch(self, session)
                await self._unless_away(self._tell_grants(session.caller, session))
                for room in tuple(session.rooms):
                    if session.caller.role(room) is None:
                        await self._unless_away(self.leave(session, room, is_lost=False))
                    elif room in self.hub.rooms:  # the others see them in their new role
                        await self._unless_away(self.hub.on_missing(self.hub.rooms[room], session))

    async def _tell_grants(self, caller: Caller, session: Session) -> None:
        """Whoever is staff from now on gets what hello would have brought them."""
        cards = self.toolbox(caller)
        if cards is not None:
            rooms = self.parts(caller, await self.hub.known())
            text = notice_text("granted", "")
            session.send(
                Notice(code="granted", text=text, rooms=rooms, everywhere=caller.role("*"), cards=cards)
            )

    # ── ending ───────────────────────────────────────────────────────────────────────────────────

    async def gone(self, session: Session) -> None:
        """A connection ended, however."""
        for name in tuple(session.watched):
            room = self.hub.rooms.get(name)
            if room is not None:
                room.watchers.discard(session)
                self.hub.let_go(room)
                self.hub.soon(self.hub.tell_watchers(name))
        session.watched = frozenset()
        for name in session.outside:
            room = self.hub.rooms.get(name)
            if room is not None and session.caller is not None:
                room.lose(session, session.caller.id)
                self.hub.let_go(room)
        session.outside = frozenset()
        try:
            for name in tuple(session.rooms):
                await self._whatever_comes(self.leave(session, name, is_lost=session.is_lost))
            if session.caller is not None:
                await self._whatever_comes(self._return_claims(session))
        finally:
            self.hub.forget(session)
            if session.caller is not None:
                await self.count(session.caller.id)

    async def _whatever_comes(self, work: Awaitable[None]) -> None:
        """Do one part of an ending: its fault leaves no other part undone."""
        try:
            await self._unless_away(work)
        except Exception as error:
            log.exception("node.failed", error=type(error).__name__)

    async def _unless_away(self, work: Awaitable[None]) -> bool:
        """Whether the store took it. What it did not take is no reason to leave the rest undone."""
        try:
            await work
        except Unavailable:
            log.warning("node.left_unsaid")
            return False
        return True

    async def count(self, user: str) -> None:
        """Tell the store how many connections a person has here: now, or once it is back."""
        if not await self._unless_away(self.people.counted(user, self.hub.count(user))):
            self.hub.soon(self._count_later(user))

    async def _count_later(self, user: str) -> None:
        await asyncio.sleep(AGAIN)
        await self.count(user)

    async def _return_claims(self, session: Session) -> None:
        """A lease ends with the connection that took it."""
        assert session.caller is not None
        others = [other for other in self.hub.by_user.get(session.caller.id, ()) if other is not session]
        for flag, room in tuple(session.claims.items()):
            role = session.caller.role(room)
            if role is not None and not any(flag in other.claims for other in others):
                await self.broker.decide(
                    room, self.act_args(session, role, "unclaim", flag=flag, least=Role.MODERATOR.rank + 1)
                )

    async def ready(self) -> bool:
        """Whether this node should be sent people: store and subscription live, and it is not draining."""
        return not self.is_draining and self.broker.is_healthy and await self.broker.is_writable()


def unwatch(node: Node, session: Session) -> None:
    """Stop showing flags of rooms in which the caller is no longer staff."""
    assert session.caller is not None
    for name in session.watched:
        role = session.caller.role(name)
        room = node.hub.rooms.get(name)
        if (role is None or not role.is_staff) and room is not None:
            room.watchers.discard(session)
            session.watched = session.watched - {name}
            node.hub.let_go(room)
            node.hub.soon(node.hub.tell_watchers(name))


def may_see(session: Session, flag: Mapping[str, Any]) -> bool:
    """Nobody sees a flag about themselves, nor an appeal on their own act; one about staff is for moderators."""
    if session.caller is None or flag["author"]["id"] == session.caller.id:
        return False
    if flag.get("against") and flag["against"]["by"]["id"] == session.caller.id:
        return False
    role = session.caller.role(flag["room"])
    if role is None or not role.is_staff:
        return False
    return flag["author"]["role"] == str(Role.PARTICIPANT) or role.rank >= Role.MODERATOR.rank


def new_flag_id(room: str) -> str:
    """A random id; its end names the room, so that a flag is found without a table over all rooms."""
    return f"f_{secrets.token_urlsafe(12)}.{room}"


def new_flag(room: str, kind: str) -> dict[str, Any]:
    """A flag about which nothing is known yet."""
    return {
        "type": "flag", "flag": new_flag_id(room), "rev": 0, "kind": kind, "room": room, "state": "open",
        "severity": "none", "categories": [], "reasons": [], "author": {}, "text": None, "verdict": "",
        "opened_at": 0, "due_at": 0, "reports": [], "attended_by": [],
    }  # fmt: skip


def room_of(flag: str) -> str:
    """The room that a flag's id names."""
    return flag.partition(".")[2]


def clean(text: str) -> str:
    """A text as it is kept: NFC, without control characters other than line breaks and tabs."""
    if not text.isprintable():
        text = "".join(char for char in text if (char >= " " and char != "\x7f") or char in "\n\t")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def now_ms() -> int:
    """The node's clock in milliseconds."""
    return time.time_ns() // 1_000_000


def refuse_unless_ok(reply: Mapping[str, Any], support: Support | None = None) -> Mapping[str, Any]:
    """A script's refusal as an error, with the support that the refused words called for."""
    if "code" in reply:
        wait = reply.get("wait")
        by = reply["by"].get("name") if isinstance(reply.get("by"), dict) else None
        raise Refused(
            ErrorCode(reply["code"]),
            f"{by} was here first. Please look at it again." if by else "",
            retry_after=round(wait / 1000, 3) if wait else None,
            by=by,
            support=support,
        )
    return reply


def as_member(value: Mapping[str, Any]) -> Member:
    """A member from a map."""
    return Member(value["id"], value["name"], value["role"])
