"""One server for all journeys, a room for each, and the clients' formats side by side."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from chat.protocol.wire import Format
from tests.journeys.people import Stage
from tests.journeys.raw import Dial, Raw
from tests.serving import SOON, Serving, configured, serving

ROOMS = 300
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


@pytest.fixture
def dial(stage: Stage) -> Dial:
    """Open a bare connection."""

    async def to_server(**options: Any) -> Raw:
        form = stage.forms[0]
        wire = await stage.stack.enter_async_context(
            connect(stage.server.url, subprotocols=[Subprotocol(form.value)], **options)
        )
        return Raw(wire, form)

    return to_server
