"""Waiting for what must come true, never for time to pass."""

import asyncio
from collections.abc import Awaitable, Callable


async def wait_until(
    predicate: Callable[[], bool | Awaitable[bool]],
    timeout: float = 10,  # noqa: ASYNC109 - this is what a test waits with
) -> None:
    """Return as soon as `predicate()` holds; fail after `timeout` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        held = predicate()
        if held if isinstance(held, bool) else await held:
            return
        if asyncio.get_running_loop().time() >= deadline:
            raise AssertionError(f"still not true after {timeout} s: {predicate}")
        await asyncio.sleep(0.01)
