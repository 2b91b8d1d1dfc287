"""Each socket gets the same bytes in one order: at once where it keeps up, else within bounds."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.node.outbox import Audience, cut_stalled
from chat.node.session import Session
from chat.protocol.wire import Format, framed, pack

LIMIT = 200_000


class Outlet:
    """One end of a real socket pair: what the kernel does not take is queued, as a transport does."""

    def __init__(self, *, is_tls: bool = False) -> None:
        self.near, self.far = socket.socketpair()
        for end in (self.near, self.far):
            end.setblocking(False)
        self.is_tls = is_tls
        self.queued = bytearray()
        self.calls = 0
        self.is_cut = False
        self.session = Session(self, Format.JSON, 0.0)

    def descriptor(self) -> int:
        return -1 if self.is_tls else self.near.fileno()

    def write(self, data: bytes) -> None:
        self.calls += 1
        done = 0
        if not self.queued:
            try:
                done = self.near.send(data)
            except OSError:
                done = 0
        self.queued += data[done:]
        if self.queued and not self.session.is_paused:
            self.session.is_paused = True
            self.on_pause()

    def on_pause(self) -> None:
        """Replaced by those who hold it in an audience."""

    def drain(self) -> bool:
        """Send what is queued; whether all went."""
        try:
            sent = self.near.send(self.queued) if self.queued else 0
        except BlockingIOError:
            sent = 0
        del self.queued[:sent]
        return not self.queued

    def read(self) -> bytes:
        """What arrived at the other end."""
        got = b""
        try:
            while part := self.far.recv(1 << 20):
                got += part
        except BlockingIOError:
            pass
        return got

    def close(self, code: int, reason: str) -> None:
        raise AssertionError((code, reason))

    def abort(self) -> None:
        self.is_cut = True

    def backlog(self) -> int:
        return len(self.queued)

    def stop_reading(self) -> None: ...

    def go_on_reading(self) -> None: ...


def join(audience: Audience, outlet: Outlet) -> None:
    outlet.on_pause = lambda: audience.set_slow(outlet.session)  # type: ignore[method-assign]  # as its room does
    audience.add(outlet.session)


@contextmanager
def outlets(count: int, *, is_tls: bool = False) -> Iterator[list[Outlet]]:
    made = [Outlet(is_tls=is_tls) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.near.close()
            one.far.close()


def entry(text: str) -> bytes:
    return pack({"type": "message", "text": text})


def frame(text: str, form: Format = Format.JSON) -> bytes:
    event = {"type": "message", "text": text}
    return framed(
        pack(event) if form is Format.MSGPACK else json.dumps(event, separators=(",", ":")).encode(), form
    )


def test_what_a_turn_brings_is_written_once() -> None:
    audience = Audience(Format.JSON, LIMIT)
    with outlets(3) as members:
        for member in members:
            join(audience, member)
        audience.add_entry(entry("one"))
        audience.add_entry(entry("two"))
        assert [member.read() for member in members] == [b""] * 3
        audience.flush()
        audience.flush()
        assert [member.read() for member in members] == [frame("one") + frame("two")] * 3
        assert [member.calls for member in members] == [0, 0, 0], "the fast path asks nobody"


def test_each_format_has_its_own_bytes() -> None:
    audience = Audience(Format.MSGPACK, LIMIT)
    with outlets(1) as (member,):
        join(audience, member)
        audience.add_entry(entry("one"))
        audience.flush()
        assert member.read() == frame("one", Format.MSGPACK)


def test_nobody_hears_what_came_before_or_after() -> None:
    audience = Audience(Format.JSON, LIMIT)
    with outlets(2) as (early, late):
        join(audience, early)
        audience.add_entry(entry("one"))
        audience.flush()
        join(audience, late)
        audience.add_entry(entry("two"))
        audience.flush()
        audience.discard(early.session)
        audience.discard(early.session)
        audience.add_entry(entry("three"))
        audience.flush()
        assert (early.read(), late.read()) == (frame("one") + frame("two"), frame("two") + frame("three"))
        audience.discard(late.session)
        assert not audience


def test_under_tls_all_goes_through_the_transport() -> None:
    audience = Audience(Format.JSON, LIMIT)
    with outlets(1, is_tls=True) as (member,):
        join(audience, member)
        audience.set_fast(member.session)
        audience.add_entry(entry("one"))
        audience.flush()
        assert (member.calls, member.read()) == (1, frame("one"))


def test_who_is_not_in_the_room_is_not_made_to_hear_by_keeping_up() -> None:
    audience = Audience(Format.JSON, LIMIT)
    with outlets(1) as (member,):
        audience.set_fast(member.session)
        audience.set_slow(member.session)
        assert not audience


def test_a_broken_socket_is_left_to_its_transport() -> None:
    audience = Audience(Format.JSON, LIMIT)
    with outlets(2) as (broken, well):
        for member in (broken, well):
            join(audience, member)
        broken.far.close()
        audience.add_entry(entry("one"))
        audience.flush()
        assert broken.calls == 1
        assert well.read() == frame("one")


def test_a_slow_reader_is_cut_at_its_limit_and_nobody_else_feels_it() -> None:
    audience = Audience(Format.JSON, LIMIT)
    with outlets(3) as (slow, *well):
        for member in (slow, *well):
            join(audience, member)
        read = [bytearray(), bytearray()]
        sent = bytearray()
        for number in range(2_000):
            text = f"{number}" * 500
            sent += frame(text)
            audience.add_entry(entry(text))
            audience.flush()
            for got, member in zip(read, well, strict=True):
                got.extend(member.read())
            assert len(slow.queued) <= LIMIT
            if slow.is_cut:
                audience.discard(slow.session)
        assert slow.is_cut
        assert slow.session.is_lost
        assert read == [sent, sent]
        assert sent.startswith(slow.read()), "what it did get is whole and in order"


@given(st.lists(st.tuples(st.integers(1, 60_000), st.booleans(), st.booleans()), max_size=40))
def test_pausing_and_going_on_never_loses_or_turns_bytes(steps: list[tuple[int, bool, bool]]) -> None:
    audience = Audience(Format.JSON, 1 << 30)
    with outlets(1) as (member,):
        member.near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        join(audience, member)
        sent = got = b""
        for size, reads, drains in steps:
            text = os.urandom(4).hex() * (size // 8 + 1)
            sent += frame(text)
            audience.add_entry(entry(text))
            audience.flush()
            if reads:
                got += member.read()
            if drains and member.drain() and member.session.is_paused:
                member.session.is_paused = False
                audience.set_fast(member.session)
        while member.queued:
            got += member.read()
            member.drain()
        assert got + member.read() == sent


@pytest.mark.parametrize(
    ("slow_since", "queued", "is_cut"),
    [
        (0.0, 0, False),
        (0.0, 999, False),
        (95.0, 10, False),
        (89.0, 1, True),
        (99.5, 101, True),
        (99.5, 100, False),
    ],
)
def test_who_takes_nothing_for_too_long_or_leaves_too_much_is_cut(
    slow_since: float, queued: int, is_cut: bool
) -> None:
    with outlets(1) as (member,):
        member.session.slow_since = slow_since
        member.queued += b"x" * queued
        assert cut_stalled([member.session], 100.0, 10, 100) == is_cut
        assert member.is_cut is is_cut
