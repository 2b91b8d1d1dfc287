"""Python's cycle collector, at moments of this program's choosing and over what is new.

By itself it looks through all that thousands of members hold each time that some more have come: a fifth of a
second for three thousand, in the middle of whatever was under way.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

LOOK_EVERY = 0.25
THRESHOLDS = (5_000, 5, 1_000_000_000)
"""New objects before a pass over them; such passes before one over what they left; never one over all."""
FEW = 500
"""Ended connections, fewer than which are not worth a pass over everything."""


class Sweeper:
    """What was looked through once and is alive is set aside, and not looked through again.

    Ended connections are cycles that were set aside while they lived. When as many have ended as are open,
    all is looked through: garbage never outgrows what is in use, and all of them share the price of the pass.
    """

    def __init__(self) -> None:
        self._ended = 0

    def start(self) -> None:
        """What start-up made stays for good."""
        gc.set_threshold(*THRESHOLDS)
        gc.collect()
        gc.freeze()

    def look(self, *, alive: int, ended: int) -> None:
        """Collect where it is time to; `ended` counts all connections that ever did."""
        if ended - self._ended > max(alive, FEW):
            self._ended = ended
            gc.unfreeze()
        elif gc.get_count()[2] == 0:
            return
        gc.collect()
        gc.freeze()


async def sweep(count: Callable[[], tuple[int, int]]) -> None:
    """Keep looking until cancelled; `count` gives the connections that are open and those that ended."""
    before = gc.get_threshold()
    sweeper = Sweeper()
    sweeper.start()
    try:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            alive, ended = count()
            sweeper.look(alive=alive, ended=ended)
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
