"""What the server says: replies to commands, and events of the room's log, of a person's private log, and of neither.

`seq`, `useq` and `at` are left at 0 by the node: the store's scripts number and date an event as they append it.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from msgspec import field

from chat.protocol.fields import Frame, Id

Wire = dict[str, Any]
"""An event as it travels: a map with a `type`, read back from a log."""


class Member(msgspec.Struct, omit_defaults=False):
    """A person as others see them."""

    id: str
    name: str
    role: str


class Reason(msgspec.Struct):
    """Why a text was not delivered as written: the rule, and one kind sentence."""

    rule: str
    text: str


class Support(msgspec.Struct, omit_defaults=False):
    """What somebody in distress gets at once: words, one to three lines, other resources.

    `neutral`: somebody else may see the screen, so the card folds to one plain line with a quick way out.
    """

    key: str
    severity: str
    seen: bool
    text: str
    helplines: list[Wire]
    resources: list[Wire]
    neutral: bool = False


# ── replies ──────────────────────────────────────────────────────────────────────────────────────


class _Reply(Frame):
    """An answer to one command, with the command's `id`."""

    id: Id = None


class Ok(_Reply, tag="ok", kw_only=True):
    """Done. `support` comes with `help`, and where words to staff carried a crisis signal.

    It is in the private log too, which nobody hears who is out of the room.
    """

    room: str | None = None
    seq: int | None = None
    note: str | None = None
    support: Support | None = None


class Error(_Reply, tag="error", kw_only=True):
    """Refused; `text` says what to do next, `support` is there where the refused text carried a crisis signal."""

    code: str
    text: str
    retry_after: float | None = None
    by: str | None = None
    support: Support | None = None
    flag: str | None = None
    agreement: Wire | None = None
    anyway: bool = False
    """Of `claim`: it can be had all the same, by `anyway`."""
    appeal: str | None = None
    """Of `banned`: whether another look at it is `possible`, was `asked` for, or is `decided`."""


class Welcome(_Reply, tag="welcome", kw_only=True):
    """The session is open."""

    user: Wire
    rooms: list[Wire]
    limits: Wire
    server: Wire
    token: str | None = None
    expires: int | None = None
    hidden: list[str] | None = None
    """Whose messages the person chose not to see."""
    avoids: list[str] | None = None
    """To staff: topics that the person would rather not take."""
    everywhere: str | None = None
    """The role held in all rooms, where there is one."""
    cards: list[Wire] | None = None
    """To staff: the toolbox from which `card` shares."""


class Joined(_Reply, tag="joined", kw_only=True):
    """In the room: what was missed, or the latest page, and how things stand."""

    room: str
    epoch: str
    head: int
    recovered: bool
    events: list[Any]
    private: Wire
    state: Wire
    members: list[Member]
    you: Wire
    count: int
    why: str | None = None


class Posted(_Reply, tag="posted", kw_only=True):
    """What became of a text. `decision` tells what staff decided of it since."""

    key: str
    verdict: str
    seq: int | None = None
    useq: int | None = None
    flag: str | None = None
    reasons: list[Reason] | None = None
    masked: bool = False
    support: Support | None = None
    decision: Wire | None = None


class Page(_Reply, tag="page", kw_only=True):
    """A stretch of a log, in order."""

    room: str | None
    events: list[Any]
    more: bool = False


class Queue(_Reply, tag="queue", kw_only=True):
    """Open flags, the most pressing first; `more`: there are others of the kind that was asked for."""

    flags: list[Wire]
    counts: Wire | None = None
    more: bool = False


class Claimed(_Reply, tag="claimed", kw_only=True):
    """The flag is the caller's until `lease_until`."""

    flag: Wire
    context: Wire
    lease_until: int


class Rota(_Reply, tag="rota", kw_only=True):
    """Who of staff is there, or said something of their duty: `room`, `id`, `name`, `role`, `duty`, `is_here`."""

    staff: list[Wire]


class Tasks(_Reply, tag="tasks", kw_only=True):
    """Whom to ask after, the longest due first: `flag`, `room`, `user`, `severity`, `owner`, `due_at`."""

    tasks: list[Wire]


class EvidenceOpened(_Reply, tag="evidence", kw_only=True):
    """The text of a decided flag, and those that had joined it; after `until` they are gone."""

    flag: str
    author: Wire
    text: str
    also: list[Wire] | None = None
    until: int | None = None


class Requested(_Reply, tag="requested", kw_only=True):
    """A second person has `until` then to confirm."""

    request: str
    until: int


class Requests(_Reply, tag="requests", kw_only=True):
    """What waits for a second person, and what the caller asked for themselves.

    Each: `request`, `what`, `user`, `name`, `by`, `reason`, `until`, and `with` once somebody confirmed it.
    """

    requests: list[Wire]


class Revealed(_Reply, tag="revealed", kw_only=True):
    """A request that waits for a second person; once confirmed, what identity there is and where, and messages."""

    request: str
    until: int
    user: Wire | None = None
    rooms: list[str] | None = None
    events: list[Any] | None = None
    more: bool = False


class Pong(_Reply, tag="pong", kw_only=True):
    """Still here."""

    time: int


Reply = (
    Ok
    | Error
    | Welcome
    | Joined
    | Posted
    | Page
    | Queue
    | Claimed
    | EvidenceOpened
    | Rota
    | Tasks
    | Requested
    | Requests
    | Revealed
    | Pong
)

# ── events of a room's log ───────────────────────────────────────────────────────────────────────


class _Logged(Frame):
    """An event in a room's one ordered log."""

    room: str = ""
    seq: int = 0
    at: int = 0


class Message(_Logged, tag="message", kw_only=True):
    """Something said. Once retracted it has no text."""

    from_: Member = field(name="from")
    text: str | None = None
    reply_to: int | None = None
    warning: str | None = None
    masked: bool = False
    reactions: dict[str, int] | None = None
    retracted: bool = False
    edits: list[int] | None = None


class Edited(_Logged, tag="edited", kw_only=True):
    """A message's new text; none once the message was retracted."""

    target: int
    text: str | None = None
    masked: bool = False


class Retracted(_Logged, tag="retracted", kw_only=True):
    """A message was taken back, by its `author` or by `staff`."""

    target: int
    by: str


class Warned(_Logged, tag="warned", kw_only=True):
    """A content warning was put before a message."""

    target: int
    warning: str


class Reacted(_Logged, tag="reacted", kw_only=True):
    """How often a reaction stands under a message now."""

    target: int
    reaction: str
    count: int


class Pinned(_Logged, tag="pinned", kw_only=True):
    """A message was pinned, `until` a time or until unpinned."""

    target: int
    until: int | None = None


class Unpinned(_Logged, tag="unpinned", kw_only=True):
    """A message was unpinned."""

    target: int


class CardShared(_Logged, tag="card", kw_only=True):
    """A coping card was shared; in a private log it has `useq`."""

    from_: Member = field(name="from")
    card: Wire
    useq: int = 0


class RoomChanged(_Logged, tag="room_changed", kw_only=True):
    """The room runs differently now: the fields that changed."""

    topic: str | None = None
    phase: str | None = None
    slow_mode: int | None = None
    locked: bool | None = None
    turns: bool | None = None
    hold: str | None = None
    closed: bool | None = None


RoomEvent = Message | Edited | Retracted | Warned | Reacted | Pinned | Unpinned | CardShared | RoomChanged

# ── events of a person's private log ─────────────────────────────────────────────────────────────


class _Private(Frame):
    """An event that one person alone is told."""

    room: str = ""
    useq: int = 0
    at: int = 0


class SupportGiven(_Private, tag="support", kw_only=True):
    """Support for a text; sent again as `seen` once a person attends. One card a key."""

    key: str
    severity: str
    seen: bool
    text: str
    helplines: list[Wire]
    resources: list[Wire]
    neutral: bool = False


class Held(_Private, tag="held", kw_only=True):
    """A text of one's own is kept from the room: it waits (`held`), or not (`blocked`), and why."""

    key: str
    reasons: list[Reason]
    flag: str
    text: str | None = None
    verdict: str | None = None


class HeldDecided(_Private, tag="held_decided", kw_only=True):
    """What became of it; also for a delivered message that staff retracted."""

    key: str
    flag: str
    action: str
    text: str
    seq: int | None = None


class Whispered(_Private, tag="whisper", kw_only=True):
    """A private word."""

    from_: Member = field(name="from")
    text: str
    to: str | None = None


class Muted(_Private, tag="muted", kw_only=True):
    """One can't post, `until` a time (0: until lifted). `flag` is what to appeal by."""

    until: int
    text: str | None = None
    flag: str = ""


class Unmuted(_Private, tag="unmuted", kw_only=True):
    """One can post again: there is no `until` any more."""

    until: None
    text: str | None = None


class Removed(_Private, tag="removed", kw_only=True):
    """One was taken out of the room, `until` a time (0: until readmitted)."""

    until: int
    text: str
    flag: str = ""


class AsideOpened(_Private, tag="aside", kw_only=True):
    """Somebody of staff offers a private side room, or, with `is_over`, it ended; `with` is the other one."""

    with_: Member = field(name="with")
    side_room: str
    supervisor: Member | None = None
    is_over: bool = False


PrivateEvent = (
    SupportGiven | Held | HeldDecided | Whispered | Muted | Unmuted | Removed | AsideOpened | CardShared
)

# ── unlogged ─────────────────────────────────────────────────────────────────────────────────────


class Presence(Frame, tag="presence", kw_only=True):
    """Who came and went since the last one."""

    room: str
    joined: list[Member]
    left: list[str]
    lost: list[str]
    count: int


class Hands(Frame, tag="hands", kw_only=True):
    """Whose hands are up, in order, and whose turn it is."""

    room: str
    queue: list[str]
    speaker: str | None


class TypingNow(Frame, tag="typing", kw_only=True):
    """Who is writing."""

    room: str
    users: list[str]


class FlagEvent(Frame, tag="flag", kw_only=True):
    """To staff: a flag as it stands now."""

    flag: str
    rev: int
    kind: str
    room: str
    state: str
    severity: str
    categories: list[str]
    reasons: list[Wire]
    author: Wire
    text: str | None
    verdict: str
    opened_at: int
    due_at: int
    reports: list[Wire]
    attended_by: list[Wire]
    seq: int | None = None
    claimed_by: Wire | None = None
    lease_until: int | None = None
    claimed_at: int | None = None
    """When it was claimed first."""
    decision: Wire | None = None
    step: int = 0
    """Calls that were made since its clock began."""
    next_at: int | None = None
    """When the next in the chain is called; none where no clock runs."""
    clock: str | None = None
    """The severity that the clock was set for."""
    clock_at: int | None = None
    also: list[Wire] | None = None
    """Refused texts of its author that joined it in a flood: `key`, `at`, `rev`, `severity`, `text`, `reasons` each."""
    escalated: int = 0
    summons: bool = False
    notes: list[Wire] | None = None
    """Words of staff to each other: `by`, `at`, `text`."""
    opinion: Wire | None = None
    """A second opinion that was asked for: `by`, `at`, and `answered_by`."""
    route: str | None = None
    """`safeguarding`: a child may be at risk."""
    routed_by: str | None = None
    """`rule`: it was sent there by what the text says, and anybody may take it still."""
    evidence_until: int | None = None
    """How long staff can open the text that was put aside when it was decided."""
    appeal: str | None = None
    """The flag by which the author asked for another look."""
    against: Wire | None = None
    """Of an appeal: `flag`, `action`, `by` and `at` of the decision that it is about."""


class Notice(Frame, tag="notice", kw_only=True):
    """Something that everyone in a room should know, or that staff are called about; it is in no log."""

    code: str
    text: str
    room: str | None = None
    flag: str | None = None
    severity: str | None = None
    step: int | None = None
    target: int | None = None
    card: str | None = None
    outlet: str | None = None
    rooms: list[Wire] | None = None
    """With `granted`: what `welcome` would tell now, and so the two after it."""
    everywhere: str | None = None
    cards: list[Wire] | None = None


class Reachable(Frame, tag="reachable", kw_only=True):
    """To staff: who of them can be reached in a room, as it stands now; each as `duty` tells of them."""

    room: str
    staff: list[Wire]


class Draining(Frame, tag="draining", kw_only=True):
    """The node is about to stop; come back after so many seconds."""

    reconnect_after: float


Unlogged = Presence | Hands | TypingNow | FlagEvent | Notice | Reachable | Draining

EVENTS: dict[str, type[Frame]] = {
    str(kind.__struct_config__.tag): kind
    for group in (RoomEvent, PrivateEvent, Unlogged)
    for kind in get_args(group)
}
REPLIES: dict[str, type[Frame]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Reply)}
