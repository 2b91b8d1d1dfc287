"""The stages of a message's way are those that the code has, and their clocks take themselves off."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chat.bench.servers import hearth, run_load, spent
from chat.bench.stages import REST, STAGES, Spent, between

SHAPE: dict[str, Any] = {"rooms": ["bench-0"], "receivers": 2, "window": 1, "messages": 20, "is_bare": False}


@pytest.mark.skipif(sys.platform != "linux", reason="reads processor time from Linux's /proc")
def test_a_message_goes_through_every_stage(tmp_path: Path) -> None:
    """A function that was renamed or is gone round would leave its stage empty."""
    stages = tmp_path / "stages"
    with hearth(tmp_path / "server", SHAPE["rooms"], stages=stages) as server:
        before = spent(server, stages)
        run_load(server, {**SHAPE, "tokens": server.tokens(2, SHAPE["rooms"])})
        after = spent(server, stages)
    for stage in STAGES:
        assert after["stages"][stage][1] - before["stages"][stage][1] >= (stage != REST) * SHAPE["messages"]
    assert sum(between(before, after).values()) > 0


def test_time_counts_once() -> None:
    """What a stage spends inside another is not the other's."""
    counted = Spent()
    inner, outer = [0, 0], [0, 0]

    def work() -> None:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass

    counted.clocked(counted.clocked(work, inner), outer)()
    assert inner[0] > outer[0]
    assert inner[1] == outer[1] == 1


def test_the_clocks_own_cost_is_taken_off() -> None:
    """From the stage that was called, and from what was around it."""
    nothing = {stage: [0, 0] for stage in STAGES}
    read = {**nothing, "reading the command": [500_000, 100], REST: [900_000, 1]}
    found = between({"stages": nothing}, {"stages": read, "clock": (1_000, 2_000)})
    assert found["reading the command"] == 4.0
    assert found[REST] == (900_000 - 1_000 - 101 * 2_000) / 100 / 1000
