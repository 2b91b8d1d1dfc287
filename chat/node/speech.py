"""What people say: judged, then taken to the store in one step.

From rights to the script's call there is no wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chat.node.judging import judge, judge_label
from chat.node.node import Node, clean
from chat.node.ports import Unavailable
from chat.node.rooms import Room
from chat.node.saying import Said, Saying, Told
from chat.node.session import Session, member_of
from chat.protocol.commands import Edit, Help, Post, Whisper
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import Edited, Message, Whispered
from chat.protocol.fields import Frame, Role
from moderation import Action


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
    if session not in node.hub.by_user.get(user, ()):  # at the door, where the answer is all that comes
        return
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
