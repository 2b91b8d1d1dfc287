"""What is true in a room, as a fold over its events: no socket, no clock, no store.

`apply` is the one meaning of every event: the Python client keeps its view with it, the tests hold the
store's own projection against it, and the page mirrors it, held to the same cases (`tests/room/cases`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from chat.protocol.fields import Role

Event = Mapping[str, Any]
"""An event as it travels: a map with a `type`."""

_CHANGEABLE = frozenset({"title", "topic", "phase", "slow_mode", "locked", "turns", "hold", "closed"})
"""What `room_changed` may carry."""


@dataclass(frozen=True, slots=True)
class State:
    """How a room stands. Compare two of them with `==`."""

    title: str = ""
    topic: str = field(default="", repr=False)
    phase: str = ""
    slow_mode: int = 0
    locked: bool = False
    turns: bool = False
    hold: str = "none"
    hands: tuple[str, ...] = ()
    speaker: str | None = None
    pins: tuple[int, ...] = ()
    """Seqs of pinned messages, the oldest message first."""
    agreement: int | None = None
    """Version of the agreement; None where the room has none."""
    reactions: tuple[str, ...] = ()
    staffed: bool = True
    """Whether anybody of staff is here: it follows presence."""
    closed: bool = False
    """Whether the room is over: staff can still enter it."""

    @classmethod
    def of(cls, wire: Event) -> State:
        """Read the `state` of a `joined` reply; what it does not name is at its default."""
        agreement = wire.get("agreement")
        return cls(
            **{name: wire[name] for name in (*_CHANGEABLE, "staffed") if wire.get(name) is not None},
            hands=tuple(wire.get("hands") or ()),
            speaker=wire.get("speaker"),
            pins=tuple(sorted(pin.get("target", pin["seq"]) for pin in wire.get("pins") or ())),
            agreement=agreement.get("version") if agreement else None,
            reactions=tuple(wire.get("reactions") or ()),
        )


def apply(state: State, event: Event) -> State:
    """The state after one event of the room's log, or `hands`. Every other event changes nothing.

    `staffed` takes the members to tell, so it is theirs to set who knows them.
    """
    match event["type"]:
        case "room_changed":
            return replace(state, **{name: event[name] for name in _CHANGEABLE & event.keys()})
        case "pinned":
            return replace(state, pins=tuple(sorted({*state.pins, event["target"]})))
        case "unpinned" | "retracted":
            return replace(state, pins=tuple(seq for seq in state.pins if seq != event["target"]))
        case "hands":
            return replace(state, hands=tuple(event["queue"]), speaker=event.get("speaker"))
    return state


def is_staffed(roles: Iterable[str]) -> bool:
    """Whether somebody of staff is among those with these roles. Staff are named in every presence event."""
    return any(role != Role.PARTICIPANT for role in roles)


class Place(Enum):
    """How an event stands to what is known of its log."""

    NEXT = "next"
    SEEN = "seen"
    GAP = "gap"
    UNLOGGED = "unlogged"


class View:
    """A room as one person sees it: its entries as they stand now, its state, and the person's private log.

    After any events the view equals what somebody who fetches everything afresh is given.
    """

    __slots__ = ("count", "entries", "epoch", "head", "members", "private", "room", "state", "uhead", "you")

    def __init__(self, room: str) -> None:
        self.room = room
        self.epoch: str | None = None
        self.head = 0
        self.uhead = 0
        self.entries: dict[int, Event] = {}
        self.private: dict[int, Event] = {}
        self.state = State()
        self.members: dict[str, Event] = {}
        self.count = 0
        self.you: Event = {}

    def enter(self, joined: Event) -> Sequence[Event]:
        """Take in a `joined` reply; return the events that were not known before.

        Where the position was not recovered, or was of another epoch, all is begun anew.
        """
        private = joined["private"]
        if not joined["recovered"] or joined["epoch"] != self.epoch:
            self.head = self.uhead = 0
            fresh = [*joined["events"], *private["events"]]
            self.entries = {entry["seq"]: entry for entry in joined["events"]}
            self.private = {entry["useq"]: entry for entry in private["events"]}
        else:
            missed = [*joined["events"], *private["events"]]
            fresh = [event for event in missed if self.place(event) is not Place.SEEN]
            for event in fresh:
                self.apply(event)
        self.epoch = joined["epoch"]
        self.head = max(joined["head"], self.head)
        self.uhead = max(private["head"], self.uhead)
        self.state = State.of(joined["state"])
        self.members = {member["id"]: member for member in joined["members"]}
        self.count = joined.get("count", len(self.members))
        self.you = joined["you"]
        return fresh

    def place(self, event: Event) -> Place:
        """Whether an event is the next of its log, was seen, or leaves a gap."""
        if event.get("useq"):
            number, head = event["useq"], self.uhead
        elif event.get("seq") and event["type"] != "flag":
            number, head = event["seq"], self.head
        else:
            return Place.UNLOGGED
        if number <= head:
            return Place.SEEN
        return Place.NEXT if number == head + 1 else Place.GAP

    def apply(self, event: Event) -> None:
        """Take in one event. An event that was seen changes nothing."""
        place = self.place(event)
        if place is Place.SEEN:
            return
        if event.get("useq"):
            self.private[event["useq"]] = event
            self.uhead = event["useq"]
            self._stand(event)
            return
        if place is not Place.UNLOGGED:
            self.head = event["seq"]
            self.entries[event["seq"]] = event
            self._change_target(event)
        if event["type"] == "presence":
            self._come_and_go(event)
        self.state = apply(self.state, event)

    def add(self, page: Iterable[Event]) -> None:
        """Take in a stretch of history, its entries as they stand.

        A page may have been read before a change that is known here already, and come after it: what is
        known to have changed these entries is applied once more, which changes nothing where the page had it.
        Entries past the head are left out: they come as events of their own.
        """
        older = [entry for entry in page if entry["seq"] <= self.head and entry["seq"] not in self.entries]
        self.entries.update({entry["seq"]: entry for entry in older})
        added = {entry["seq"] for entry in older}
        for event in self.log():
            if event.get("target") in added:
                self._change_target(event)

    def log(self) -> list[Event]:
        """The entries that are known, in order."""
        return [self.entries[seq] for seq in sorted(self.entries)]

    def _stand(self, event: Event) -> None:
        """What a private event says of one's own standing, and of a text that waited."""
        match event["type"]:
            case "muted":
                self.you = {**self.you, "muted_until": event["until"]}
            case "unmuted":
                self.you = {**self.you, "muted_until": None}
            case "held_decided":
                for useq, held in self.private.items():
                    if held["type"] == "held" and held["key"] == event["key"]:
                        self.private[useq] = _with(held, text=None)

    def _come_and_go(self, event: Event) -> None:
        for gone in (*event["left"], *event["lost"]):
            self.members.pop(gone, None)
        self.members.update({member["id"]: member for member in event["joined"]})
        self.count = event["count"]
        staffed = is_staffed(member["role"] for member in self.members.values())
        self.state = replace(self.state, staffed=staffed)

    def _change_target(self, event: Event) -> None:
        """Let an event change the entry that it is about."""
        change = _CHANGES.get(event["type"])
        target = self.entries.get(event.get("target", 0))
        if change is None or target is None or target["type"] != "message":
            return
        if target.get("retracted"):
            return
        changed = change(target, event)
        self.entries[changed["seq"]] = changed
        if event["type"] in ("edited", "retracted"):
            # What was said before is kept nowhere: not in the entries of earlier edits either.
            for seq in changed.get("edits") or ():
                if seq in self.entries:
                    said = {"text": changed.get("text"), "masked": changed.get("masked")}
                    self.entries[seq] = _with(self.entries[seq], **said)


def _with(entry: Event, **fields: Any) -> Event:
    """`entry` with other fields; those set to None, False or nothing are left out, as on the wire."""
    return {name: value for name, value in {**entry, **fields}.items() if name not in fields or value}


def _edits(entry: Event, event: Event) -> list[int]:
    return sorted({*(entry.get("edits") or ()), event["seq"]})


def _edit(entry: Event, event: Event) -> Event:
    edits = _edits(entry, event)
    if event.get("text") is None:  # the message was retracted later: that event is still to come
        return _with(entry, edits=edits)
    return _with(entry, text=event["text"], masked=event.get("masked"), edits=edits)


def _retract(entry: Event, _: Event) -> Event:
    return _with(entry, text=None, warning=None, masked=None, reactions=None, retracted=True)


def _warn(entry: Event, event: Event) -> Event:
    return _with(entry, warning=event["warning"])


def _react(entry: Event, event: Event) -> Event:
    others = {
        name: count for name, count in (entry.get("reactions") or {}).items() if name != event["reaction"]
    }
    stands = {event["reaction"]: event["count"]} if event["count"] > 0 else {}
    return _with(entry, reactions={**others, **stands})


_CHANGES = {"edited": _edit, "retracted": _retract, "warned": _warn, "reacted": _react}
"""What an event makes of the entry that it names as its `target`."""
