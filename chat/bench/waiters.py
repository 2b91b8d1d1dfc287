"""Members that join a room and then only read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from chat.bench.load import Load

SETTLE = 2.0
"""Seconds in which arrivals are told and buffers are given back."""


@asynccontextmanager
async def join_many(port: int, room: str, tokens: Sequence[str]) -> AsyncIterator[None]:
    """Keep one connection a token joined to the room for as long as this lasts."""
    load = Load(
        {
            "port": port,
            "rooms": [room],
            "receivers": len(tokens),
            "messages": 0,
            "window": 0,
            "tokens": tokens,
        }
        | {"is_bare": False, "pids": []}
    )
    stage = load.stages[0]
    await load.connect_all()
    await asyncio.sleep(SETTLE)
    try:
        yield
    finally:
        load.is_over = True
        for receiver in stage.receivers:
            receiver.transport.abort()
