import json

import msgpack
import pytest
from redis.asyncio import Redis

from chat.store.keys import ROOMS, in_room
from chat.store.review import Review
from tests.cli.conftest import Run, beside
from tests.stored import Scene

pytestmark = pytest.mark.asyncio


async def give_up(scene: Scene, client: Redis, page: str) -> None:
    """A call outside that was tried in vain."""
    kept = {
        "room": scene.room, "flag": f"f_1.{scene.room}", "severity": "high", "step": 2, "target": "pager",
        "made_at": 1_000, "tries": 3, "why": "status_503", "dead_at": 2_000,
    }  # fmt: skip
    await client.hset(ROOMS, scene.room, msgpack.packb([1, "Blue"]))
    await client.hset(in_room(scene.room, "pages"), page, msgpack.packb(kept))


async def listed(here: Run, scene: Scene) -> list[str]:
    """Those of the room that are listed."""
    done = await beside(here, "pages", "list", "--json")
    return [row["id"] for row in json.loads(done.out) if row["room"] == scene.room]


async def test_what_was_given_up_is_listed_and_tried_again(here: Run, scene: Scene, client: Redis) -> None:
    page = f"f_1.{scene.room}/2/pager"
    await give_up(scene, client, page)
    assert await listed(here, scene) == [page]
    assert f"{page}\t{scene.room}\thigh" in (await beside(here, "pages", "list")).out
    assert (await beside(here, "pages", "again", page)).code == 0
    assert await client.zscore(in_room(scene.room, "clocks"), f"page:{page}") is not None
    again = await beside(here, "pages", "again", page)
    assert (again.code, "not given up" in again.err) == (1, True)
    assert (await beside(here, "pages", "again", "f_1.nowhere/1/pager")).code == 1


async def test_what_was_looked_at_is_dismissed(
    here: Run, scene: Scene, client: Redis, review: Review
) -> None:
    pages = [f"f_1.{scene.room}/{step}/pager" for step in range(3)]
    for page in pages:
        await give_up(scene, client, page)
    assert (await beside(here, "pages", "dismiss", pages[0])).out == "1 dismissed.\n"
    assert await listed(here, scene) == pages[1:]
    again = await beside(here, "pages", "dismiss", pages[0])
    assert (again.code, "not given up" in again.err) == (1, True)
    assert (await beside(here, "pages", "dismiss", "--all")).code == 0
    assert await listed(here, scene) == []
    entry = (await review.audit(scene.room, 0, 1))[0]
    assert (entry["action"], entry["by"]["role"], entry["why"]) == ("page_dismissed", "admin", "status_503")
