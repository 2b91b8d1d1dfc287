import json

import msgpack
import pytest
from redis.asyncio import Redis

from chat.store.keys import ROOMS, in_room
from tests.cli.conftest import Run, beside
from tests.stored import Scene

pytestmark = pytest.mark.asyncio


async def test_what_was_given_up_is_listed_and_tried_again(here: Run, scene: Scene, client: Redis) -> None:
    page = f"f_1.{scene.room}/2/pager"
    kept = {
        "room": scene.room, "flag": f"f_1.{scene.room}", "severity": "high", "step": 2, "target": "pager",
        "made_at": 1_000, "tries": 3, "why": "status_503", "dead_at": 2_000,
    }  # fmt: skip
    await client.hset(ROOMS, scene.room, msgpack.packb([1, "Blue"]))
    await client.hset(in_room(scene.room, "pages"), page, msgpack.packb(kept))
    listed = await beside(here, "pages", "list", "--json")
    assert [row["id"] for row in json.loads(listed.out) if row["room"] == scene.room] == [page]
    assert f"{page}\t{scene.room}\thigh" in (await beside(here, "pages", "list")).out
    assert (await beside(here, "pages", "again", page)).code == 0
    assert await client.zscore(in_room(scene.room, "clocks"), f"page:{page}") is not None
    again = await beside(here, "pages", "again", page)
    assert (again.code, "not given up" in again.err) == (1, True)
    assert (await beside(here, "pages", "again", "f_1.nowhere/1/pager")).code == 1
