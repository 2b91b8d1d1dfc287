"""What people say: judged, then taken to the store in one step.

From rights to the script's call there is no wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from chat.node.cards import given
from chat.node.node import Node, clean, new_flag_id, now_ms
from chat.node.ports import Unavailable
from chat.node.rooms import Room
from chat.node.session import Caller, Session, member_of
from chat.protocol.commands import Edit, Help, Post, Whisper
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import (
    Edited,
    FlagEvent,
    Held,
    Message,
    Ok,
    Posted,
    Reason,
    Support,
    Whispered,
)
from chat.protocol.fields import Frame, Role
from chat.protocol.wire import pack
from moderation import Action, Judgement, Remark, Severity

Told = Callable[[Frame | Exception], None]
"""Gets a command's reply, or what there is instead."""
TRIES = 3
"""How often a text goes to the store whose word on what the room holds changes in between."""
Op = Literal["post", "edit", "whisper", "help"]

ROOM_HOLDS = Reason("room.hold", "Messages here wait for a facilitator just now. Yours is safe with us.")
CARE_HOLDS = Reason(
    "care.held", "We've kept this between you and our team for now. You haven't done anything wrong."
)
REPLACED = "Your new version took the place of this one."
OWN_METHOD = "room.method"
"""Rules about ways to be hurt: in somebody's own disclosure they speak of the author's risk."""
STAFF_PACE = 3
"""How many times a participant's burst staff may send."""


class Said(msgspec.Struct, frozen=True):
    """One text on its way: where, by whom, and what the pipeline makes of it."""

    op: Op
    room: Room
    caller: Caller
    role: Role
    key: str | None
    text: str
    judgement: Judgement
    target: int | str | None = None
    reply_to: int | None = None
    replaces: str | None = None
    refuse: ErrorCode | None = None


def judge(node: Node, room: Room, caller: Caller, role: Role, text: str) -> Judgement:
    """Both answers about a text, read with what was said before.

    A text over the limit is judged at both its ends.
    """
    started = time.perf_counter()
    context = _context(node, room, caller.id)
    rate = room_rate(node, room)
    limit = node.settings.limits.text
    parts = [text] if len(text) <= limit else [text[:limit], text[-limit:]]
    verdicts = [
        node.pipeline.judge(
            part,
            author=caller.id,
            context=context,
            now=now_ms(),
            profile=room.policy.profile,
            staff=role.is_staff,
            is_paced=rate > 0,
        )
        for part in parts
    ]
    verdict = max(verdicts, key=lambda one: (_severity(one), not one.failed))
    node.counts.judging_seconds += time.perf_counter() - started
    node.counts.pipeline_failed += verdict.failed
    return verdict


def _context(node: Node, room: Room, author: str) -> tuple[Remark, ...]:
    """What was said before: in the room, and by the author in a side room of it, or in the group beside this one."""
    found = room.context.remarks(node.pipeline)
    beside = [
        remark
        for other in node.hub.kin(room.id)
        for remark in other.context.remarks(node.pipeline)
        if remark.author == author
    ]
    return tuple(sorted((*found, *beside), key=lambda remark: remark.at)) if beside else found


def room_rate(node: Node, room: Room) -> float:
    """Seconds between a person's posts that the room asks for; 0: none."""
    own = room.policy.rate_seconds
    return node.settings.limits.rate_seconds if own is None else own


def _severity(judgement: Judgement) -> Severity:
    """How urgently a person should look: a text that could not be read may be anything, so somebody comes."""
    return max(judgement.severity, Severity.MODERATE) if judgement.failed else judgement.severity


def judge_label(node: Node, text: str | None, limit: int) -> str | None:
    """A short text that others read: a warning, a topic, a reason.

    Refused where the room could not take it.
    """
    if text is None:
        return None
    text = " ".join(clean(text).split())
    if len(text) > limit:
        raise Refused(ErrorCode.TOO_LONG, f"Please keep this to {limit} characters.")
    if text:
        refuse_unsayable(node, text)
    return text


def refuse_unsayable(node: Node, text: str) -> None:
    """Words of staff that others read as they are: what no room could take is refused, and what can't be read."""
    verdict = node.pipeline.judge(text, staff=True)
    if verdict.action is not Action.DELIVER:
        reasons = verdict.author_reasons
        raise Refused(
            ErrorCode.BAD_REQUEST, reasons[0].text if reasons else "Please choose other words here."
        )


# ── the commands ─────────────────────────────────────────────────────────────────────────────────


def post_at_once(node: Node, session: Session, command: Post, told: Told) -> None:
    """Say something to a room that this connection has joined; `told` gets the reply once the store has answered.

    Raises what keeps the text from leaving for the store.
    """
    room, role = node.joined(session, command.room, "post")
    said, event = _posted(node, session, command, room, role)
    Saying(node, said, event, told).leave()


async def post(node: Node, session: Session, command: Post) -> Frame:
    """Say something to the room."""
    if command.room not in session.rooms:
        return await _from_outside(node, session, command, _post)
    room, role = node.joined(session, command.room, "post")
    return await _post(node, session, command, room, role)


async def _post(
    node: Node, session: Session, command: Post, room: Room, role: Role, refuse: ErrorCode | None = None
) -> Frame:
    return await _accept(node, *_posted(node, session, command, room, role, refuse))


def _posted(
    node: Node, session: Session, command: Post, room: Room, role: Role, refuse: ErrorCode | None = None
) -> tuple[Said, Message]:
    caller = node.caller(session)
    text, too_long = _readable(node, command.text)
    warning = judge_label(node, command.warning, node.settings.limits.warning)
    verdict = judge(node, room, caller, role, text)
    said = Said(
        "post", room, caller, role, command.key, text, verdict,
        reply_to=command.reply_to, replaces=command.replaces, refuse=refuse or too_long,
    )  # fmt: skip
    node.counts.posts += 1
    return said, Message(
        room=room.id,
        from_=member_of(caller, role),
        text=verdict.text,
        reply_to=command.reply_to,
        warning=warning or None,
        masked=verdict.action is Action.MASK,
    )


async def edit(node: Node, session: Session, command: Edit) -> Frame:
    """Change one's own message; judged anew, and while it is held the original stands."""
    if command.room not in session.rooms:
        return await _from_outside(node, session, command, _edit)
    room, role = node.joined(session, command.room, "edit")
    return await _edit(node, session, command, room, role)


async def _edit(
    node: Node, session: Session, command: Edit, room: Room, role: Role, refuse: ErrorCode | None = None
) -> Frame:
    caller = node.caller(session)
    text, too_long = _readable(node, command.text)
    verdict = judge(node, room, caller, role, text)
    said = Said(
        "edit", room, caller, role, command.key, text, verdict, target=command.seq, refuse=refuse or too_long
    )
    masked = verdict.action is Action.MASK
    return await _accept(
        node, said, Edited(room=room.id, target=command.seq, text=verdict.text, masked=masked)
    )


async def _from_outside(
    node: Node, session: Session, command: Post | Edit, say: Callable[..., Awaitable[Frame]]
) -> Frame:
    """A text from somebody who is not in the room, or no longer: refused, but read and cared for."""
    caller = node.caller(session)
    role = caller.role(command.room)
    if role is None or caller.is_outside(command.room) or not await node.hub.knows(command.room):
        raise Refused(ErrorCode.NOT_FOUND)
    async with node.hub.opened(command.room) as room:
        await _stay_in_reach(node, session, room)
        return await say(node, session, command, room, role, ErrorCode.NOT_JOINED)


async def _stay_in_reach(node: Node, session: Session, room: Room) -> None:
    """Let somebody who is not in the room hear, later too, what care says to them: that nobody has come yet."""
    if room.id in session.rooms or room.id in session.outside:
        return
    user = node.caller(session).id
    try:
        room.reach(session, user, await node.broker.head(room.id, user))
    except Unavailable:  # the text goes on its way all the same, and says so itself where it cannot
        return


async def whisper(node: Node, session: Session, command: Whisper) -> Frame:
    """A private word, judged like a post."""
    room, role = node.joined(session, command.room, "whisper")
    caller = node.caller(session)
    if command.to == caller.id:
        raise Refused(ErrorCode.FORBIDDEN, "A private word needs somebody else to hear it.")
    text, too_long = _readable(node, command.text)
    verdict = judge(node, room, caller, role, text)
    said = Said("whisper", room, caller, role, command.key, text, verdict, target=command.to, refuse=too_long)
    event = Whispered(room=room.id, from_=member_of(caller, role), to=command.to, text=verdict.text)
    return await _accept(node, said, event)


async def ask_help(node: Node, session: Session, command: Help) -> Frame:
    """The private line to staff: works when muted, removed, locked or closed."""
    role = await node.role(session, command.room, "help")
    caller = node.caller(session)
    text, _ = _readable(node, command.text or "", may_be_empty=True)
    async with node.hub.opened(command.room) as room:
        await _stay_in_reach(node, session, room)
        verdict = judge(node, room, caller, role, text[: node.settings.limits.text])
        said = Said("help", room, caller, role, command.key, text[: node.settings.limits.text], verdict)
        return await _accept(node, said, None)


def _readable(node: Node, text: str, *, may_be_empty: bool = False) -> tuple[str, ErrorCode | None]:
    text = clean(text)
    if not may_be_empty and not text.strip():
        raise Refused(ErrorCode.BAD_REQUEST, "There is nothing in this message yet.")
    return text, ErrorCode.TOO_LONG if len(text) > node.settings.limits.text else None


# ── to the store ─────────────────────────────────────────────────────────────────────────────────


async def _accept(node: Node, said: Said, event: Frame | None) -> Frame:
    """Take a judged text to the store, and wait for what becomes of it."""
    answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()

    def told(reply: Frame | Exception) -> None:
        if answer.done():
            return
        if isinstance(reply, Exception):
            answer.set_exception(reply)
        else:
            answer.set_result(reply)

    Saying(node, said, event, told).leave()
    return await answer


class Saying:
    """A judged text on its way to the store, and back in the very turn that brings the store's answer.

    Where the room holds posts, and this node did not know, it asks once more.
    """

    __slots__ = ("_body", "_node", "_said", "_told", "_tries")

    def __init__(self, node: Node, said: Said, event: Frame | None, told: Told) -> None:
        self._node = node
        self._said = said
        self._body = pack(event) if event is not None else b""
        self._told = told
        self._tries = 0

    def leave(self, *, waits: bool = False) -> None:
        """Go to the store."""
        self._tries += 1
        args = _args(self._node, self._said, self._body, waits=waits)
        self._said.room.post_leaves()
        self._node.broker.accept(self._said.room.id, args, self._heard)

    def _heard(self, reply: dict[str, Any] | Unavailable) -> None:
        told: Frame | Exception | None = None
        try:
            if isinstance(reply, dict) and "stale" in reply and self._tries < TRIES:
                self.leave(waits=reply["stale"] == "held")
            else:
                told = self._read(reply)
        except Exception as error:  # noqa: BLE001  whatever it is, whoever waits for the reply has to hear of it
            told = error
        try:
            if told is not None:
                self._told(told)
        finally:
            # Last: a room that waits for its posts writes their replies with their events.
            self._said.room.post_answered()

    def _read(self, reply: dict[str, Any] | Unavailable) -> Frame | Exception:
        if isinstance(reply, Unavailable):
            return reply
        if "stale" in reply:
            return Refused(ErrorCode.UNAVAILABLE)
        return _answer(self._node, self._said, reply)


_answers: msgspec.msgpack.Decoder[Posted | Ok] = msgspec.msgpack.Decoder(Posted | Ok)
_VERDICTS = {Action.DELIVER: "deliver", Action.MASK: "deliver", Action.HOLD: "held", Action.BLOCK: "blocked"}


def _args(node: Node, said: Said, body: bytes, *, waits: bool) -> dict[str, Any]:
    """What the script is told; lua/accept.lua says what each is."""
    judgement, room, limits = said.judgement, said.room, node.settings.limits
    verdict = "held" if waits else _VERDICTS[judgement.action]
    severity = _severity(judgement)
    if said.op == "help":
        severity = max(severity, Severity.MODERATE)
    is_delivered = verdict == "deliver" and said.op != "help"
    card = support_for(node, room, said.caller, judgement, severity, said.key, held=not is_delivered)
    reasons = _reasons(judgement, waits=waits, is_delivered=is_delivered)
    is_flagged = said.op == "help" or not is_delivered or judgement.flag
    flag = _flag(node, said, severity) if is_flagged else None
    held = None
    if not is_delivered and said.op != "help" and flag is not None:
        held = pack(
            Held(
                room=room.id,
                key=said.key or "",
                text=said.text,
                reasons=reasons or [],
                flag=flag.flag,
                verdict=verdict,
            )
        )
    answer: Frame
    if said.op == "help":
        answer = Ok(room=room.id)
        burst, interval = limits.help_burst, int(limits.help_rate_seconds * 1000)
    else:
        answer = Posted(
            key=said.key or "",
            verdict="delivered" if is_delivered else verdict,
            reasons=reasons,
            masked=is_delivered and judgement.action is Action.MASK,
            support=card,
        )
        burst = room.policy.burst or limits.burst
        interval = int(room_rate(node, room) * 1000)
        burst *= STAFF_PACE if said.role.is_staff else 1
        if is_delivered:
            room.context.judged(said.caller.id, judgement.text, judgement.reading)
    args: dict[str, Any] = {
        "op": said.op,
        "user": said.caller.id,
        "role": str(said.role),
        "issued": said.caller.issued,
        "verdict": verdict,
        "body": body,
        "answer": pack(answer),
        "burst": burst,
        "interval": interval,
        "receipt": node.settings.receipt_seconds,
        "crisis": severity >= Severity.MODERATE,
        "replaced_text": REPLACED,
    }
    optional = {
        "key": said.key,
        "target": said.target,
        "reply_to": said.reply_to,
        "replaces": said.replaces,
        "waits": waits or None,
        "refuse": said.refuse and str(said.refuse),
        "held": held,
    }
    args |= {name: value for name, value in optional.items() if value is not None}
    if flag is not None:
        args["flag"] = msgspec.to_builtins(flag)
    elif severity >= Severity.MODERATE:
        args["flag"] = msgspec.to_builtins(_flag(node, said, severity))
    if "flag" in args:
        args["due"] = node.settings.review.due_seconds[severity.word]
        args["leads"] = list(node.settings.review.safeguarding)
        if severity >= Severity.MODERATE:
            args["wait"] = int(node.settings.review.clock_seconds[severity.word][0] * 1000)
    if said.op == "post" and severity >= Severity.LOW and is_delivered and room.policy.answer_seconds:
        args["reply_within"] = int(room.policy.answer_seconds * 1000)
    if card is not None:
        args["support"] = given(room.id, card, card.key)
        if is_delivered:
            unseen = support_for(node, room, said.caller, judgement, severity, said.key, held=True)
            args["unseen"] = given(room.id, unseen, unseen.key) if unseen is not None else None
    return args


def _reasons(judgement: Judgement, *, waits: bool, is_delivered: bool) -> list[Reason] | None:
    """What the author is told: each rule once, and never a reproach for their own pain."""
    found = {reason.rule: Reason(reason.rule, reason.text) for reason in judgement.author_reasons}
    if waits and judgement.action in (Action.DELIVER, Action.MASK):
        found[ROOM_HOLDS.rule] = ROOM_HOLDS
    if not is_delivered and not found:
        found[CARE_HOLDS.rule] = CARE_HOLDS
    return list(found.values()) or None if not is_delivered or judgement.action is Action.MASK else None


def _flag(node: Node, said: Said, severity: Severity) -> FlagEvent:
    """What staff see. Below high, parts that were masked are kept nowhere."""
    judgement = said.judgement
    is_of_child = judgement.crisis and any(
        reason.rule in node.settings.review.child_rules for reason in judgement.reasons
    )
    original = severity >= Severity.HIGH or judgement.action is not Action.MASK
    return FlagEvent(
        flag=new_flag_id(said.room.id),
        rev=0,
        kind="help" if said.op == "help" else "message",
        room=said.room.id,
        state="open",
        severity=severity.word,
        categories=[str(category) for category in judgement.categories],
        reasons=[
            {
                "rule": reason.rule,
                "span": list(reason.span),
                "text": reason.text,
                # How somebody would hurt themselves is part of telling it, and nothing to be sanctioned for.
                "risk": reason.risk or (judgement.crisis and reason.rule.startswith(OWN_METHOD)),
            }
            for reason in judgement.reasons
        ],
        author={"id": said.caller.id, "name": said.caller.name, "role": str(said.role)},
        text=said.text if original else judgement.text,
        verdict="",
        opened_at=0,
        due_at=0,
        reports=[],
        attended_by=[],
        route="safeguarding" if is_of_child else None,
        routed_by="rule" if is_of_child else None,
    )


def support_for(
    node: Node,
    room: Room,
    caller: Caller,
    judgement: Judgement,
    severity: Severity,
    key: str | None,
    *,
    held: bool,
) -> Support | None:
    """The author's support: a card where the text carries a crisis signal, or could not be read.

    The page's own quiet link serves below.
    """
    if severity < Severity.MODERATE:
        return None
    country = caller.country or room.policy.country
    language = caller.language or room.policy.language
    if judgement.failed:
        card = node.care.unread(country=country, language=language)
    else:
        card = node.care.card(
            severity=severity,
            categories=judgement.categories,
            country=country,
            language=language,
            held=held,
        )
    return Support(
        key=key or "",
        severity=card.severity,
        seen=card.seen,
        text=card.text,
        helplines=[dict(line) for line in card.helplines],
        resources=[dict(line) for line in card.resources],
        neutral=card.neutral,
    )


def _answer(node: Node, said: Said, reply: dict[str, Any]) -> Frame:
    """The script's reply as the command's: a refusal carries the support that its text called for."""
    node.counts.support += _severity(said.judgement) >= Severity.MODERATE
    if "code" in reply:
        node.counts.refused += 1
        severity = said.judgement.severity
        card = None
        if reply.get("support"):
            card = support_for(
                node,
                said.room,
                said.caller,
                said.judgement,
                max(severity, Severity.MODERATE),
                said.key,
                held=True,
            )
        code = ErrorCode(reply["code"])
        wait = reply.get("wait")
        text = f"That is over {node.settings.limits.text} characters. Please send it in parts."
        raise Refused(
            code,
            text if code is ErrorCode.TOO_LONG else "",
            retry_after=round(wait / 1000, 3) if wait else None,
            support=card,
            flag=reply.get("flag"),
        )
    posted = _answers.decode(reply["answer"])
    if isinstance(posted, Ok):
        severity = max(_severity(said.judgement), Severity.MODERATE)
        card = support_for(node, said.room, said.caller, said.judgement, severity, said.key, held=True)
        return Ok(room=said.room.id, support=card)
    posted.decision = reply.get("decision")
    if posted.verdict == "delivered":
        node.counts.delivered += 1
    elif posted.verdict == "held":
        node.counts.held += 1
    else:
        node.counts.blocked += 1
    return posted
