"""Fan-out: what a loop turn brings for a room is joined and written once to each socket.

An event is framed once a format. While a socket's kernel buffer takes everything, its session is in the
fast set and a delivery is one bare system call; when not, it is in the slow set, where its bytes queue behind
those that wait already and its backlog is looked at each time. Sockets under TLS are always there: what they
take is not what goes out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from chat.node.session import Session
from chat.protocol.wire import Format, framed, transcode


class Audience:
    """The sessions of one room that read one format."""

    __slots__ = ("backlog", "fast", "form", "pending", "slow")

    def __init__(self, form: Format, backlog: int) -> None:
        self.form = form
        self.backlog = backlog
        self.fast: dict[Session, int] = {}
        """Sessions for which nothing waits, with the descriptors of their sockets."""
        self.slow: set[Session] = set()
        self.pending: list[bytes] = []

    def add(self, session: Session) -> None:
        """Let a session hear from now on; what waits was written already."""
        self.slow.add(session)
        if not session.is_paused:
            self.set_fast(session)

    def discard(self, session: Session) -> None:
        """Let it hear no more."""
        self.fast.pop(session, None)
        self.slow.discard(session)

    def set_slow(self, session: Session) -> None:
        """Look at its backlog from now on."""
        if self.fast.pop(session, None) is not None:
            self.slow.add(session)

    def set_fast(self, session: Session) -> None:
        """It keeps up again."""
        descriptor = session.outlet.descriptor()
        if session in self.slow and descriptor >= 0:
            self.slow.discard(session)
            self.fast[session] = descriptor

    def __len__(self) -> int:
        return len(self.fast) + len(self.slow)

    def add_entry(self, entry: bytes) -> None:
        """Queue an event for this turn's write."""
        self.pending.append(framed(transcode(entry, self.form), self.form))

    def flush(self, answered: Iterable[Session] = ()) -> None:
        """Write what waits, in one write a socket: with their replies for those who were answered in this turn.

        A session over its backlog is cut: it comes back by position.
        """
        pending = self.pending
        if not pending:
            return
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        self.pending = []
        # The slow ones first taken down: a socket that pauses below has its bytes already.
        slow = tuple(self.slow) if self.slow else ()
        own = {session: self.fast.pop(session) for session in answered if session in self.fast}
        size, write = len(data), os.write
        late: list[tuple[Session, int]] = []
        for session, descriptor in self.fast.items():
            try:
                done = write(descriptor, data)
            except OSError:  # full, or broken: the transport finds out which
                done = 0
            if done != size:
                late.append((session, done))
        for session, done in late:
            session.outlet.write(data[done:])
        if own:
            self.fast.update(own)
            for session in own:
                session.write(data)
        for session in slow:
            if session.outlet.backlog() + len(data) > self.backlog:
                session.cut()
            else:
                session.write(data)


def cut_stalled(sessions: Iterable[Session], now: float, patience: float, backlog: int) -> int:
    """Cut each session whose socket took nothing for `patience` seconds, or that is over its backlog.

    How many.
    """
    stalled = [
        session
        for session in sessions
        if session.is_stalled(now, patience) or (session.slow_since and session.outlet.backlog() > backlog)
    ]
    for session in stalled:
        session.cut()
    return len(stalled)
