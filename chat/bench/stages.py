"""The server with a clock on each stage of a message's way; `python -m chat.bench.stages` is else `hearth`.

At each SIGUSR1 it writes what was spent so far to the file that `HEARTHBENCH_STAGES` names: by stage,
nanoseconds of processor time without those of the stages inside it, and calls.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from chat.bench.servers import STAGES_FILE
from chat.cli.main import main
from chat.node import context, outbox, rooms, route, saying, session
from chat.server import connection
from chat.store import broker, link, scripts
from moderation import Pipeline

TRIES: Final = 20_000

STAGES: Final[dict[str, tuple[tuple[Any, str], ...]]] = {
    "reading frames": ((connection.Connection, "data_received"), (connection.Connection, "process_event")),
    "reading the command": ((route, "decode"),),
    "judging": ((Pipeline, "judge"), (context.Context, "remarks")),
    "the command's way to the store": ((route.Line, "take"),),
    "preparing the script's call": ((saying, "_args"), (scripts, "_pack"), (saying, "pack")),
    "calling the store": ((link.Link, "_send"), (link.Link, "_flush")),
    "hearing the store": (
        (link.Link, "data_received"),
        (broker.Broker, "_hear"),
        (rooms.Room, "_deliver"),
    ),
    "making the event's frame": ((outbox.Audience, "add_entry"),),
    "writing it to every socket": ((outbox.Audience, "flush"),),
    "answering": ((saying.Saying, "_heard"), (session.Session, "send"), (session.Session, "write")),
    "the loop, its tasks and the rest": ((asyncio.BaseEventLoop, "_run_once"),),
}
"""Each stage and the functions that it is, innermost counted alone; the last holds all others."""
REST: Final = list(STAGES)[-1]

_clock = time.thread_time_ns


class Spent:
    """What each stage took so far."""

    def __init__(self) -> None:
        self.stages = {stage: [0, 0] for stage in STAGES}
        self._inside: list[int] = []

    def put_on(self, owner: Any, name: str, stage: str) -> None:
        """Put the clock on one function."""
        setattr(owner, name, self.clocked(getattr(owner, name), self.stages[stage]))

    def clocked(self, work: Callable[..., Any], count: list[int]) -> Callable[..., Any]:
        """The function with the clock on."""

        @functools.wraps(work)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = _clock()
            self._inside.append(0)
            try:
                return work(*args, **kwargs)
            finally:
                took = _clock() - began
                count[0] += took - self._inside.pop()
                count[1] += 1
                if self._inside:
                    self._inside[-1] += took

        return timed

    def own_cost(self) -> tuple[float, float]:
        """Nanoseconds that the clock itself adds to a stage, and to the one around it, with each call."""
        inner, outer = [0, 0], [0, 0]
        nothing = self.clocked(lambda: None, inner)

        def around() -> None:
            for _ in range(TRIES):
                nothing()

        self.clocked(around, outer)()
        return inner[0] / TRIES, outer[0] / TRIES

    def write(self, file: Path) -> None:
        """Write it whole."""
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps({"stages": self.stages, "clock": self.clock}), "utf-8")
        draft.rename(file)

    @functools.cached_property
    def clock(self) -> tuple[float, float]:
        """What the clock itself costs, measured once."""
        return self.own_cost()


def between(before: dict[str, Any], after: dict[str, Any]) -> dict[str, float]:
    """Microseconds a message of each stage between two readings, without what the clock itself took."""
    inner, outer = after["clock"]
    calls = {stage: after["stages"][stage][1] - before["stages"][stage][1] for stage in STAGES}
    spent = {
        stage: after["stages"][stage][0] - before["stages"][stage][0] - calls[stage] * inner
        for stage in STAGES
    }
    spent[REST] -= sum(calls.values()) * outer
    messages = calls["reading the command"] or 1
    return {stage: max(0.0, nanoseconds) / messages / 1000 for stage, nanoseconds in spent.items()}


if __name__ == "__main__":
    counted = Spent()
    for stage, functions in STAGES.items():
        for owner, name in functions:
            counted.put_on(owner, name, stage)
    file = Path(os.environ[STAGES_FILE])
    signal.signal(signal.SIGUSR1, lambda *_: counted.write(file))
    sys.exit(main())
