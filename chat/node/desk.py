"""The review desk: the queue, attending, decisions, reports."""

from __future__ import annotations

import hashlib
from typing import Any

from chat.node.bans import (
    ban_everywhere,
    finish_ban,
    finish_lift,
    is_taking_ban_back,
    lift_everywhere,
    refuse_upwards,
)
from chat.node.cards import given
from chat.node.guide import MUTED, REMOVED, UNMUTED
from chat.node.judging import judge_label, refuse_unsayable
from chat.node.node import Node, clean, may_see, new_flag, now_ms, refuse_unless_ok, room_of
from chat.node.session import Session
from chat.node.speech import ask_help
from chat.protocol.commands import Attend, Decide, Help, Report, Watch
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import Ok, Queue, Support
from chat.protocol.fields import Role
from chat.room import queue
from chat.room.permissions import RIGHTS
from moderation import Category, Severity
from moderation.pipeline import FAILED

MARK = 12
"""Letters of a text's digest, by which two of one person's texts are told apart."""
TOLD = {
    "approve": "Your message is in the room now. Thank you for waiting.",
    "warn": "Your message is in the room now, with a note before it for those who need one.",
    "retract": (
        "Your message stays between you and our team. "
        "You are welcome to write it another way, or to use help."
    ),
    "muted": MUTED,
    "unmuted": UNMUTED,
    "removed": REMOVED,
    "granted": (
        "A second person looked at this with fresh eyes, and took the decision back. "
        "Thank you for telling us."
    ),
    "upheld": (
        "A second person looked at this with fresh eyes, and it stays as it was. "
        "You are welcome here, and to use help if you want to talk about it."
    ),
}
"""What the author reads when a decision comes without words of its own."""


async def watch(node: Node, session: Session, command: Watch) -> Queue:
    """Open flags of the rooms one is staff of, and from now on each change of them."""
    caller = node.caller(session)
    rooms = []
    for room in command.rooms if command.rooms is not None else await node.hub.known():
        role = caller.role(room) if await node.hub.knows(room) else None
        if role is not None and role.rank >= RIGHTS["watch"].least.rank:
            rooms.append(room)
        elif command.rooms is not None:
            raise Refused(ErrorCode.NOT_FOUND if role is None else ErrorCode.FORBIDDEN)
    if not rooms:
        raise Refused(ErrorCode.FORBIDDEN)
    for name in rooms:
        if await has_lost_role(node, session, name):
            raise Refused(ErrorCode.FORBIDDEN)
        async with node.hub.opened(name) as opened:
            opened.watchers.add(session)
            session.watched = session.watched | {name}
        await node.hub.tell_watchers(name)
    for name in session.watched - set(rooms):
        if (left := node.hub.rooms.get(name)) is not None:
            left.watchers.discard(session)
            node.hub.let_go(left)
            await node.hub.tell_watchers(name)
    session.watched = frozenset(rooms)
    now = now_ms()
    flags = [flag for flag in await node.review.open_flags(rooms) if may_see(session, flag)]
    wanted = [flag for flag in flags if queue.is_wanted(flag, command.severity, command.kinds)]
    return Queue(
        flags=[dict(flag) for flag in queue.in_order(wanted, now)[: command.limit]],
        counts=queue.counts(flags, now),
        more=len(wanted) > command.limit,
    )


async def has_lost_role(node: Node, session: Session, room: str) -> bool:
    """The store's word on a grant is newer than the token's."""
    caller = node.caller(session)
    standing = await node.broker.standing(room, caller.id)
    if int(standing.get("role_at", 0)) <= caller.issued:
        return False
    role = standing.get("role")
    return not role or not Role(role).is_staff


async def find(node: Node, session: Session, flag: str, command: str) -> tuple[str, Role, dict[str, Any]]:
    """The flag that a command names: "not found" where the caller may not see it, else maybe "forbidden"."""
    caller = node.caller(session)
    least = RIGHTS[command].least
    if not any(Role(role).rank >= least.rank for role in caller.grants.values()):
        raise Refused(ErrorCode.FORBIDDEN)
    room = room_of(flag)
    role = caller.role(room)
    if role is None or not role.is_staff or not await node.hub.knows(room):
        raise Refused(ErrorCode.NOT_FOUND)
    found = await node.review.flag(room, flag)
    if found is None or not may_see(session, found):
        raise Refused(ErrorCode.NOT_FOUND)
    if role.rank < least.rank or await has_lost_role(node, session, room):
        raise Refused(ErrorCode.FORBIDDEN)
    return room, role, found


async def step(node: Node, session: Session, flag: str, op: str, **more: Any) -> dict[str, Any]:
    """One step of a flag that the caller may see and take."""
    room, role, _ = await find(node, session, flag, op)
    given = {name: value for name, value in more.items() if value is not None}
    leads = list(node.settings.review.safeguarding)
    args = node.act_args(session, role, op, flag=flag, least=RIGHTS[op].least.rank + 1, leads=leads, **given)
    return dict(refuse_unless_ok(await node.broker.decide(room, args)))


async def attend(node: Node, session: Session, command: Attend) -> Ok:
    """A person is with the author now: the clock stops, and the author is told that they were seen."""
    room, _, flag = await find(node, session, command.flag, "attend")
    support = await _seen(node, room, flag) if Severity.of(flag["severity"]) >= Severity.MODERATE else None
    await step(node, session, command.flag, "attend", support=support)
    return Ok(room=room)


async def _seen(node: Node, room: str, flag: dict[str, Any]) -> bytes:
    """The author's support once more, now that it may say that somebody is there."""
    author = await node.people.person(flag["author"]["id"])
    policy = node.policies.policy(room)
    country, language = author.country or policy.country, author.language or policy.language
    if any(reason["rule"] == FAILED for reason in flag["reasons"]):
        card = node.care.unread(country=country, language=language, seen=True)
    else:
        card = node.care.card(
            severity=Severity.of(flag["severity"]),
            categories=[Category(category) for category in flag["categories"]],
            country=country,
            language=language,
            seen=True,
            held=flag["verdict"] == "held",
        )
    return given(room, card)


async def decide(node: Node, session: Session, command: Decide) -> Ok:
    """Decide a claimed flag; the loser of two is told who was first."""
    room, _, flag = await find(node, session, command.flag, "decide")
    if len(command.note) > node.settings.limits.note:
        limit = node.settings.limits.note
        raise Refused(ErrorCode.TOO_LONG, f"Please keep the note to {limit} characters.")
    warning = judge_label(node, command.warning, node.settings.limits.warning)
    if command.action == "warn" and not warning:
        raise Refused(ErrorCode.BAD_REQUEST, "Please say what the warning is about.")
    waits = flag["verdict"] in ("held", "blocked")
    if waits and command.action == "dismiss":
        raise Refused(
            ErrorCode.BAD_REQUEST,
            "This text waits: please approve it, release it with a warning, or retract it.",
        )
    text = _judged_note(node, command.text)
    if command.action == "ban":
        await refuse_upwards(node, session, "ban", flag["author"]["id"])
    takes_ban_back = await is_taking_ban_back(node, session, flag, command.action)
    try:
        reply = await step(
            node, session, command.flag, "decide",
            action=command.action, note=clean(command.note), text=text, warning=warning,
            seconds=command.seconds or 0, rev=command.rev, told=TOLD,
            follow_up=int(node.settings.review.follow_up_hours * 3_600_000),
        )  # fmt: skip
    except Refused as refused:
        if refused.code is ErrorCode.CONFLICT and command.action == "ban":
            return await finish_ban(node, session, room, flag["flag"], clean(command.note), refused)
        if refused.code is ErrorCode.CONFLICT and takes_ban_back:
            return await finish_lift(node, session, room, flag["flag"], clean(command.note), refused)
        raise
    session.claims.pop(command.flag, None)
    if reply["flag"]["state"] == "decided":
        node.numbers.decided(reply["flag"])
    if command.action == "ban":
        seconds, note = command.seconds or 0, clean(command.note)
        await ban_everywhere(node, session, flag["author"]["id"], seconds, note, flag=flag["flag"])
    if takes_ban_back:
        await lift_everywhere(node, session, flag["author"]["id"], clean(command.note))
    return Ok(room=room, seq=reply.get("seq"))


def _judged_note(node: Node, text: str | None) -> str | None:
    """Words of staff to an author are judged like any."""
    if not text or not text.strip():
        return None
    text = clean(text)
    refuse_unsayable(node, text)
    return text


async def report(node: Node, session: Session, command: Report) -> Ok:
    """Tell staff about a message. A reporter who is in crisis themselves gets what anybody would."""
    room, role = node.joined(session, command.room, "report")
    caller = node.caller(session)
    reason = clean(command.reason)
    support = await care_for(node, session, room.id, reason, f"report-{command.seq}")
    if len(reason) > node.settings.limits.report:
        raise Refused(
            ErrorCode.TOO_LONG,
            f"Please keep the reason to {node.settings.limits.report} characters.",
            support=support,
        )
    new = {**new_flag(room.id, "report"), "verdict": "delivered"}
    args = node.act_args(
        session, role, "report",
        least=Role.PARTICIPANT.rank + 1, flag=new["flag"], seq=command.seq, new=new,
        report={"by": {"id": caller.id, "name": caller.name}, "reason": reason},
        due=node.settings.review.due_seconds["none"],
    )  # fmt: skip
    refuse_unless_ok(await node.broker.decide(room.id, args), support)
    return Ok(room=room.id, support=support)


async def care_for(node: Node, session: Session, room: str, text: str, key: str) -> Support | None:
    """What somebody gets who is in danger as they write to staff, whatever becomes of what they ask.

    The same words sent again are the same call for help; other words are another one, which staff see too.
    """
    verdict = node.pipeline.judge(text, author=node.caller(session).id)
    if not verdict.crisis and not verdict.failed:
        return None
    try:
        mark = hashlib.sha256(text.encode()).hexdigest()[:MARK]
        done = await ask_help(node, session, Help(room=room, text=text, key=f"{key}-{mark}"))
    except Refused as refused:  # too often: that refusal was flagged and cared for
        return refused.support if isinstance(refused.support, Support) else None
    return done.support if isinstance(done, Ok) else None
