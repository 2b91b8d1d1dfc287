"""What earlier messages say about this one: the author's own recent ones and the room's last."""

from collections.abc import Sequence
from dataclasses import dataclass

from moderation.message import Remark
from moderation.verdict import Severity

_OWN = 8  # of the author's messages
_OWN_KEPT = 24  # of them, for how often somebody posts
_OWN_FOR = 30 * 60_000  # milliseconds
_ROOM = 6  # of others' messages
_ROOM_FOR = 10 * 60_000
_JOIN = 3  # messages that a sentence may run over before this one
_JOIN_FOR = 3 * 60_000
_SHORT = 90  # characters: a longer message is a sentence of its own
_LETTERS = 3  # characters of a message that may be a part of a spelled word
_HALF_LIFE = 10 * 60_000
_ENOUGH = 2.6  # about three statements of the same weight, of the last minutes
_BACK_FOR = 10 * 60_000  # how long a take-back is heard beside what it takes back
_FLOOD = (8, 10_000)  # messages, milliseconds
_FLOOD_STAFF = (20, 10_000)
_REPEATS = (2, 120_000)


@dataclass(frozen=True, slots=True)
class Heard:
    """The part of the context that counts for one message."""

    own: tuple[Remark, ...]
    """Oldest first."""
    room: tuple[Remark, ...]
    now: int
    own_facets: frozenset[str]
    room_facets: frozenset[str]

    def joined(self, plain: str) -> list[tuple[str, int]]:
        """Texts that run over the last messages into this one, each with where this one begins."""
        texts: list[tuple[str, int]] = []
        if len(plain) > _SHORT or not self.own:
            return texts
        parts: list[str] = []
        for remark in reversed(self.own[-_JOIN * 3 :]):
            tail = remark.reading.tail
            if not tail or self._age(remark) > _JOIN_FOR or len(tail) > _SHORT:
                break
            if len(parts) >= _JOIN and (len(tail) > _LETTERS or len(plain) > _LETTERS):
                break
            parts.insert(0, tail)
        if parts:
            before = " ".join(parts) + " "
            texts.append((before + plain, len(before)))
        return texts

    def accumulated(self, severity: Severity) -> Severity:
        """One step up where this message and the author's recent ones together weigh as three."""
        if severity in (Severity.NONE, Severity.HIGH, Severity.IMMINENT):
            return severity
        weight = 1.0
        for remark in self.own:
            if remark.reading.severity >= severity:
                weight += 0.5 ** (self._age(remark) / _HALF_LIFE)
        return Severity(severity + 1) if weight >= _ENOUGH else severity

    def taken_back(self) -> Severity:
        """The strongest of what the author said of late, which "just joking" does not clear."""
        recent = [one.reading.severity for one in self.own if self._age(one) <= _BACK_FOR]
        return Severity(max(recent, default=0))

    def crowding(self, mark: int, *, staff: bool, is_paced: bool) -> list[str]:
        """The rules on flooding and repeats that hold; messages that signal a risk are never counted."""
        if not self.now:
            return []
        calm = [one for one in self.own if one.reading.severity == 0]
        most, span = _FLOOD_STAFF if staff else _FLOOD
        found = []
        if is_paced and sum(1 for one in calm if self._age(one) <= span) >= most:
            found.append("room.flood")
        most, span = _REPEATS
        if mark and sum(1 for one in calm if one.reading.mark == mark and self._age(one) <= span) >= most:
            found.append("room.repeat")
        return found

    def _age(self, remark: Remark) -> int:
        return max(0, self.now - remark.at) if self.now and remark.at else 0


def gather(context: Sequence[Remark], author: str, now: int) -> Heard:
    """Pick what counts from the room's last messages, given oldest first."""
    own: list[Remark] = []
    room: list[Remark] = []
    for remark in reversed(context):
        if len(own) >= _OWN_KEPT and len(room) >= _ROOM:
            break
        age = now - remark.at if now and remark.at else 0
        if remark.author == author:
            if len(own) < _OWN_KEPT and age <= _OWN_FOR:
                own.append(remark)
        elif len(room) < _ROOM and age <= _ROOM_FOR:
            room.append(remark)
    own_facets = frozenset().union(*(one.reading.facets for one in own[:_OWN])) if own else frozenset()
    room_facets = frozenset().union(*(one.reading.facets for one in room)) if room else frozenset()
    return Heard(tuple(reversed(own)), tuple(reversed(room)), now, own_facets, room_facets)
