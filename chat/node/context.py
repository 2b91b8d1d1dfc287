"""What was said lately in a room, as the moderation pipeline's context: held texts included."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from moderation import Pipeline, Reading, Remark

ROOM = 50
"""Texts kept of a room: its last, and among them each author's."""


def waiting_in(flag: Mapping[str, Any], known: int = 0) -> Iterator[Mapping[str, Any]]:
    """The texts of a flag that are not in the room, beyond those that it had at a `rev`, as the context takes them."""
    if not known and flag.get("verdict") != "delivered":
        yield flag
    for more in flag.get("also") or ():
        if more["rev"] > known:
            yield {"author": flag["author"], "text": more["text"], "at": more["at"]}


class Context:
    """The last texts of one room, delivered or not; readings are made when they are first asked for."""

    __slots__ = ("_fresh", "_remarks", "_seqs", "_unread")

    def __init__(self) -> None:
        self._remarks: deque[Remark] = deque(maxlen=ROOM)
        self._seqs: deque[int] = deque(maxlen=ROOM)
        """The number of each remark's message; 0 for a text that waits."""
        self._unread: deque[tuple[int, str, int, str]] = deque(maxlen=ROOM)
        self._fresh: dict[tuple[str, str], Reading] = {}
        """Readings of texts judged on this node, until they come back as events."""

    def judged(self, author: str, text: str, reading: Reading) -> None:
        """Keep the reading of a text that this node has judged and sent on."""
        if len(self._fresh) >= ROOM:
            self._fresh.clear()
        self._fresh[author, text] = reading

    def saw(self, event: Mapping[str, Any]) -> None:
        """Take a message event, or a flag with a text that waits."""
        text = event.get("text")
        if not text:
            return
        who = event.get("from") or event.get("author")
        if not isinstance(who, dict):
            return
        at = int(event.get("at") or event.get("opened_at") or 0)
        seq = int(event.get("seq") or 0) if event.get("from") else 0
        reading = self._fresh.pop((who["id"], text), None)
        if reading is not None and not self._unread:
            self._keep(seq, Remark(who["id"], at, reading))
        else:
            self._unread.append((seq, who["id"], at, text))

    def _keep(self, seq: int, remark: Remark) -> None:
        self._seqs.append(seq)
        self._remarks.append(remark)

    def forget(self, seq: int) -> None:
        """A message was taken back: its words go. What they said about their author's risk stays, as a number."""
        self._unread = deque((one for one in self._unread if one[0] != seq), ROOM)
        for place, known in enumerate(self._seqs):
            if known == seq:
                remark = self._remarks[place]
                self._remarks[place] = replace(remark, reading=replace(remark.reading, tail="", mark=0))

    def remarks(self, pipeline: Pipeline) -> tuple[Remark, ...]:
        """All of it, oldest first."""
        while self._unread:
            seq, author, at, text = self._unread.popleft()
            self._keep(seq, Remark(author, at, pipeline.read(text)))
        return tuple(self._remarks)
