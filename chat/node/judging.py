"""What the pipeline makes of a text in its place: with what was said before, and by the room's own rules."""

from __future__ import annotations

import time

from chat.node.node import Node, clean, now_ms
from chat.node.rooms import Room
from chat.node.session import Caller
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.fields import Role
from moderation import Action, Judgement, Remark, Severity


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
    verdict = max(verdicts, key=lambda one: (severity_of(one), not one.failed))
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


def severity_of(judgement: Judgement) -> Severity:
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
