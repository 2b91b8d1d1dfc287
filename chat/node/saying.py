"""A judged text's way to the store and back: what the script is told, and what its author hears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from chat.node.cards import answered, given
from chat.node.judging import room_rate, severity_of
from chat.node.node import Node, new_flag_id
from chat.node.ports import Unavailable
from chat.node.rooms import Room
from chat.node.session import Caller
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import FlagEvent, Held, Ok, Posted, Reason, Support
from chat.protocol.fields import Frame, Role
from chat.protocol.wire import pack
from moderation import Action, Judgement, Severity

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


class _Fate(msgspec.Struct, frozen=True):
    """What is to become of a text, where the store does not refuse it."""

    verdict: str
    severity: Severity
    is_delivered: bool

    @property
    def is_crisis(self) -> bool:
        """Whether a person has to look after the author."""
        return self.severity >= Severity.MODERATE


def _fate(said: Said, *, waits: bool) -> _Fate:
    verdict = "held" if waits else _VERDICTS[said.judgement.action]
    severity = severity_of(said.judgement)
    if said.op == "help":
        return _Fate(verdict, max(severity, Severity.MODERATE), is_delivered=False)
    return _Fate(verdict, severity, is_delivered=verdict == "deliver")


def _args(node: Node, said: Said, body: bytes, *, waits: bool) -> dict[str, Any]:
    """What the script is told; lua/accept.lua says what each is."""
    fate = _fate(said, waits=waits)
    card = _support(node, said, fate.severity, held=not fate.is_delivered)
    reasons = _reasons(said.judgement, waits=waits, is_delivered=fate.is_delivered)
    if fate.is_delivered:
        said.room.context.judged(said.caller.id, said.judgement.text, said.judgement.reading)
    answer: Frame = Ok(room=said.room.id)
    if said.op != "help":
        answer = Posted(
            key=said.key or "",
            verdict="delivered" if fate.is_delivered else fate.verdict,
            reasons=reasons,
            masked=fate.is_delivered and said.judgement.action is Action.MASK,
            support=card,
        )
    args: dict[str, Any] = {
        "op": said.op,
        "user": said.caller.id,
        "role": str(said.role),
        "issued": said.caller.issued,
        "verdict": fate.verdict,
        "body": body,
        "answer": pack(answer),
        "receipt": node.settings.receipt_seconds,
        "crisis": fate.is_crisis,
        "replaced_text": REPLACED,
    }
    optional = {
        "key": said.key,
        "target": said.target,
        "reply_to": said.reply_to,
        "replaces": said.replaces,
        "waits": waits or None,
        "refuse": said.refuse and str(said.refuse),
    }
    args |= {name: value for name, value in optional.items() if value is not None}
    _add_pace(args, node, said)
    _add_flag(args, node, said, fate, reasons)
    _add_care(args, node, said, fate, card)
    return args


def _add_pace(args: dict[str, Any], node: Node, said: Said) -> None:
    """How often its author may speak: help has a limit of its own."""
    limits, policy = node.settings.limits, said.room.policy
    if said.op == "help":
        args["burst"], args["interval"] = limits.help_burst, int(limits.help_rate_seconds * 1000)
        return
    args["burst"] = (policy.burst or limits.burst) * (STAFF_PACE if said.role.is_staff else 1)
    args["interval"] = int(room_rate(node, said.room) * 1000)


def _add_flag(
    args: dict[str, Any], node: Node, said: Said, fate: _Fate, reasons: list[Reason] | None
) -> None:
    """The flag, where a person has to look, and the text that waits for them."""
    if fate.is_delivered and not said.judgement.flag and not fate.is_crisis:
        return
    flag = _flag(node, said, fate.severity)
    args["flag"] = msgspec.to_builtins(flag)
    args["due"] = node.settings.review.due_seconds[fate.severity.word]
    args["leads"] = list(node.settings.review.safeguarding)
    if not fate.is_delivered and said.op != "help":
        args["held"] = pack(
            Held(
                room=said.room.id,
                key=said.key or "",
                text=said.text,
                reasons=reasons or [],
                flag=flag.flag,
                verdict=fate.verdict,
            )
        )


def _add_care(args: dict[str, Any], node: Node, said: Said, fate: _Fate, card: Support | None) -> None:
    """How soon a person has to come, or somebody to reply, and what the author is told."""
    if fate.is_crisis:
        args["wait"] = int(node.settings.review.clock_seconds[fate.severity.word][0] * 1000)
    answered_within = said.room.policy.answer_seconds
    if said.op == "post" and fate.severity >= Severity.LOW and fate.is_delivered and answered_within:
        args["reply_within"] = int(answered_within * 1000)
    if card is None:
        return
    args["support"] = given(said.room.id, card, card.key)
    if fate.is_delivered:
        unseen = _support(node, said, fate.severity, held=True)
        args["unseen"] = given(said.room.id, unseen, unseen.key) if unseen is not None else None


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


def _support(node: Node, said: Said, severity: Severity, *, held: bool) -> Support | None:
    """The author's support: a card where the text carries a crisis signal, or could not be read.

    The page's own quiet link serves below.
    """
    if severity < Severity.MODERATE:
        return None
    country = said.caller.country or said.room.policy.country
    language = said.caller.language or said.room.policy.language
    if said.judgement.failed:
        card = node.care.unread(country=country, language=language)
    else:
        card = node.care.card(
            severity=severity,
            categories=said.judgement.categories,
            country=country,
            language=language,
            held=held,
        )
    return answered(card, said.key or "")


def _answer(node: Node, said: Said, reply: dict[str, Any]) -> Frame:
    """The script's reply as the command's: a refusal carries the support that its text called for."""
    crisis = severity_of(said.judgement)
    node.counts.support += crisis >= Severity.MODERATE
    least = max(crisis, Severity.MODERATE)
    if "code" in reply:
        node.counts.refused += 1
        card = _support(node, said, least, held=True) if reply.get("support") else None
        raise _refused(node, reply, card)
    posted = _answers.decode(reply["answer"])
    if isinstance(posted, Ok):
        return Ok(room=said.room.id, support=_support(node, said, least, held=True))
    posted.decision = reply.get("decision")
    if posted.verdict == "delivered":
        node.counts.delivered += 1
    elif posted.verdict == "held":
        node.counts.held += 1
    else:
        node.counts.blocked += 1
    return posted


def _refused(node: Node, reply: dict[str, Any], card: Support | None) -> Refused:
    """Why the store took no text, in words."""
    code = ErrorCode(reply["code"])
    wait = reply.get("wait")
    too_long = f"That is over {node.settings.limits.text} characters. Please send it in parts."
    return Refused(
        code,
        too_long if code is ErrorCode.TOO_LONG else "",
        retry_after=round(wait / 1000, 3) if wait else None,
        support=card,
        flag=reply.get("flag"),
    )
