"""Limits hold over all nodes and connections of a person (I18)."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.conftest import Reach
from tests.faults.rig import AWAY, ROOM, Client, Refused, dial, messages_of, new_user, two_nodes, words

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

LIMITED = {"HEARTH_LIMITS__RATE_SECONDS": "1", "HEARTH_LIMITS__CONNECTIONS": "10"}


async def test_posts_are_limited_over_nodes_and_connections(tmp_path: Path, reach: Reach) -> None:
    """Flooding from four connections on two nodes gives no more than the burst, and one a second after it."""
    async with two_nodes(tmp_path, first=LIMITED) as (a, b, _):
        for _ in range(reach(2, 20)):
            user = new_user("participant")
            async with AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(node.client(user=user)) for node in (a, b, a, b)]
                refused: list[float] = []

                async def flood(index: int, client: Client) -> None:
                    for number in range(40):
                        frame = await client.ask(
                            "post", room=ROOM, key=f"{index}-{number}", text=words(100 * index + number)
                        )
                        if frame["type"] == "error":
                            assert frame["code"] == "rate_limited"
                            refused.append(frame["retry_after"])  # noqa: B023

                await asyncio.gather(*(flood(index, client) for index, client in enumerate(clients)))
            at = [entry["at"] for entry in messages_of(a) if entry["from"]["id"] == user]
            assert len(at) >= 5
            # By the store's own clock: in any stretch of time the burst, one a second, and none beyond.
            for first in range(len(at)):
                for last in range(first, len(at)):
                    assert last - first + 1 <= 5 + (at[last] - at[first]) / 1_000 + 1e-9
            assert all(0 < wait <= 5 for wait in refused)


async def test_a_refused_post_costs_nothing_and_the_same_key_may_try_again(tmp_path: Path) -> None:
    """After waiting as told, the refused key is taken; the wait is the true one."""
    async with two_nodes(tmp_path, first=LIMITED) as (a, _, _), a.client() as one:
        for number in range(20):
            frame = await one.ask("post", room=ROOM, key=f"k{number}", text=words(number))
            if frame["type"] == "error":
                await asyncio.sleep(frame["retry_after"])
                await one.post(words(number), f"k{number}")
                break
        else:
            pytest.fail("no post was too fast")


async def test_connections_are_limited_over_nodes(tmp_path: Path, reach: Reach) -> None:
    """Twenty at once on two nodes: ten get in, within one; those that leave make room."""
    async with two_nodes(tmp_path, first=LIMITED) as (a, b, _):
        for _ in range(reach(3, 40)):
            user = new_user("participant")
            for _ in range(2):
                async with AsyncExitStack() as stack:
                    wires = [
                        await stack.enter_async_context(dial((a, b)[index % 2].port)) for index in range(20)
                    ]
                    token = a.token(user=user)
                    answers = await asyncio.gather(
                        *(wire.hello(token) for wire in wires), return_exceptions=True
                    )
                    let_in = sum(isinstance(answer, dict) for answer in answers)
                    assert 9 <= let_in <= 10
                    for answer in answers:
                        assert isinstance(answer, dict) or (
                            isinstance(answer, Refused) and answer.code == "rate_limited"
                        )
                # All are gone now: the next ten get in as soon as both nodes have noticed.
                for _ in range(100):
                    try:
                        async with AsyncExitStack() as stack:
                            for index in range(9):
                                await stack.enter_async_context(
                                    (a, b)[index % 2].client(user=user, join=None)
                                )
                        break
                    except (Refused, *AWAY):
                        await asyncio.sleep(0.05)
                else:
                    pytest.fail("the places of those who left are not free")
