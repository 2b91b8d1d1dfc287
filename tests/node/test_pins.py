"""Pins for a time: unpinned when it is over, by one of however many nodes."""

import asyncio
from typing import Any

import pytest

from chat.node.pins import PinClock
from chat.node.ports import Unavailable
from tests.stored import ANN, FAY, Scene
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio


async def pin(scene: Scene, seq: int, seconds: int) -> None:
    await scene.post(ANN, f"k{seq}")
    await scene.act(FAY, "pin", least=2, seq=seq, seconds=seconds, most=9)


async def unpinned(scene: Scene) -> list[int]:
    return [entry["target"] for entry in await scene.log() if entry["type"] == "unpinned"]


async def test_two_nodes_unpin_once(scene: Scene) -> None:
    await pin(scene, 1, 1)
    clocks = [PinClock(scene.room, scene.broker) for _ in range(2)]
    for clock in clocks:
        clock.start()

    async def is_over() -> bool:
        return await unpinned(scene) == [1]

    await wait_until(is_over)
    assert [await clock.end() for clock in clocks] == [None, None]
    assert await unpinned(scene) == [1]
    for clock in clocks:
        clock.stop()


async def test_a_store_that_is_away_is_asked_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.node.pins.TRY_AGAIN", 0.01)
    await pin(scene, 1, 1)
    asked: list[Any] = []

    class Away:
        """The store's broker, which the first call does not reach."""

        async def act(self, room: str, args: dict[str, Any]) -> Any:
            asked.append(args["op"])
            if len(asked) == 1:
                raise Unavailable
            return await scene.broker.act(room, args)

    clock = PinClock(scene.room, Away())  # type: ignore[arg-type]  # only `act` is asked of it
    clock.start()
    await wait_until(lambda: len(asked) >= 3)
    assert await unpinned(scene) == [1]
    clock.stop()


async def test_stopped_it_asks_no_more(scene: Scene) -> None:
    clock = PinClock(scene.room, scene.broker)
    clock.start()
    task = clock._task
    assert task is not None
    clock.stop()
    await asyncio.wait([task])
    assert task.cancelled()
