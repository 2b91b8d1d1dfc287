"""The collector looks at what is new, and at everything once as many connections have ended as are open."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from chat.server.sweep import FEW, THRESHOLDS, Sweeper, sweep
from tests.waiting import wait_until


class Ring:
    """An ended connection: it holds itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def sweeper() -> Iterator[Sweeper]:
    before = gc.get_threshold()
    sweeper = Sweeper()
    sweeper.start()
    yield sweeper
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_lives_is_set_aside(sweeper: Sweeper) -> None:
    """A pass finds nothing of what was there before it: its time goes with what is new."""
    kept = [Ring() for _ in range(10)]
    sweeper.look(alive=1, ended=FEW + 1)
    assert not any(isinstance(one, Ring) for one in gc.get_objects())
    assert len(kept) == 10


def test_ended_connections_are_freed_when_they_are_as_many_as_the_open_ones(sweeper: Sweeper) -> None:
    ring = Ring()
    freed = weakref.ref(ring)
    sweeper.look(alive=1, ended=FEW + 1)
    del ring
    sweeper.look(alive=2 * FEW, ended=3 * FEW)
    assert freed() is not None
    sweeper.look(alive=2 * FEW, ended=3 * FEW + 2)
    assert freed() is None


@pytest.mark.asyncio
async def test_a_sweep_ends_as_it_began() -> None:
    """Where a server ran inside another program, its collector is as it was."""
    before = gc.get_threshold()
    task = asyncio.create_task(sweep(lambda: (0, 0)))
    await wait_until(lambda: gc.get_threshold() == THRESHOLDS)
    task.cancel()
    await asyncio.wait([task])
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
