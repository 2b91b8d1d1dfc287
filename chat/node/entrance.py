"""Coming in: hello, profile, join, leave."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from chat import __version__
from chat.node.appeals import refuse_banned
from chat.node.asides import end
from chat.node.guide import as_frames
from chat.node.hub import LEASE
from chat.node.node import Node, clean, now_ms
from chat.node.ports import Unavailable
from chat.node.returning import PRIVATE_KEPT, still_open, tell_later, tell_outside
from chat.node.rooms import Mailbox, Room
from chat.node.session import Caller, Session, member_of
from chat.protocol.commands import Hello, Join, Leave, Profile
from chat.protocol.errors import CloseCode, ErrorCode, Refused
from chat.protocol.events import Joined, Member, Ok, Welcome
from chat.protocol.fields import Role, parent_of
from chat.protocol.wire import unpack
from chat.room.state import is_staffed
from chat.tokens import TokenError

GUEST_TTL = 30 * 86_400.0
"""Seconds that the token of an invite's new person holds."""
STAFF_TTL = 12 * 3_600.0
NEAR_EXPIRY = 3_600_000
"""Milliseconds before its end at which a token is renewed."""
LEAST_MESSAGES = 30
STEP_BACK = 200
HEARD_WITHIN = 5.0


async def hello(node: Node, session: Session, command: Hello) -> Welcome:
    """Open the session: a signed token, or an invite code that makes a new person of its room."""
    if session.caller is not None:
        raise Refused(ErrorCode.BAD_REQUEST, "You have said hello already on this connection.")
    # First, since it may fail: an invite is used up only for somebody who gets in.
    known = await node.hub.known()
    if command.token.count(".") == 2:
        caller, token = await _by_token(node, session, command)
    else:
        caller, token = await _by_invite(node, session, command)
    session.caller = caller
    node.hub.greet(session)
    if not await _is_counted(node, session, caller.id):
        raise Refused(
            ErrorCode.RATE_LIMITED,
            "You are connected in many places at once. Please close one of them and try again.",
            retry_after=10,
            close=CloseCode.OVERLOADED,
        )
    session.client = command.client or ""
    node.hub.soon(tell_later(node, session))
    limits = node.settings.limits
    cards = node.toolbox(caller)
    return Welcome(
        user={"id": caller.id, "name": caller.name},
        rooms=node.parts(caller, known),
        limits={
            "text": limits.text,
            "frame": limits.frame,
            "burst": limits.burst,
            "rate_seconds": limits.rate_seconds,
            "rooms": limits.rooms,
            "connections": limits.connections,
            "history": limits.history,
            "ping_seconds": limits.ping_seconds,
        },
        server={"version": __version__, "time": now_ms(), "reconnect": list(node.settings.reconnect_seconds)},
        token=token,
        expires=caller.expires if token else None,
        hidden=list(caller.hidden) or None,
        avoids=list((await node.people.person(caller.id)).avoids) or None if cards is not None else None,
        everywhere=caller.role("*"),
        cards=cards,
    )


async def _is_counted(node: Node, session: Session, user: str) -> bool:
    """Whether a person may have this connection too.

    Where not, or where nobody can tell, it speaks for nobody.
    """
    is_in = False
    try:
        is_in = await node.people.connected(user, node.hub.count(user), node.settings.limits.connections)
    finally:
        if not is_in:
            node.hub.part(session)
            session.caller = None
            node.hub.soon(node.count(user))
    return is_in


async def _by_token(node: Node, session: Session, command: Hello) -> tuple[Caller, str | None]:
    try:
        claims = node.verify(command.token)
    except TokenError:
        raise Refused(ErrorCode.UNAUTHENTICATED, close=CloseCode.NO_HELLO) from None
    person, asides = await asyncio.gather(node.people.person(claims.user), node.people.asides(claims.user))
    grants: Mapping[str, str] = claims.grants
    issued = claims.issued_at
    if person.grants is not None and person.granted_at > claims.issued_at:
        grants, issued = person.grants, person.granted_at
    caller = Caller(claims.user, person.name or claims.name, grants, issued, claims.expires)
    if person.banned is not None:
        caller.country, caller.language = person.country, person.language
        raise await refuse_banned(node, session, caller, person, command.appeal)
    if not person.name and not await node.people.take_name(caller.id, caller.name):
        await node.people.remember(caller.id, {"name": caller.name})
    caller.country, caller.language, caller.hidden = person.country, person.language, person.hidden
    caller.asides = asides
    roles = [Role(role) for role in grants.values()]
    strongest = max(roles, key=lambda role: role.rank, default=Role.PARTICIPANT)
    seen = str(strongest) if strongest.is_staff else ""
    if seen != person.seen:
        await node.people.remember(caller.id, {"seen": seen})
    await _choose(node, caller, command.name, command.country, command.language)
    token = None
    if caller.expires - now_ms() < NEAR_EXPIRY:
        is_guest = person.grants is not None and set(grants.values()) <= {str(Role.PARTICIPANT)}
        ttl = GUEST_TTL if is_guest else STAFF_TTL
        if is_guest:
            caller.expires = now_ms() + int(ttl * 1000)
            token = node.sign(caller.id, caller.name, grants, ttl)
    return caller, token


async def _by_invite(node: Node, session: Session, command: Hello) -> tuple[Caller, str]:
    """A new person of the invite's room.

    The same key, or the same connection, makes the same person: a try that was answered "unavailable"
    may have made them, and their name and their place are then their own.
    """
    name = _checked_name(node, command.name or "", Role.PARTICIPANT)
    session.newcomer = session.newcomer or f"u_{secrets.token_urlsafe(9)}"
    user = _made_of(command.token, command.key) if command.key else session.newcomer
    country, language = (command.country or "").upper(), command.language or ""
    redeemed = await node.people.redeem(command.token, user, name, country, language)
    if isinstance(redeemed, str):
        if redeemed == ErrorCode.BANNED:
            raise Refused(ErrorCode.BANNED, close=CloseCode.BANNED)
        if redeemed == ErrorCode.CONFLICT:
            raise Refused(
                ErrorCode.CONFLICT, "Somebody here has that name already. Please choose another one."
            )
        raise Refused(ErrorCode.UNAUTHENTICATED, close=CloseCode.NO_HELLO)
    grants = {redeemed.room: redeemed.role}
    expires = now_ms() + int(GUEST_TTL * 1000)
    caller = Caller(user, redeemed.name, grants, redeemed.at, expires, country, language)
    if redeemed.name != name:
        await _choose(node, caller, name, command.country, command.language)
    return caller, node.sign(user, caller.name, grants, GUEST_TTL)


def _made_of(code: str, key: str) -> str:
    """The id of whom an invite makes for a client's key: nobody without the key can come to it."""
    made = hashlib.sha256(f"{code}\0{key}".encode()).digest()[:9]
    return f"u_{base64.urlsafe_b64encode(made).decode()}"


def _checked_name(node: Node, name: str, strongest: Role) -> str:
    """A name that others may read: short, kind, nobody else's, and not staff's where its owner is not."""
    name = " ".join(clean(name).split())
    if not name:
        raise Refused(ErrorCode.BAD_REQUEST, "Please choose a name for this group. It need not be your own.")
    if len(name) > node.settings.limits.name:
        raise Refused(
            ErrorCode.BAD_REQUEST,
            f"That name is long. Please choose one of up to {node.settings.limits.name} characters.",
        )
    reason = node.pipeline.judge_name(name)
    if reason is not None and not (strongest.is_staff and reason.rule.startswith("name.")):
        is_staff_like = reason.rule.startswith("name.")
        raise Refused(ErrorCode.CONFLICT if is_staff_like else ErrorCode.BAD_REQUEST, reason.text)
    return name


async def _choose(
    node: Node, caller: Caller, name: str | None, country: str | None, language: str | None
) -> None:
    """Keep what the person chose about themselves."""
    fields: dict[str, Any] = {}
    if name is not None and name != caller.name:
        strongest = max(
            (Role(role) for role in caller.grants.values()),
            key=lambda role: role.rank,
            default=Role.PARTICIPANT,
        )
        name = _checked_name(node, name, strongest)
        if not await node.people.take_name(caller.id, name):
            raise Refused(
                ErrorCode.CONFLICT, "Somebody here has that name already. Please choose another one."
            )
        caller.name = name
    if country is not None:
        caller.country = fields["country"] = country.upper()
    if language is not None:
        caller.language = fields["language"] = language
    if fields:
        await node.people.remember(caller.id, fields)


async def profile(node: Node, session: Session, command: Profile) -> Ok:
    """Change name, country, language, or whom this client hides."""
    caller = node.caller(session)
    await _choose(node, caller, command.name, command.country, command.language)
    if command.avoids is not None:
        await node.people.remember(caller.id, {"avoids": list(command.avoids)})
    if command.hidden is not None:
        await node.people.remember(caller.id, {"hidden": list(command.hidden)})
    return Ok()


async def leave(node: Node, session: Session, command: Leave) -> Ok:
    """Leave a room on this connection; leaving one that was not joined is done already."""
    if parent_of(command.room) is not None:
        return await end(node, session, command)
    await node.role(session, command.room, "leave")
    await node.leave(session, command.room, is_lost=False)
    return Ok(room=command.room)


# ── join ─────────────────────────────────────────────────────────────────────────────────────────


async def join(node: Node, session: Session, command: Join) -> Joined:
    """Subscribe, read the log, and enter at one moment: what the reply holds ends where the events begin."""
    role = await node.role(session, command.room, "join")
    caller = node.caller(session)
    if command.room not in session.rooms and len(session.rooms) >= node.settings.limits.rooms > 0:
        raise Refused(ErrorCode.CONFLICT, "You are in many rooms at once. Please leave one first.")
    async with node.hub.opened(command.room) as room:
        mailbox = room.mailbox(caller.id)
        mailbox.keepers += 1
        try:
            await _heard(mailbox)
            try:
                entered = await _enter(node, room, session, role, command)
            except Refused:
                node.hub.soon(tell_outside(node, session, [command.room]))
                raise
            mailbox.follower.start(int(entered["uhead"])) if mailbox.follower.head < 0 else None
            if room.epoch != entered["epoch"]:
                raise Refused(ErrorCode.UNAVAILABLE)
            session.rooms[room.id] = room
            return await _catch_up(node, room, session, command, entered)
        finally:
            mailbox.keepers -= 1
            room.let_mailbox_go(caller.id)


async def _heard(mailbox: Mailbox) -> None:
    """Wait until the private log is heard; others may wait for the same."""
    try:
        async with asyncio.timeout(HEARD_WITHIN):
            await asyncio.shield(mailbox.subscribed)
    except TimeoutError:
        raise Unavailable from None


async def _enter(node: Node, room: Room, session: Session, role: Role, command: Join) -> dict[str, Any]:
    """Be present: rights, agreement and capacity are checked at that moment."""
    caller = node.caller(session)
    agreement = room.policy.agreement
    member = member_of(caller, role)
    entered = await node.broker.presence(
        room.id,
        {
            "op": "enter",
            "user": caller.id,
            "who": {"id": member.id, "name": member.name, "role": member.role},
            "role": str(role),
            "issued": caller.issued,
            "node": node.broker.node,
            "lease": LEASE,
            "capacity": room.policy.capacity,
            "version": agreement.version if agreement else None,
            "agree": command.agree,
            "staffing": node.staffing(room.id),
        },
    )
    if "code" in entered:
        code = ErrorCode(entered["code"])
        wait = entered.get("wait")
        waiting = node.care.room_words(room.policy.language).waiting
        raise Refused(
            code,
            waiting if entered.get("is_unstaffed") else "",
            retry_after=wait / 1000 if wait else None,
            agreement=(agreement.version, agreement.text)
            if agreement and code is ErrorCode.AGREEMENT_REQUIRED
            else None,
        )
    return entered


async def enter_anew(node: Node, room: Room, session: Session) -> None:
    """Be present again after the store took this node for lost. Whoever may not any more leaves the room."""
    role = node.caller(session).role(room.id)
    if role is not None:
        try:
            await _enter(node, room, session, role, Join(room=room.id))
        except Refused:
            role = None
    if role is None:
        await node.leave(session, room.id, is_lost=False)


async def _catch_up(
    node: Node, room: Room, session: Session, command: Join, entered: dict[str, Any]
) -> Joined:
    caller = node.caller(session)
    mailbox = room.mailboxes[caller.id]
    heads = await node.broker.heads({room.id: [caller.id]})
    room.catch_up(heads, [caller.id])
    await room.follower.caught_up()
    await mailbox.follower.caught_up()
    epoch = f"{node.epoch}.{room.epoch}"
    why = _why_not(node, command, epoch, heads[room.id][0])
    head = room.follower.head
    if why is None:
        assert command.since is not None
        events = await node.broker.read(room.id, None, command.since + 1, head)
    else:
        events = await _latest(node, room, head)
    uhead = mailbox.follower.head
    knows = (
        command.usince is not None
        and command.epoch == epoch
        and 0 <= uhead - command.usince <= node.settings.limits.recover
    )
    first = command.usince + 1 if knows and command.usince is not None else uhead - PRIVATE_KEPT + 1
    private = await node.broker.read(room.id, caller.id, first, uhead)
    pins = await node.broker.entries(room.id, room.state.pins)
    # What arrived while this was read; from here to the reply there is no wait, so nothing falls between.
    while True:
        events += [(seq, entry) for seq, entry in room.recent if seq > head]
        if head == room.follower.head or (room.recent and room.recent[0][0] <= head + 1):
            break
        events += await node.broker.read(room.id, None, head + 1, room.follower.head)
        head = max(head, events[-1][0] if events else head)
    while uhead < mailbox.follower.head:
        reach = mailbox.follower.head
        private += await node.broker.read(room.id, caller.id, uhead + 1, reach)
        uhead = reach
    if session.is_closing:
        raise Refused(ErrorCode.UNAVAILABLE)
    room.add(session, caller.id)
    told = [entry for _, entry in private]
    if not knows:
        told = still_open(told)
    muted = entered.get("muted")
    members = {member.id: member for member in room.members()}
    me = Member(caller.id, caller.name, entered["role"])
    members.setdefault(caller.id, me)
    return Joined(
        room=room.id,
        epoch=epoch,
        head=room.follower.head,
        recovered=why is None,
        why=why,
        events=as_frames([entry for _, entry in _in_order(events)], session.form),
        private={"head": uhead, "events": as_frames(told, session.form)},
        state=_state(room, as_frames(pins, session.form), members.values()),
        members=list(members.values()),
        you={"role": entered["role"], "muted_until": muted},
        count=max(room.count, len(members)),
    )


def _in_order(events: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Each entry once, by number: what was read and what was heard may overlap."""
    return sorted(dict(events).items())


def _why_not(node: Node, command: Join, epoch: str, head: int) -> str | None:
    """Why the client can't go on from where it was; None where it can."""
    if command.since is None:
        return "none"
    if command.epoch != epoch:
        return "epoch"
    if command.since > head:
        return "ahead"
    if head - command.since > node.settings.limits.recover:
        return "too_many"
    return None


async def _latest(node: Node, room: Room, head: int) -> list[tuple[int, bytes]]:
    """The latest page: enough events to hold thirty messages, where there are so many."""
    first = max(1, head - node.settings.limits.page + 1)
    events = await node.broker.read(room.id, None, first, head)
    while first > 1 and head - first < node.settings.limits.recover:
        if sum(unpack(entry)["type"] == "message" for _, entry in events) >= LEAST_MESSAGES:
            break
        start = max(1, first - STEP_BACK)
        events = await node.broker.read(room.id, None, start, first - 1) + events
        first = start
    return events


def _state(room: Room, pins: list[Any], members: Iterable[Member]) -> dict[str, Any]:
    state = room.state
    return {
        "title": state.title,
        "topic": state.topic,
        "phase": state.phase,
        "slow_mode": state.slow_mode,
        "locked": state.locked,
        "turns": state.turns,
        "hold": state.hold,
        "hands": list(state.hands),
        "speaker": state.speaker,
        "pins": pins,
        "agreement": {"version": room.policy.agreement.version} if room.policy.agreement else None,
        "reactions": list(room.policy.reactions),
        "staffed": is_staffed(member.role for member in members),
        "closed": state.closed,
    }
