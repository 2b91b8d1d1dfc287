"""Who could be called, as far as a store was ever told."""

from collections.abc import AsyncIterator

import msgpack
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from chat.store.address import connect
from chat.store.chain import look_at_chain
from chat.store.keys import ROOMS, in_room, user_key

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="session")
async def apart(store: str) -> AsyncIterator[Redis]:
    """Another of the store's databases, with two rooms in it and nobody."""
    client = connect(store, connections=1)
    await client.select(1)
    await client.flushdb()
    for room in ("blue", "green"):
        await client.hset(ROOMS, room, msgpack.packb([1, room]))
    yield client
    await client.aclose()


async def grant(client: Redis, user: str, grants: dict[str, str]) -> None:
    await client.hset(user_key(user), "grants", msgpack.packb(grants))


async def test_a_room_without_staff_is_found(apart: Redis) -> None:
    found = await look_at_chain(apart)
    assert (found.unstaffed, found.people) == (("blue", "green"), 0)
    await grant(apart, "u_ann", {"green": "participant"})
    await grant(apart, "u_fay", {"blue": "facilitator"})
    found = await look_at_chain(apart)
    assert (found.unstaffed, found.people) == (("green",), 2)
    await grant(apart, "u_mia", {"*": "moderator"})
    assert (await look_at_chain(apart)).unstaffed == ()
    await grant(apart, "u_mia", {})
    assert (await look_at_chain(apart)).unstaffed == ("green",)


async def test_whoever_came_by_a_token_of_staff_counts(apart: Redis) -> None:
    await apart.hset(user_key("u_ann"), "seen", "")
    assert (await look_at_chain(apart)).unstaffed == ("blue", "green")
    await apart.hset(user_key("u_mia"), "seen", "moderator")
    assert (await look_at_chain(apart)).unstaffed == ()


async def test_what_was_given_up_is_counted(apart: Redis) -> None:
    for number, page in enumerate(({"tries": 1}, {"tries": 3, "dead_at": 5})):
        await apart.hset(in_room("blue", "pages"), f"f/{number}/pager", msgpack.packb(page))
    assert (await look_at_chain(apart)).given_up == 1
