"""The audit trail's proof: each room's entries in a keyed chain, the chains' heads in signed anchors.

Keys are made from the token key, one for each room and one for anchors. The room's travels with each call of a script
that writes an entry and is kept nowhere; the anchors' never leaves the node.

Whoever holds the store's files, or may write in it, can change, remove, reorder or cut no entry unseen.
Whoever can also watch the store's calls, or put all of it back to an earlier state, is found by the anchors alone: as
far as the newest that is out of their reach (the data directory's, another node's, an export's).
Whoever has the token key can forge everything: keep it apart from the store and its backups.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chat.protocol.wire import unpack_or_none

_BLOCK = 64
"""Bytes of a block of SHA-1: what HMAC's two keys are padded to."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a trail that is not as it was written."""

    room: str
    n: int
    """The entry's number; 0 where it is about the whole trail."""
    what: str


@dataclass(frozen=True, slots=True)
class Trail:
    """A room's trail as it was found."""

    room: str
    entries: Sequence[bytes | None]
    """What stands at the numbers from 1 to the head's."""
    words: Mapping[int, str]
    """Notes and reasons, kept apart from their entries: they go when their person is erased."""
    kept: int
    """How many entries there are, counted."""
    chain: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where a room's trail ends."""

    n: int
    chain: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The heads of all rooms' trails at one moment, signed."""

    at: int
    heads: Mapping[str, Head]


class Seals:
    """All that is done with keys made from the token key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._made: dict[str, bytes] = {}

    def _key(self, purpose: str) -> bytes:
        if purpose not in self._made:
            self._made[purpose] = hmac.digest(self._secret, b"hearth " + purpose.encode(), "sha256")
        return self._made[purpose]

    def pads(self, room: str) -> bytes:
        """The room's key as HMAC-SHA1's inner and outer block: a script has no other HMAC."""
        key = self._key(f"audit {room}").ljust(_BLOCK, b"\0")
        return bytes(byte ^ 0x36 for byte in key) + bytes(byte ^ 0x5C for byte in key)

    def of_entry(self, room: str, entry: bytes) -> str:
        """An entry's own digest, which the next one carries."""
        return self._mac(room, b"e" + entry)

    def of_words(self, room: str, n: int, words: str) -> str:
        """The digest of an entry's note or reason."""
        return self._mac(room, f"w{n}:{words}".encode())

    def of_head(self, room: str, head: Head) -> str:
        """The digest of where the trail ends: a shorter one has none that fits."""
        return self._mac(room, f"h{head.n}:{head.chain}".encode())

    def _mac(self, room: str, data: bytes) -> str:
        return hmac.new(self._key(f"audit {room}"), data, "sha1").hexdigest()

    # ── anchors ──────────────────────────────────────────────────────────────────────────────────

    def anchor(self, at: int, heads: Mapping[str, Head]) -> str:
        """An anchor as one line of JSON."""
        told = {"at": at, "heads": {room: [head.n, head.chain] for room, head in sorted(heads.items())}}
        return _line({**told, "sign": self._sign(told)})

    def read_anchor(self, line: str) -> Anchor | None:
        """What a line says; None where it is not exactly what this key wrote."""
        try:
            told = json.loads(line)
            sign = told.pop("sign")
            heads = {room: Head(n, chain) for room, (n, chain) in told["heads"].items()}
            is_ours = hmac.compare_digest(sign, self._sign(told))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return Anchor(told["at"], heads) if is_ours and _line({**told, "sign": sign}) == line else None

    def _sign(self, told: Mapping[str, Any]) -> str:
        return hmac.new(self._key("anchor"), _line(told).encode(), "sha256").hexdigest()


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def heads_of(ends: Mapping[str, tuple[int, str]]) -> dict[str, Head]:
    """Heads from pairs of number and digest."""
    return {room: Head(*end) for room, end in ends.items()}


def head_of(trail: Trail) -> Head:
    """Where a trail ends by its own word."""
    return Head(len(trail.entries), trail.chain)


def check(seals: Seals, trail: Trail, anchors: Iterable[Anchor]) -> list[Fault]:
    """Everything about a trail that is not as it was written; nothing where it is whole."""
    faults: list[Fault] = []

    def found(n: int, what: str) -> None:
        faults.append(Fault(trail.room, n, what))

    digests = [""]
    events: list[Mapping[str, Any]] = []
    for n, entry in enumerate(trail.entries, 1):
        event = unpack_or_none(entry) if entry is not None else None
        if entry is None:
            found(n, "is missing")
        elif event is None:
            found(n, "can't be read")
        elif event.get("n") != n or event.get("room") != trail.room:
            found(n, "is another entry's")
        elif event.get("prev") != digests[-1]:
            found(n, "does not follow the one before: either was changed")
        events.append(event or {})
        digests.append(seals.of_entry(trail.room, entry) if entry is not None else "")
    if trail.kept != len(trail.entries):
        found(0, f"has {trail.kept} entries and counts {len(trail.entries)}")
    if trail.chain != digests[-1]:
        found(len(trail.entries), "is not the one that was written last")
    if trail.sealed != (seals.of_head(trail.room, head_of(trail)) if trail.entries else ""):
        found(0, "does not end where it was sealed: entries were cut off or added")
    faults += _check_words(seals, trail, events)
    for anchor in anchors:
        head = anchor.heads.get(trail.room)
        if head is None or head.n == 0:
            continue
        if head.n >= len(digests):
            found(head.n, "was there when it was anchored, and is gone (or an older backup was restored)")
        elif digests[head.n] != head.chain:
            found(head.n, "is not the one that was anchored")
    return list(dict.fromkeys(faults))


def _check_words(seals: Seals, trail: Trail, events: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """Words are as they were sealed, or went with their person."""
    faults = []
    erased = {event.get("user"): n for n, event in enumerate(events, 1) if event.get("action") == "erase"}
    for n, event in enumerate(events, 1):
        words, sealed = trail.words.get(n), event.get("words")
        if words is None and sealed is not None and erased.get(event.get("user"), 0) < n:
            faults.append(Fault(trail.room, n, "has lost its words"))
        elif words is not None and (sealed is None or seals.of_words(trail.room, n, words) != sealed):
            faults.append(Fault(trail.room, n, "has other words than it was written with"))
    return faults + [
        Fault(trail.room, n, "has words and no entry") for n in trail.words if not 0 < n <= len(events)
    ]
