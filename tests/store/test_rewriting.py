"""What was deleted leaves the embedded store's file by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from chat.store.address import connect
from chat.store.broker import Broker
from chat.store.embedded import EmbeddedStore
from chat.store.rewriting import Rewriting
from tests.stored import no_seal
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio

MARK = "zibethkatze"
KEYS = [f"hearth:{{a}}:x{number}" for number in range(50)]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Rewriting, Redis]]:
    """A store of its own, and what has its file written anew."""
    async with EmbeddedStore(folder) as store:
        broker, client = Broker(store.url, "n1", no_seal), connect(store.url)
        rewriting = Rewriting(broker, 0.05)
        await broker.open()
        try:
            yield rewriting, client
        finally:
            rewriting.stop()
            await broker.close()
            await client.aclose()


def is_in_a_file(folder: Path) -> bool:
    """Whether the store's files hold the word."""
    files = (folder / "store" / "appendonlydir").iterdir()
    return any(MARK.encode() in path.read_bytes() for path in files if path.exists())


async def is_written(client: Redis, often: int) -> bool:
    """Whether the file was written anew so often, and no writing is under way."""
    found = await client.info("persistence")
    return found["aof_rewrites"] == often and not found["aof_rewrite_in_progress"]


async def test_evidence_that_expired_is_gone_from_the_file(tmp_path: Path) -> None:
    async with running(tmp_path) as (rewriting, client):
        rewriting.follow()
        await wait_until(lambda: is_written(client, 1))  # what expired before we listened
        await client.hset("hearth:{a}:evidence:f", "text", MARK)
        assert is_in_a_file(tmp_path)
        await client.pexpire("hearth:{a}:evidence:f", 1)
        await wait_until(lambda: not is_in_a_file(tmp_path))


async def test_what_goes_while_the_file_is_written_is_gone_from_the_next(tmp_path: Path) -> None:
    """The one under way may have read it already, and the store begins no second one."""
    async with running(tmp_path) as (rewriting, client):
        await client.config_set("rdb-key-save-delay", 20_000)  # microseconds a key, so that it is under way
        await client.mset(dict.fromkeys(KEYS, MARK))
        await rewriting.now()
        await client.delete(*KEYS)
        await client.config_set("rdb-key-save-delay", 0)
        await rewriting.now()
        await wait_until(lambda: not is_in_a_file(tmp_path))
        assert await is_written(client, 2)


async def test_what_is_asked_for_at_once_is_one(tmp_path: Path) -> None:
    async with running(tmp_path) as (rewriting, client):
        for _ in range(20):
            rewriting.soon()
        await wait_until(lambda: is_written(client, 1))
        await rewriting.now()
        await wait_until(lambda: is_written(client, 2))
