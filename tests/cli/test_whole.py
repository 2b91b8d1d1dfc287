"""`hearth doctor` verifies the audit trail of a store that runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from chat.cli import whole
from chat.cli.finding import Finding, State
from chat.cli.whole import audit
from chat.room.trail import Seals
from chat.settings import Settings
from chat.store.address import connect
from chat.store.broker import Broker
from chat.store.embedded import EmbeddedStore
from chat.store.keys import in_room
from chat.tokens import Key, load_key
from tests.cli.conftest import Run, beside
from tests.stored import ANN, FAY, OPEN, Scene

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def acted(folder: Path) -> AsyncIterator[tuple[Redis, str, Key]]:
    """A store of its own, with two rooms in which something was done."""
    key = load_key(folder)
    async with EmbeddedStore(folder) as store:
        broker, client = Broker(store.url, "n1", Seals(key.secret).pads), connect(store.url)
        await broker.open()
        for room, often in (("blue", 2), ("green", 5)):
            await broker.add_room(room, OPEN, room, "e")
            scene = Scene(broker, client, room)
            await scene.enter(ANN)
            for number in range(often):
                await scene.act(FAY, "mute", least=2, user="ann", seconds=5, reason=f"r{number}")
        await broker.close()
        try:
            yield client, store.url, key
        finally:
            await client.aclose()


async def look(folder: Path, url: str, key: Key) -> Finding:
    """The one finding; it runs a loop of its own."""
    (found,) = await asyncio.to_thread(lambda: list(audit(Settings(data=folder), url, key)))
    return found


async def test_a_whole_trail_is_well_and_one_that_was_changed_is_wrong(tmp_path: Path) -> None:
    async with acted(tmp_path) as (client, url, key):
        before = {name: await client.dump(name) for name in await client.keys()}
        found = await look(tmp_path, url, key)
        assert (found.state, found.found) == (State.OK, "7 entries and 0 anchors, whole")
        assert {name: await client.dump(name) for name in await client.keys()} == before, "nothing changed"
        await client.hset(in_room("green", "words"), "3", "other words")
        found = await look(tmp_path, url, key)
        assert found.state is State.WRONG
        assert "in green, entry 3" in found.found
        assert "other words" not in found.found.replace("has other words", "")
        assert "hearth audit verify" in found.mend


async def test_it_looks_at_so_many_entries_and_says_what_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with acted(tmp_path) as (_, url, key):
        monkeypatch.setattr(whole, "MOST", 4)
        found = await look(tmp_path, url, key)
        assert found.state is State.OK
        assert found.found.startswith("2 entries of 1 rooms are whole; 1 rooms have too many")


async def test_a_store_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "WITHIN", 0.3)
    found = await look(tmp_path, f"unix://{tmp_path}/nobody", load_key(tmp_path))
    assert found.state is State.WARN


async def test_doctor_tells_it(here: Run, scene: Scene) -> None:
    await beside(here, "room", "list")  # the store is ours from now on
    done = await beside(here, "doctor")
    assert [line for line in done.out.splitlines() if "\taudit\t" in line]
