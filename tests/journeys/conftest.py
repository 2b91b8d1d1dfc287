"""One server for all journeys, a room for each, and the clients' formats side by side."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from chat.protocol.wire import Format
from tests.journeys.people import Stage
from tests.serving import SOON, Serving, configured, serving

ROOMS = 150
"""A room for each run of each journey, so that none meets what another left."""


def _rooms() -> str:
    made = [
        f'[rooms.journey-{number}]\ntitle = "Journey {number}"\ncapacity = 0\nburst = 60\n'
        for number in range(ROOMS)
    ]
    full = '[rooms.small]\ntitle = "Small"\ncapacity = 1\n'
    return "\n".join([*made, full])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """A real process with its embedded store."""
    config = configured(tmp_path_factory.mktemp("journeys") / "config", rooms=_rooms())
    async with serving(config=config, env=SOON) as running:
        yield running


@pytest.fixture(scope="session")
def rooms() -> Iterator[int]:
    """Numbers of rooms that nobody was in yet."""
    return iter(itertools.count())


@pytest_asyncio.fixture(params=[Format.JSON, Format.MSGPACK], ids=["json-first", "msgpack-first"])
async def stage(
    request: pytest.FixtureRequest, server: Serving, rooms: Iterator[int]
) -> AsyncIterator[Stage]:
    """A room of one's own; at the end everybody in it must have seen the same."""
    async with AsyncExitStack() as stack:
        here = Stage(server, f"journey-{next(rooms)}", request.param, stack)
        yield here
        await here.settle()
