"""Each entry of a log is delivered once and in order, whatever is published, lost, repeated or refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.node.follower import Follower
from chat.node.ports import Unavailable
from tests.waiting import wait_until

loop = pytest.mark.asyncio


class Log:
    """A log in memory, and who follows it."""

    def __init__(self, head: int = 0) -> None:
        self.head = head
        self.gone: set[int] = set()
        self.failures = 0
        self.reads: list[tuple[int, int]] = []
        self.delivered: list[int] = []
        self.follower = Follower(self._read, self._deliver)

    async def _read(self, first: int, last: int) -> list[tuple[int, bytes]]:
        self.reads.append((first, last))
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise Unavailable
        return [(n, str(n).encode()) for n in range(first, min(last, self.head) + 1) if n not in self.gone]

    def _deliver(self, number: int, entry: bytes) -> None:
        assert entry == str(number).encode()
        self.delivered.append(number)

    def hear(self, number: int) -> None:
        """What the store publishes exists by then."""
        self.head = max(self.head, number)
        self.follower.hear(number, str(number).encode())


@loop
async def test_the_next_is_delivered_at_once_and_unread() -> None:
    log = Log()
    log.follower.start(0)
    for number in (1, 2, 3):
        log.hear(number)
    assert (log.delivered, log.reads) == ([1, 2, 3], [])


@loop
async def test_what_was_seen_is_dropped() -> None:
    log = Log(5)
    log.follower.start(5)
    for number in (6, 6, 3, 5, 7, 6):
        log.hear(number)
    assert (log.delivered, log.reads) == ([6, 7], [])


@loop
async def test_a_gap_is_read_first() -> None:
    log = Log()
    log.follower.start(0)
    log.hear(1)
    log.hear(4)
    assert log.delivered == [1]
    log.hear(5)
    await log.follower.caught_up()
    assert log.delivered == [1, 2, 3, 4, 5]
    log.hear(6)
    assert log.delivered[-1] == 6


@loop
async def test_what_is_heard_before_the_start_is_known_waits_for_it() -> None:
    log = Log(2)
    log.hear(3)
    log.hear(4)
    assert log.delivered == []
    log.follower.start(2)
    await log.follower.caught_up()
    assert log.delivered == [3, 4]


@loop
async def test_what_retention_took_is_passed_over() -> None:
    log = Log(10)
    log.gone = {2, 3, 10}
    log.follower.start(0)
    log.follower.reach(10)
    await log.follower.caught_up()
    assert log.delivered == [1, 4, 5, 6, 7, 8, 9]
    assert log.follower.head == 10


@loop
async def test_a_long_gap_is_read_in_stretches() -> None:
    log = Log(1_201)
    log.follower.start(0)
    log.follower.reach(1_201)
    await log.follower.caught_up()
    assert log.reads == [(1, 500), (501, 1_000), (1_001, 1_201)]
    assert log.delivered == list(range(1, 1_202))


@loop
async def test_a_store_that_is_away_is_asked_again() -> None:
    log = Log(3)
    log.failures = 2
    log.follower.start(0)
    log.follower.reach(3)
    await wait_until(lambda: log.delivered == [1, 2, 3])
    assert len(log.reads) == 3


@loop
async def test_one_entrys_fault_keeps_back_none_after_it() -> None:
    seen: list[int] = []

    def deliver(number: int, _: bytes) -> None:
        seen.append(number)
        if number == 2:
            raise RuntimeError

    async def read(first: int, last: int) -> list[tuple[int, bytes]]:
        return [(number, b"") for number in range(first, last + 1)]

    follower = Follower(read, deliver)
    follower.start(0)
    follower.reach(3)
    await follower.caught_up()
    follower.hear(4, b"")
    assert seen == [1, 2, 3, 4]


@loop
async def test_stopping_ends_it_and_whoever_waits() -> None:
    log = Log(3)
    log.follower.start(0)
    log.follower.reach(3)
    log.follower.stop()
    async with asyncio.timeout(5):
        await log.follower.caught_up()
    assert log.delivered == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.booleans()),
        st.tuples(st.just("repeat"), st.integers(0, 8)),
        st.tuples(st.just("poll"), st.none()),
        st.tuples(st.just("turn"), st.none()),
    ),
    max_size=60,
)


@given(start=st.integers(0, 5), begin=st.integers(0, 10), steps=STEPS)
def test_any_weather(start: int, begin: int, steps: list[tuple[str, int | bool | None]]) -> None:
    """Published frames are lost and come again, the head is polled, reads take their time."""

    async def run() -> None:
        log = Log(start)
        for step, (kind, value) in enumerate(steps):
            if step == begin:
                log.follower.start(start)
            if kind == "append":
                log.head += 1
                if value:
                    log.hear(log.head)
            elif kind == "repeat" and log.head > 0:
                log.hear(max(1, log.head - int(value or 0)))
            elif kind == "poll":
                log.follower.reach(log.head)
            else:
                await asyncio.sleep(0)
        if begin >= len(steps):
            log.follower.start(start)
        log.follower.reach(log.head)
        await log.follower.caught_up()
        assert log.delivered == list(range(start + 1, log.head + 1))

    asyncio.run(run())
