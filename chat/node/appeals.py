"""After a decision: another look that its person asks for, and the text that was put aside."""

from __future__ import annotations

from chat.node.desk import care_for, step
from chat.node.node import Node, clean, new_flag, refuse_unless_ok, room_of
from chat.node.ports import Person
from chat.node.session import Caller, Session
from chat.node.wellbeing import exposed
from chat.protocol.commands import Appeal, Evidence
from chat.protocol.errors import CloseCode, ErrorCode, Refused
from chat.protocol.events import EvidenceOpened, Ok
from chat.protocol.fields import Role

RECEIVED = "Thank you for telling us. Somebody who did not decide this will look at it."
NOT_NOW = (
    "This can't be looked at once more: nobody has decided it yet, or it is being looked at again already."
)


BANNED = "You can't use this service at present."
MAY_ASK = (
    f"{BANNED} If you think that this is wrong, tell us in your own words, "
    "and somebody who did not decide it will look."
)
ASKED = f"{BANNED} {RECEIVED}"
STAYS = f"{BANNED} Somebody who did not decide this has looked at it once more, and it stays."
_TOLD = {"possible": MAY_ASK, "asked": ASKED, "decided": STAYS}


async def refuse_banned(
    node: Node, session: Session, caller: Caller, person: Person, words: str | None
) -> Refused:
    """What somebody who is banned is told at the door, where they may ask for another look. Nothing else opens to them.

    They get support where their words call for it, like anybody whom we refuse.
    """
    support: object = None
    session.caller = caller  # for as long as this is written
    try:
        room = room_of(person.ban_flag)
        flag = await node.review.flag(room, person.ban_flag) if room else None
        if flag is None:
            return Refused(ErrorCode.BANNED, close=CloseCode.BANNED)
        text = ""
        if words and words.strip():
            try:
                support = (await appeal(node, session, Appeal(flag=flag["flag"], text=words))).support
            except Refused as refused:
                text, support = f"{BANNED} {refused.text}", refused.support
        stands = await _stands(node, room, flag["flag"])
        return Refused(
            ErrorCode.BANNED, text or _TOLD[stands], support=support, flag=flag["flag"], appeal=stands,
            close=CloseCode.BANNED,
        )  # fmt: skip
    finally:
        session.caller = None


async def _stands(node: Node, room: str, flag: str) -> str:
    """How another look at a ban stands."""
    found = await node.review.flag(room, flag) or {}
    asked = await node.review.flag(room, found["appeal"]) if found.get("appeal") else None
    return "possible" if asked is None else "decided" if asked["state"] == "decided" else "asked"


async def appeal(node: Node, session: Session, command: Appeal) -> Ok:
    """Ask for another look. Whoever is in danger as they write gets what anybody would."""
    caller = node.caller(session)
    room = room_of(command.flag)
    role = caller.role(room)
    if role is None or not await node.hub.knows(room):
        raise Refused(ErrorCode.NOT_FOUND)
    text = clean(command.text).strip()
    if not text:
        raise Refused(ErrorCode.BAD_REQUEST, "Please say in a few words what we should look at again.")
    support = await care_for(node, session, room, text, f"appeal-{command.flag}")
    limit = node.settings.limits.report
    if len(text) > limit:
        raise Refused(ErrorCode.TOO_LONG, f"Please keep this to {limit} characters.", support=support)
    args = node.act_args(
        session, role, "appeal", least=Role.PARTICIPANT.rank + 1, flag=command.flag,
        new={**new_flag(room, "appeal"), "text": text, "verdict": "delivered"},
        due=node.settings.review.due_seconds["none"],
    )  # fmt: skip
    reply = await node.broker.decide(room, args)
    if reply.get("code") == ErrorCode.CONFLICT:
        raise Refused(ErrorCode.CONFLICT, NOT_NOW, support=support)
    refuse_unless_ok(reply, support)
    return Ok(room=room, note=RECEIVED, support=support)


async def evidence(node: Node, session: Session, command: Evidence) -> EvidenceOpened:
    """Open what was put aside; who, when and why stands in the trail."""
    purpose = clean(command.purpose).strip()
    if not purpose:
        raise Refused(ErrorCode.BAD_REQUEST, "Please say why you open this.")
    reply = await step(node, session, command.flag, "evidence", purpose=purpose)
    flag = reply["flag"]
    await exposed(node, session, flag["severity"])
    return EvidenceOpened(
        flag=command.flag,
        author=flag["author"],
        text=reply["text"],
        also=reply.get("also"),
        until=flag.get("evidence_until"),
    )
