"""The load's receivers find what a server must never do: figures of a server that loses messages are none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from chat.bench.load import Load, LoadError, Receiver, text_of

ROOM = "bench-0"


def frame(number: int, text: str | None = None) -> bytes:
    """The frame of a message as the server sends it."""
    event = {"type": "message", "room": ROOM, "text": text or text_of(number), "seq": number + 1}
    return json.dumps(event, separators=(",", ":")).encode()


async def deliver(*heard: Sequence[bytes]) -> Load:
    """A run of three messages, all in flight, with what each receiver heard."""
    task = {"port": 0, "rooms": [ROOM], "receivers": len(heard), "messages": 3, "window": 3}
    load = Load({**task, "is_bare": True, "pids": []})
    stage = load.stages[0]
    stage.sent = [text_of(number) for number in range(3)]
    stage.missing.extend([len(heard)] * 3)
    load.number = 3
    for frames in heard:
        receiver = Receiver(load, stage, [], "/")
        for one in frames:
            load.deliver(receiver, one)
    return load


@pytest.mark.asyncio
async def test_each_message_once_and_in_order_ends_the_run() -> None:
    """When every receiver has every message, the run is over."""
    load = await deliver([frame(0), frame(1), frame(2)], [frame(0), frame(1), frame(2)])
    assert load.over.done()
    assert load.delivered == 6


@pytest.mark.asyncio
async def test_a_lost_message_leaves_the_run_open() -> None:
    """A receiver that lacks the last message keeps the run from ending, so it fails by time."""
    load = await deliver([frame(0), frame(1), frame(2)], [frame(0), frame(1)])
    assert not load.over.done()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "heard",
    [
        pytest.param([frame(0), frame(2), frame(1)], id="out of order"),
        pytest.param([frame(0), frame(0), frame(1)], id="twice"),
        pytest.param([frame(0), frame(1, "something else")], id="changed"),
        pytest.param([frame(0), frame(1), frame(2), frame(3)], id="never sent"),
    ],
)
async def test_a_fault_is_found_by_the_first_receiver_and_by_the_others(heard: Sequence[bytes]) -> None:
    """The first receiver of a room reads texts, the others compare with it: both find the same faults."""
    with pytest.raises(LoadError):
        await deliver(heard)
    with pytest.raises(LoadError):
        await deliver([frame(0), frame(1), frame(2)], heard)


def test_texts_are_told_apart() -> None:
    """No two messages of a run have the same text, or a doubled one could pass for the next."""
    assert len({text_of(number) for number in range(10_000)}) == 10_000


@pytest.mark.asyncio
async def test_a_closed_connection_ends_the_run() -> None:
    """A receiver that is cut is a fault, not one less to wait for."""
    load = await deliver([frame(0)])
    Receiver(load, load.stages[0], [], "/").connection_lost(None)
    with pytest.raises(LoadError):
        await asyncio.wait_for(load.over, 1)
