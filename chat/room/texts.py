"""Every free text that a command carries: who else may read it, and so how it is judged. A test names what is missing.

A text that another person can read is judged, or comes from a configured set.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Readers(StrEnum):
    """Who reads a text, which settles how it is looked at."""

    ROOM = "room"
    """Everyone in the room, or one person in private: judged whole, by both answers."""
    LABEL = "label"
    """A short text that stands for something: refused where the room could not take it."""
    STAFF = "staff"
    """Staff alone: judged for what its author may need, and shown as written."""
    RECORD = "record"
    """The audit trail alone."""
    SET = "set"
    """Nobody's words: a choice from a configured set, an id or a code."""


TEXTS: Mapping[tuple[str, str], Readers] = {
    ("post", "text"): Readers.ROOM,
    ("edit", "text"): Readers.ROOM,
    ("whisper", "text"): Readers.ROOM,
    ("decide", "text"): Readers.ROOM,
    ("hello", "name"): Readers.LABEL,
    ("profile", "name"): Readers.LABEL,
    ("post", "warning"): Readers.LABEL,
    ("warn", "warning"): Readers.LABEL,
    ("decide", "warning"): Readers.LABEL,
    ("set_room", "topic"): Readers.LABEL,
    ("help", "text"): Readers.STAFF,
    ("report", "reason"): Readers.STAFF,
    ("decide", "note"): Readers.STAFF,
    ("note", "text"): Readers.STAFF,
    ("appeal", "text"): Readers.STAFF,
    ("hello", "appeal"): Readers.STAFF,
    ("mute", "reason"): Readers.RECORD,
    ("unmute", "reason"): Readers.RECORD,
    ("remove", "reason"): Readers.RECORD,
    ("readmit", "reason"): Readers.RECORD,
    ("retract", "reason"): Readers.RECORD,
    ("ban", "reason"): Readers.RECORD,
    ("evidence", "purpose"): Readers.RECORD,
    ("erase", "reason"): Readers.RECORD,
    ("break_glass", "purpose"): Readers.RECORD,
    ("unban", "reason"): Readers.RECORD,
    ("follow_up", "note"): Readers.RECORD,
    ("hello", "token"): Readers.SET,
    ("hello", "client"): Readers.SET,
    ("react", "reaction"): Readers.SET,
    ("card", "card"): Readers.SET,
    ("decide", "action"): Readers.SET,
    ("note", "ask"): Readers.SET,
    ("profile", "avoids"): Readers.SET,
    ("watch", "severity"): Readers.SET,
    ("watch", "kinds"): Readers.SET,
}
"""By command and field. Ids, keys, rooms, countries and languages are no texts: their kinds bound them."""
