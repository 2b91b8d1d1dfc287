"""Taking a flag for a while: its lease, what is shown with it, and its return."""

from __future__ import annotations

import asyncio
from typing import Any

from chat.node.desk import find, step
from chat.node.guide import as_frames
from chat.node.node import Node, clean, may_see, now_ms, room_of
from chat.node.session import Session
from chat.node.wellbeing import exposed, spare
from chat.protocol.commands import Claim, Note, Unclaim
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import Claimed, Ok
from chat.protocol.fields import Role
from chat.protocol.wire import unpack

AROUND = 10
"""Entries before and after a flagged message that its claim shows."""
BACK = 200
"""Entries of the room among which the author's own are looked for."""
EARLIER = 20
SWEEP_EVERY = 2.0
"""Seconds between looks for leases that ended."""
SYSTEM = {"id": ":lease", "name": "", "role": str(Role.ADMIN)}
"""Who gives back what was not renewed; the colon keeps the id from being anybody's."""


async def claim(node: Node, session: Session, command: Claim) -> Claimed:
    """Take or renew a flag's lease, and read what was said around it."""
    _, _, known = await find(node, session, command.flag, "claim")
    is_renewal = (known.get("claimed_by") or {}).get("id") == node.caller(session).id
    if not is_renewal and not command.anyway:
        await spare(node, session, known)
    lease = int(node.settings.review.lease_seconds * 1000)
    reply = await step(node, session, command.flag, "claim", lease=lease)
    session.claims[command.flag] = room_of(command.flag)
    flag = reply["flag"]
    if not is_renewal:
        await exposed(node, session, flag["severity"])
    if flag["claimed_at"] == flag["lease_until"] - lease:
        node.numbers.took("claim", flag["severity"], flag["claimed_at"] - flag["opened_at"])
    return Claimed(
        flag=flag, context=await _context(node, session, flag), lease_until=int(flag["lease_until"])
    )


async def note(node: Node, session: Session, command: Note) -> Ok:
    """A word to colleagues; it may hand the claim over, ask for a second opinion, or send the flag on."""
    text = clean(command.text).strip()
    if not text:
        raise Refused(ErrorCode.BAD_REQUEST, "Please write a few words for your colleagues.")
    if len(text) > node.settings.limits.note:
        limit = node.settings.limits.note
        raise Refused(ErrorCode.TOO_LONG, f"Please keep the note to {limit} characters.")
    lease = int(node.settings.review.lease_seconds * 1000)
    await step(node, session, command.flag, "note", note=text, to=command.to, ask=command.ask, lease=lease)
    if command.to is not None or command.ask == "safeguarding":
        session.claims.pop(command.flag, None)
    return Ok(room=room_of(command.flag))


async def unclaim(node: Node, session: Session, command: Unclaim) -> Ok:
    """Give the lease back."""
    await step(node, session, command.flag, "unclaim")
    session.claims.pop(command.flag, None)
    return Ok(room=room_of(command.flag))


async def _context(node: Node, session: Session, flag: dict[str, Any]) -> dict[str, Any]:
    """What helps to decide; that it was read stands in the trail with the claim."""
    room, author = flag["room"], flag["author"]["id"]
    around, recent, known = await asyncio.gather(
        _around(node, room, flag), _recent_of(node, room, author), node.review.flags_of(room, author, EARLIER)
    )
    earlier = [other for other in known if other["flag"] != flag["flag"] and may_see(session, other)]
    return {
        "around": as_frames(around, session.form),
        "recent": as_frames(recent, session.form),
        "earlier": earlier,
        "line": _line(node, author, recent, [flag, *earlier]),
        "reports": [
            {"flag": other["flag"], "reason": report["reason"], "at": report["at"]}
            for other in [flag, *earlier]
            for report in other["reports"]
        ],
    }


async def _around(node: Node, room: str, flag: dict[str, Any]) -> list[bytes]:
    """The room's log about the flagged message; for one that was not delivered, its latest part."""
    head = (await node.broker.heads({room: []}))[room][0]
    middle = flag.get("seq") or head
    found = await node.broker.read(room, None, middle - AROUND, min(head, middle + AROUND))
    return [entry for _, entry in found]


async def _recent_of(node: Node, room: str, author: str) -> list[bytes]:
    """The author's own messages among the room's latest."""
    head = (await node.broker.heads({room: []}))[room][0]
    found = await node.broker.read(room, None, head - BACK, head)
    mine = [
        entry
        for _, entry in found
        if (event := unpack(entry))["type"] == "message" and event["from"]["id"] == author
    ]
    return mine[-AROUND:]


def _line(node: Node, author: str, recent: list[bytes], flags: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the author's texts showed, over time: each message by itself, and what was flagged."""
    said = [flag for flag in flags if flag["kind"] in ("message", "help")]
    flagged = {flag["seq"] for flag in said if flag.get("seq")}
    line = [
        {"at": flag["opened_at"], "severity": flag["severity"], "flag": flag["flag"], "seq": flag.get("seq")}
        for flag in said
    ]
    for entry in recent:
        event = unpack(entry)
        if event.get("text") and event["seq"] not in flagged:
            shown = node.pipeline.judge(event["text"], author=author, is_paced=False)
            line.append({"at": event["at"], "severity": shown.severity.word, "seq": event["seq"]})
    return sorted(line, key=lambda point: int(point["at"]))


async def return_leases(node: Node) -> None:
    """Give back what was not renewed, in the rooms that somebody here watches; all nodes may try at once."""
    now = now_ms()
    for room in [room for room in node.hub.rooms.values() if room.watchers]:
        for flag in await node.review.leases_before(room.id, now):
            args = {
                "op": "expire",
                "flag": flag,
                "by": SYSTEM,
                "role": SYSTEM["role"],
                "issued": 0,
                "least": 0,
            }
            await node.broker.decide(room.id, args)
