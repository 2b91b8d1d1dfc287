"""What a client may ask for. `Command` is the union of all; `COMMANDS` maps each `type` to its class."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta

from chat.protocol.fields import (
    Country,
    DutyState,
    Flag,
    Frame,
    Hold,
    Id,
    Key,
    Language,
    Line,
    Phase,
    Position,
    Room,
    Seconds,
    Seq,
    User,
)

Token = Annotated[str, Meta(min_length=1, max_length=8_192)]
Name = Annotated[str, Meta(max_length=200)]
Secret = Annotated[str, Meta(min_length=16, max_length=128)]


Purpose = Annotated[str, Meta(min_length=1, max_length=500)]
"""Why private things are opened; it stands in the audit trail."""


Topic = Literal["suicide", "self_harm", "overdose", "abuse", "violence", "eating_disorder"]


class _Command(Frame):
    """A command; `id` comes back in its one reply."""

    id: Id = None


class Hello(_Command, tag="hello", kw_only=True):
    """Open the session with a signed token, or redeem an invite code under a chosen name.

    `key`, of 16 characters or more that only this client knows, makes the retry of an invite safe. Whoever is banned is
    answered so, and with `appeal` asks for another look at it.
    """

    token: Token
    name: Name | None = None
    country: Country | None = None
    language: Language | None = None
    client: Line | None = None
    key: Secret | None = None
    appeal: Annotated[str, Meta(max_length=2_000)] | None = None


class Profile(_Command, tag="profile", kw_only=True):
    """Change what the person chose about themselves."""

    name: Name | None = None
    country: Country | None = None
    language: Language | None = None
    hidden: Annotated[list[User], Meta(max_length=64)] | None = None
    avoids: Annotated[list[Topic], Meta(max_length=6)] | None = None
    """Of staff: topics of flags that they would rather not take."""


class Join(_Command, tag="join", kw_only=True):
    """Enter a room, or come back to it from a known position."""

    room: Room
    since: Position | None = None
    epoch: Annotated[str, Meta(max_length=128)] | None = None
    usince: Position | None = None
    agree: Position | None = None


class Leave(_Command, tag="leave", kw_only=True):
    """Leave a room on this connection."""

    room: Room


class Post(_Command, tag="post", kw_only=True):
    """Say something to the room. `key` makes the retry safe."""

    room: Room
    key: Key
    text: str
    reply_to: Seq | None = None
    warning: Line | None = None
    replaces: Key | None = None


class Edit(_Command, tag="edit", kw_only=True):
    """Change the text of one's own message; it is judged anew."""

    room: Room
    seq: Seq
    text: str
    key: Key | None = None


class Retract(_Command, tag="retract", kw_only=True):
    """Take back one's own message (by `seq`, or a held one by `key`); staff: that of anyone below."""

    room: Room
    seq: Seq | None = None
    key: Key | None = None
    reason: Line | None = None


class React(_Command, tag="react", kw_only=True):
    """Set or clear one reaction of the room's set."""

    room: Room
    seq: Seq
    reaction: Annotated[str, Meta(min_length=1, max_length=32)]
    on: bool


class History(_Command, tag="history", kw_only=True):
    """Read a page of the room's log before or after a position."""

    room: Room
    before: Position | None = None
    after: Position | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Report(_Command, tag="report", kw_only=True):
    """Tell staff about a message."""

    room: Room
    seq: Seq
    reason: Annotated[str, Meta(max_length=2_000)]


class Help(_Command, tag="help", kw_only=True):
    """A private line to staff; works when muted, removed, locked or closed."""

    room: Room
    text: str | None = None
    key: Key | None = None


class Hand(_Command, tag="hand", kw_only=True):
    """Raise or lower one's hand."""

    room: Room
    up: bool


class Whisper(_Command, tag="whisper", kw_only=True):
    """A private word: participants to staff, staff to anyone in the room."""

    room: Room
    to: User
    text: str
    key: Key | None = None


class Typing(_Command, tag="typing", kw_only=True):
    """Say that one is writing. Has no reply."""

    room: Room
    on: bool


class Mute(_Command, tag="mute", kw_only=True):
    """Keep a person from posting, for `seconds` (0: until lifted)."""

    room: Room
    user: User
    seconds: Seconds
    reason: Line
    key: Key | None = None


class Unmute(_Command, tag="unmute", kw_only=True):
    """Lift a mute."""

    room: Room
    user: User
    seconds: Seconds | None = None
    reason: Line | None = None
    key: Key | None = None


class Remove(_Command, tag="remove", kw_only=True):
    """Take a person out of the room, for `seconds` (0: until readmitted)."""

    room: Room
    user: User
    seconds: Seconds
    reason: Line
    key: Key | None = None


class Readmit(_Command, tag="readmit", kw_only=True):
    """Let a removed person in again."""

    room: Room
    user: User
    seconds: Seconds | None = None
    reason: Line | None = None
    key: Key | None = None


class Pin(_Command, tag="pin", kw_only=True):
    """Pin a message, for `seconds` or until unpinned."""

    room: Room
    seq: Seq
    seconds: Seconds | None = None
    key: Key | None = None


class Unpin(_Command, tag="unpin", kw_only=True):
    """Unpin a message."""

    room: Room
    seq: Seq
    seconds: Seconds | None = None
    key: Key | None = None


class Warn(_Command, tag="warn", kw_only=True):
    """Put a content warning before somebody's message."""

    room: Room
    seq: Seq
    warning: Annotated[str, Meta(min_length=1, max_length=200)]
    key: Key | None = None


class Card(_Command, tag="card", kw_only=True):
    """Share a coping card from the toolbox with the room, or with one person."""

    room: Room
    card: Annotated[str, Meta(min_length=1, max_length=64)]
    to: User | None = None
    key: Key | None = None


class Aside(_Command, tag="aside", kw_only=True):
    """Open a private side room with a person, and, listed openly, a supervisor; `leave` ends it."""

    room: Room
    user: User
    supervisor: User | None = None


class SetRoom(_Command, tag="set_room", kw_only=True):
    """Change how the room runs; fields not given stay."""

    room: Room
    topic: Line | None = None
    phase: Phase | None = None
    slow_mode: Annotated[int, Meta(ge=0, le=3_600)] | None = None
    locked: bool | None = None
    turns: bool | None = None
    hold: Hold | None = None
    key: Key | None = None


SeverityWord = Literal["none", "low", "moderate", "high", "imminent"]
Kind = Literal["message", "report", "help", "appeal"]


class Watch(_Command, tag="watch", kw_only=True):
    """Ask for the open flags of some or all rooms one is staff of, and for each change of them.

    `severity` (the least) and `kinds` choose what the answer lists; it counts all, and every change is told.
    """

    rooms: Annotated[list[Room], Meta(max_length=1_000)] | None = None
    severity: SeverityWord | None = None
    kinds: Annotated[list[Kind], Meta(max_length=8)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 200


class Attend(_Command, tag="attend", kw_only=True):
    """Say that one is with the author now."""

    flag: Flag


class Claim(_Command, tag="claim", kw_only=True):
    """Take a flag's lease, or renew it; `anyway` where a colleague had better take it, and the answer said so."""

    flag: Flag
    anyway: bool | None = None


class Unclaim(_Command, tag="unclaim", kw_only=True):
    """Give a flag's lease back."""

    flag: Flag


Action = Literal["approve", "retract", "dismiss", "warn", "mute", "remove", "ban", "escalate"]
"""What a moderator may decide."""


class Decide(_Command, tag="decide", kw_only=True):
    """Decide a claimed flag. `note` never leaves staff; `text` goes to the author."""

    flag: Flag
    action: Action
    note: Annotated[str, Meta(max_length=2_000)]
    text: Annotated[str, Meta(max_length=2_000)] | None = None
    warning: Annotated[str, Meta(max_length=200)] | None = None
    seconds: Seconds | None = None
    rev: Position | None = None


class Ban(_Command, tag="ban", kw_only=True):
    """Shut a person out of all rooms."""

    user: User
    reason: Line
    seconds: Seconds | None = None


class Unban(_Command, tag="unban", kw_only=True):
    """Lift a ban."""

    user: User
    reason: Line
    seconds: Seconds | None = None


class Appeal(_Command, tag="appeal", kw_only=True):
    """Ask for another look at a decision about oneself; somebody else than the first decides."""

    flag: Flag
    text: Annotated[str, Meta(max_length=2_000)]


class Note(_Command, tag="note", kw_only=True):
    """Keep a word for colleagues with an open flag.

    `to` hands one's claim over; `ask` asks for a second opinion, or sends it to those who safeguard children.
    """

    flag: Flag
    text: Annotated[str, Meta(min_length=1, max_length=2_000)]
    to: User | None = None
    ask: Literal["opinion", "safeguarding"] | None = None


class Evidence(_Command, tag="evidence", kw_only=True):
    """Open a decided flag's text, for a purpose that the audit trail keeps."""

    flag: Flag
    purpose: Purpose


class Audit(_Command, tag="audit", kw_only=True):
    """Read what staff did: of a room before an entry's `n`, of all rooms before a time."""

    room: Room | None = None
    user: User | None = None
    before: Position | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Duty(_Command, tag="duty", kw_only=True):
    """Say whether one is on duty, in one room or in all one is staff of, or ask who is."""

    room: Room | None = None
    state: DutyState | None = None


class FollowUp(_Command, tag="follow_up", kw_only=True):
    """Read whom to ask after; with `flag`, say that it is done."""

    room: Room | None = None
    flag: Flag | None = None
    note: Line | None = None


class Erase(_Command, tag="erase", kw_only=True):
    """Ask for a person's texts and name to be erased everywhere; a second person confirms."""

    user: User
    reason: Purpose


class BreakGlass(_Command, tag="break_glass", kw_only=True):
    """Ask to see who somebody is, saying why; once a second person confirmed the `request`, see it.

    With `room`, their messages in it, the last before `before`.
    """

    user: User | None = None
    purpose: Purpose | None = None
    request: Key | None = None
    room: Room | None = None
    before: Position | None = None


class Confirm(_Command, tag="confirm", kw_only=True):
    """Be the second person of `erase` or `break_glass`; without `request`, read what waits, and what one asked for."""

    request: Key | None = None


class Ping(_Command, tag="ping", kw_only=True):
    """Ask for a sign of life."""


class _Reserved(_Command):
    """A command whose name is taken and whose work comes later: answered "not available yet"."""

    room: Room | None = None


class Round(_Reserved, tag="round"):
    """Start a round in which everyone gets a turn."""


class Yield(_Reserved, tag="yield"):
    """Pass the turn on."""


class Schedule(_Reserved, tag="schedule"):
    """Plan sessions."""


class Feedback(_Reserved, tag="feedback"):
    """Say how the session was."""


class CreateRoom(_Reserved, tag="create_room"):
    """Make a room."""


class CloseRoom(_Reserved, tag="close_room"):
    """Close a room."""


class Invite(_Reserved, tag="invite"):
    """Make an invite."""


class Revoke(_Reserved, tag="revoke"):
    """Revoke an invite or a grant."""


class Grant(_Reserved, tag="grant"):
    """Give a role."""


class Staff(_Reserved, tag="staff"):
    """List staff."""


class Rules(_Reserved, tag="rules"):
    """Read or change rules."""


class Export(_Reserved, tag="export"):
    """Export a log."""


Command = (
    Hello
    | Profile
    | Join
    | Leave
    | Post
    | Edit
    | Retract
    | React
    | History
    | Report
    | Help
    | Hand
    | Whisper
    | Typing
    | Mute
    | Unmute
    | Remove
    | Readmit
    | Pin
    | Unpin
    | Warn
    | Card
    | Aside
    | SetRoom
    | Watch
    | Attend
    | Claim
    | Unclaim
    | Decide
    | Ban
    | Unban
    | Appeal
    | Evidence
    | Audit
    | Duty
    | FollowUp
    | Ping
    | Round
    | Yield
    | Schedule
    | Note
    | Feedback
    | CreateRoom
    | CloseRoom
    | Invite
    | Revoke
    | Grant
    | Staff
    | Rules
    | Erase
    | Export
    | BreakGlass
    | Confirm
)

COMMANDS: dict[str, type[Command]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Command)}
RESERVED = frozenset(name for name, kind in COMMANDS.items() if issubclass(kind, _Reserved))
"""Commands that are known and answered "not available yet"."""
