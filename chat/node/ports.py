"""What the node asks of the world outside: a store that keeps and publishes, a socket that carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Args = dict[str, Any]
"""Arguments or reply of one of the store's scripts; the contract stands at the head of the script."""

Hear = Callable[[int, bytes], None]
"""Gets what is published on a channel: the number in its log (0: it is in none), and the event's bytes."""


class Unavailable(Exception):
    """The store did not answer: what was asked may or may not have been done."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A room as the store holds it at one moment."""

    room: Mapping[str, str]
    """The projection of its state; empty where there is no such room."""
    head: int
    pins: Mapping[int, int]
    """Pinned seq to the time at which the pin ends, 0 for none."""
    hands: Sequence[str]
    here: Sequence[Mapping[str, Any]]
    """Who is present: `id`, `name`, `role` each."""


@dataclass(frozen=True, slots=True)
class Person:
    """What the store knows of somebody in all rooms."""

    id: str
    name: str = field(default="", repr=False)
    country: str = ""
    language: str = ""
    hidden: tuple[str, ...] = ()
    avoids: tuple[str, ...] = ()
    """Topics of flags that somebody of staff would rather not take."""
    grants: Mapping[str, str] | None = None
    """The newest grants that the store was told of, or None where there are none."""
    granted_at: int = 0
    seen: str = ""
    """The strongest role with which they last said hello; nothing where that was a participant's."""
    banned: int | None = None
    """End of a ban in milliseconds, 0 until lifted; None where there is none."""
    ban_flag: str = ""
    """The flag that accounts for the ban, by which it is appealed."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What an invite opened."""

    user: str
    room: str
    role: str
    at: int
    name: str = field(repr=False)


class Broker(Protocol):
    """The rooms' logs: appended to, published from and read by number."""

    node: str

    @property
    def is_healthy(self) -> bool:
        """Whether the store answers and this node hears its own canary."""

    def accept(self, room: str, args: Args, heard: Callable[[Args | Unavailable], None]) -> None:
        """Take one judged text to where its verdict sends it; `heard` gets the answer in the turn that brings it."""

    async def act(self, room: str, args: Args) -> Args:
        """Change a room, or a person's standing in it."""

    async def decide(self, room: str, args: Args) -> Args:
        """Take one step of a flag's review."""

    async def presence(self, room: str, args: Args) -> Args:
        """Enter, leave, or say who is still here."""

    async def clock(self, room: str, args: Args) -> Args:
        """See what is due in a room, or take one thing that is."""

    async def due(self, rooms: Sequence[str]) -> tuple[int, Mapping[str, int]]:
        """The store's time, and for each room when its next clock is due; rooms without one are left out."""

    def subscribe(self, room: str, kind: str, hear: Hear, caught_up: Callable[[], None]) -> None:
        """Hear a channel; `caught_up` is called at each confirmation: read the log from where you are."""

    def unsubscribe(self, room: str, kind: str) -> None:
        """Hear it no more."""

    def publish(self, room: str, kind: str, payload: bytes) -> None:
        """Send what is in no log."""

    async def epoch(self) -> str:
        """The store's epoch as it stands now."""

    async def rooms(self) -> Mapping[str, str]:
        """All rooms and their titles, in the order made."""

    async def snapshot(self, room: str) -> Snapshot:
        """The room as it stands now."""

    async def head(self, room: str, user: str | None = None) -> int:
        """The last number of the room's log, or of a person's private log in it."""
        ...

    async def read(self, room: str, user: str | None, first: int, last: int) -> list[tuple[int, bytes]]:
        """Entries of a log from `first` to `last`, both included, in order."""

    async def entries(self, room: str, numbers: Sequence[int]) -> list[bytes]:
        """Single entries of the room's log."""

    async def heads(self, rooms: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
        """By room: the last number of its log, then of each named person's."""

    async def standing(self, room: str, user: str) -> Mapping[str, str]:
        """A person's role, mute, removal and ban in a room."""

    async def add_room(self, room: str, state: Mapping[str, str], title: str, epoch: str) -> bool:
        """Make a room; False where it stands already."""

    async def drop_room(self, room: str) -> None:
        """List a room no more; what it holds stays."""

    async def is_writable(self) -> bool:
        """A timed write and read."""


class People(Protocol):
    """Who people are, in all rooms."""

    async def person(self, user: str) -> Person:
        """What is known of somebody; of a stranger only the id."""

    async def remember(self, user: str, fields: Mapping[str, Any]) -> None:
        """Keep what a person chose."""

    async def take_name(self, user: str, name: str) -> bool:
        """Make a name this person's alone; False where somebody else has it."""

    async def redeem(self, code: str, user: str, name: str, country: str, language: str) -> Redeemed | str:
        """Use an invite, or an error code where it can't be used. The same `user` gets the same answer."""

    async def invite(self, room: str, *, role: str, most: int, expires: int, label: str = "") -> str:
        """Make an invite for `most` people until `expires` (0: no limit), and return its code."""

    async def connected(self, user: str, here: int, most: int) -> bool:
        """Tell how many connections of a person this node has, a new one among them.

        False where there are over `most` (0: no limit) on all nodes.
        """

    async def counted(self, user: str, here: int) -> None:
        """Tell how many are left."""

    async def ban(self, user: str, till: int | None, flag: str = "") -> None:
        """Note a ban and its flag (or its end, None) for all nodes; the rooms are told one by one."""

    async def asides(self, user: str) -> Mapping[str, str]:
        """The side rooms that a person is in, with their role in each."""

    async def enter_aside(self, user: str, side: str, role: str) -> None:
        """Let a person into a side room."""

    async def leave_aside(self, user: str, side: str) -> None:
        """Let them out for good."""

    def on_change(self, hear: Callable[[str], None]) -> None:
        """Hear of each person whose rights changed."""

    async def ask(self, what: str, user: str, by: Mapping[str, str], reason: str) -> tuple[str, int]:
        """Keep what takes two people, for an hour; its id, and when it ends."""

    async def request(self, request: str) -> Args | None:
        """What was asked, with `with` once somebody confirmed it; None where it ended."""

    async def requests(self) -> list[Args]:
        """What was asked within the hour, confirmed or not."""

    async def confirm(self, request: str, by: Mapping[str, str]) -> bool:
        """Be the second person; False where another one was."""

    async def tell_request(self, code: str, user: str, by: str) -> None:
        """Tell all nodes that somebody asked for what takes two people, or confirmed it."""

    def on_request(self, hear: Callable[[Mapping[str, str]], None]) -> None:
        """Hear of it: `code`, `user` whom it is about, `by` whose doing it is."""

    async def expose(self, user: str, severity: str) -> tuple[Mapping[str, int], str]:
        """Count a text that somebody of staff read; all of today's by severity, and the last."""

    async def exposure(self, user: str) -> tuple[Mapping[str, int], str]:
        """The same without another one."""

    async def came_by(self, user: str) -> str:
        """The label of the invite that somebody came by."""


class Erasing(Protocol):
    """Takes a person out of everything that is kept."""

    async def erase(self, user: str, by: Mapping[str, str], second: Mapping[str, str], reason: str) -> int:
        """All texts and names of a person, in every room; how many messages were taken out."""


class Review(Protocol):
    """Flags and what staff did with them."""

    async def flag(self, room: str, flag: str) -> Args | None:
        """One flag as it stands now."""

    async def open_flags(self, rooms: Sequence[str]) -> list[Args]:
        """Open flags of these rooms, the most pressing first."""

    async def leases_before(self, room: str, at: int) -> list[str]:
        """Claimed flags whose lease ends before a time."""

    async def flags_of(self, room: str, user: str, limit: int) -> list[Args]:
        """Flags about one person, the newest first."""

    async def follow_ups(self, rooms: Sequence[str]) -> list[Args]:
        """Whom somebody is to ask after, the longest due first."""

    async def audit(self, room: str, before: int, limit: int) -> list[Args]:
        """What staff did, in order: the last `limit` entries before a number (0: the newest)."""

    async def audit_before(self, room: str, at: int) -> int:
        """The number of a room's first entry at or after a time, or one past the last."""


class NotSent(Exception):
    """A call outside did not arrive, as far as anybody can tell; one word says why."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Page:
    """A call to people outside: that somebody is needed, and where. It holds nothing that anybody wrote."""

    call: str
    """The same for each try, so that whoever gets it twice knows it."""
    room: str
    flag: str
    severity: str
    step: int
    at: int
    """When the call was made, in milliseconds."""
    on_call: tuple[str, ...] = ()
    """Who said that they are on call."""


class Pager(Protocol):
    """The ways outside, by their names."""

    @property
    def targets(self) -> Sequence[str]:
        """All names."""

    async def send(self, target: str, page: Page) -> None:
        """Call one target. Raises NotSent."""


class Outlet(Protocol):
    """One connection's way out."""

    def write(self, data: bytes) -> None:
        """Send whole WebSocket frames, as they are."""

    def close(self, code: int, reason: str) -> None:
        """Close with a code."""

    def abort(self) -> None:
        """Cut the connection at once, unread bytes and all."""

    def backlog(self) -> int:
        """Bytes that wait to be sent."""

    def descriptor(self) -> int:
        """The socket's file descriptor, where its bytes are what `write` sends; -1 where not (TLS)."""

    def stop_reading(self) -> None:
        """Read no more for now."""

    def go_on_reading(self) -> None:
        """Read on."""
