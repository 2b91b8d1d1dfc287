"""Backups of the real store, and what is made of them."""

import asyncio
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from chat.store.address import StoreRefused, connect
from chat.store.backup import BASE, back_up, read_key, read_manifest, restore
from chat.store.checks import SCHEMA, check_store, read_identity
from chat.store.embedded import EmbeddedStore
from chat.store.keys import IDENTITY

SAID = [f"message {number} ".encode() * 40 for number in range(300)]


@asynccontextmanager
async def store_with_client(data: Path) -> AsyncIterator[tuple[EmbeddedStore, Redis]]:
    async with EmbeddedStore(data) as store:
        client = connect(store.url)
        try:
            yield store, client
        finally:
            await client.aclose()


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> tuple[Path, str]:
    """A backup of a store that somebody spoke in, and that store's epoch."""
    async with store_with_client(tmp_path / "old") as (store, client):
        await check_store(client, fingerprint="ours", embedded_epoch=store.epoch, durable=False)
        await client.rpush("said", *SAID)
        await client.set("receipt", "1", ex=3600)
        await back_up(store.url, tmp_path / "backup.tar")
        return tmp_path / "backup.tar", store.epoch


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def repack(archive: Path, change: dict[str, object]) -> None:
    """The same backup with another manifest."""
    with tarfile.open(archive) as tar:
        tar.extractall(archive.parent / "unpacked", filter="data")
    manifest = archive.parent / "unpacked" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **change}))
    with tarfile.open(archive, "w") as tar:
        for name in ("store.rdb", "manifest.json"):
            tar.add(manifest.parent / name, name)


@pytest.mark.asyncio
async def test_what_was_kept_comes_back_under_a_new_epoch(made: tuple[Path, str], tmp_path: Path) -> None:
    archive, old = made
    epoch = await restore(archive, tmp_path / "new")
    assert epoch != old
    async with store_with_client(tmp_path / "new") as (store, client):
        assert store.epoch == epoch
        assert await client.lrange("said", 0, -1) == SAID
        assert 0 < await client.ttl("receipt") <= 3600
        identity = await read_identity(client)
        assert (identity.fingerprint, identity.epoch, identity.schema) == ("ours", epoch, str(SCHEMA))
        await check_store(client, fingerprint="ours", embedded_epoch=epoch, durable=False)
        await client.rpush("said", "goes on")
    async with store_with_client(tmp_path / "new") as (store, client):
        assert store.epoch == epoch
        assert await client.llen("said") == len(SAID) + 1


@pytest.mark.asyncio
async def test_a_backup_says_what_it_holds_and_only_its_owner_reads_it(made: tuple[Path, str]) -> None:
    archive, epoch = made
    manifest = read_manifest(archive)
    assert manifest.epoch == epoch
    assert manifest.fingerprint == "ours"
    assert manifest.server.startswith("Valkey 9")
    assert not manifest.has_key
    assert archive.stat().st_mode & 0o077 == 0
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["store.rdb", "manifest.json"]
    assert names(archive.parent) == {"backup.tar", "old"}


@pytest.mark.asyncio
async def test_a_backup_is_of_one_moment_while_people_write(tmp_path: Path) -> None:
    """Two counters that always move together are equal in it."""
    async with store_with_client(tmp_path / "old") as (store, client):
        await client.rpush("bulk", *(os.urandom(1000) for _ in range(3000)))
        writing = True

        async def write() -> None:
            other = connect(store.url)
            while writing:
                async with other.pipeline(transaction=True) as both:
                    both.incr("left")
                    both.incr("right")
                    await both.execute()
            await other.aclose()

        writer = asyncio.create_task(write())
        await back_up(store.url, tmp_path / "backup.tar")
        writing = False
        await writer
        after = await client.get("left")
        leftovers = names(tmp_path / "old" / "store")
    assert leftovers == {"appendonlydir"}
    await restore(tmp_path / "backup.tar", tmp_path / "new")
    async with store_with_client(tmp_path / "new") as (_, client):
        left, right = await client.get("left"), await client.get("right")
    assert left == right
    assert int(left or 0) <= int(after or 0)


@pytest.mark.asyncio
async def test_the_token_key_goes_along_only_when_asked(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "old") as store:
        await back_up(store.url, tmp_path / "with.tar", key=b"secret\n")
    assert read_manifest(tmp_path / "with.tar").has_key
    assert read_key(tmp_path / "with.tar") == b"secret\n"
    await restore(tmp_path / "with.tar", tmp_path / "new")
    assert (tmp_path / "new" / "token.key").read_bytes() == b"secret\n"
    assert (tmp_path / "new" / "token.key").stat().st_mode & 0o077 == 0


@pytest.mark.asyncio
async def test_nothing_is_overwritten(made: tuple[Path, str], tmp_path: Path) -> None:
    archive, _ = made
    before = archive.read_bytes()
    async with EmbeddedStore(tmp_path / "old") as store:
        with pytest.raises(StoreRefused, match="not overwritten"):
            await back_up(store.url, archive)
        with pytest.raises(StoreRefused, match=r"not empty.*not overwritten"):
            await restore(archive, tmp_path / "old")
        with pytest.raises(StoreRefused, match="no directory"):
            await back_up(store.url, tmp_path / "nowhere" / "backup.tar")
    assert archive.read_bytes() == before


@pytest.mark.asyncio
async def test_a_directory_that_holds_only_the_key_counts_as_empty(
    made: tuple[Path, str], tmp_path: Path
) -> None:
    archive, _ = made
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "token.key").write_text("kept")
    await restore(archive, tmp_path / "new")
    assert (tmp_path / "new" / "token.key").read_text() == "kept"


@pytest.mark.asyncio
@pytest.mark.parametrize("place", [600, -1500, 0])
async def test_a_damaged_backup_is_refused_and_leaves_nothing(
    made: tuple[Path, str], tmp_path: Path, place: int
) -> None:
    archive, _ = made
    content = bytearray(archive.read_bytes())
    if place < 0:
        content = content[:place]
    elif place:
        content[place] ^= 1
    else:
        content = bytearray(b"no backup at all")
    archive.write_bytes(content)
    with pytest.raises(StoreRefused, match="take another"):
        await restore(archive, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.asyncio
async def test_data_that_does_not_load_is_refused_and_leaves_nothing(
    made: tuple[Path, str], tmp_path: Path
) -> None:
    """Its digest holds, but the server can't read it: it was made by a newer one, perhaps."""
    archive, _ = made
    repack(archive, {})
    rdb = tmp_path / "unpacked" / "store.rdb"
    rdb.write_bytes(b"HEARTH999" + rdb.read_bytes()[9:])
    part = {"size": rdb.stat().st_size, "sha256": hashlib.sha256(rdb.read_bytes()).hexdigest()}
    manifest = tmp_path / "unpacked" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "parts": {"store.rdb": part}}))
    with tarfile.open(archive, "w") as tar:
        for name in ("store.rdb", "manifest.json"):
            tar.add(manifest.parent / name, name)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "token.key").write_text("kept")
    with pytest.raises(StoreRefused, match="does not load here"):
        await restore(archive, tmp_path / "new")
    assert names(tmp_path / "new") == {"token.key"}


@pytest.mark.asyncio
async def test_a_newer_form_of_data_is_refused(made: tuple[Path, str], tmp_path: Path) -> None:
    archive, _ = made
    repack(archive, {"schema": str(SCHEMA + 1)})
    with pytest.raises(StoreRefused, match="newer Hearth"):
        await restore(archive, tmp_path / "new")
    repack(archive, {"format": 2})
    with pytest.raises(StoreRefused, match="newer Hearth"):
        await restore(archive, tmp_path / "new")


@pytest.mark.asyncio
async def test_a_name_in_the_archive_never_leads_elsewhere(made: tuple[Path, str], tmp_path: Path) -> None:
    archive, _ = made
    repack(archive, {"parts": {"store.rdb": {"size": 1, "sha256": ""}, "../evil": {"size": 1, "sha256": ""}}})
    with pytest.raises(StoreRefused, match="no whole backup"):
        await restore(archive, tmp_path / "new")
    assert not (tmp_path / "evil").exists()


@pytest.mark.asyncio
async def test_a_store_whose_key_is_lost_can_be_taken_over(made: tuple[Path, str], tmp_path: Path) -> None:
    archive, _ = made
    epoch = await restore(archive, tmp_path / "new", forget_key=True)
    async with store_with_client(tmp_path / "new") as (_, client):
        assert await check_store(client, fingerprint="another", embedded_epoch=epoch, durable=False) == epoch
        assert await client.hget(IDENTITY, "fingerprint") == b"another"


@pytest.mark.asyncio
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server here")
async def test_an_older_servers_backup_loads_in_a_newer_one(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "old", server="redis-server") as store:
        client = connect(store.url)
        await client.rpush("said", *SAID)
        await client.aclose()
        manifest = await back_up(store.url, tmp_path / "backup.tar")
        assert manifest.server.startswith("Redis 7")
    await restore(tmp_path / "backup.tar", tmp_path / "new")
    assert (tmp_path / "new" / "store" / "appendonlydir" / BASE).exists()
    async with store_with_client(tmp_path / "new") as (_, client):
        assert await client.lrange("said", 0, -1) == SAID
