"""What is asked of a store at the start."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from chat.store.address import StoreRefused, connect
from chat.store.checks import (
    SCHEMA,
    Identity,
    Server,
    StoreAway,
    check_store,
    next_identity,
    read_identity,
    read_server,
    refuse_identity,
    refuse_server,
)
from chat.store.embedded import EmbeddedStore
from chat.store.keys import IDENTITY
from chat.store.process import find_server, stop
from tests.waiting import wait_until

GOOD = Server(
    name="Valkey",
    version=(9, 1, 2),
    mode="standalone",
    role="master",
    run_id="r1",
    policy="noeviction",
    keeps_log=True,
)
OURS = Identity(schema=str(SCHEMA), fingerprint="ours", epoch="e1", run_id="r1")


class External:
    """A server that somebody else runs: it may be stopped and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        """Its socket and data lie in `folder`."""
        self.folder = folder
        self.options = options
        self.url = f"unix://{folder / 's'}"
        self.pid = 0
        self._process: Process | None = None

    async def start(self) -> None:
        """Return when it answers, if only to refuse."""
        words = (
            "--port",
            "0",
            "--unixsocket",
            str(self.folder / "s"),
            "--dir",
            str(self.folder),
            *self.options,
        )
        self._process = await asyncio.create_subprocess_exec(find_server(), *words, stdout=DEVNULL)
        self.pid = self._process.pid
        await wait_until(self._answers)

    async def stop(self) -> None:
        """Return when it is gone."""
        if self._process is not None:
            await stop(self._process)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self.folder / "s")
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose path is short enough for a socket."""
    return tmp_path_factory.mktemp("s")


@asynccontextmanager
async def external(folder: Path, *options: str) -> AsyncIterator[tuple[External, Redis]]:
    server = External(folder, *options)
    client = connect(server.url)
    try:
        await server.start()
        yield server, client
    finally:
        await client.aclose()
        await server.stop()


async def check(client: Redis, *, fingerprint: str = "ours", durable: bool = False) -> str:
    return await check_store(client, fingerprint=fingerprint, embedded_epoch=None, durable=durable)


@pytest.mark.asyncio
async def test_a_new_store_is_claimed_and_then_known(folder: Path) -> None:
    async with external(folder) as (_, client):
        epoch = await check(client)
        assert epoch
        assert await check(client) == epoch
        assert await check(client, durable=False) == epoch
        identity = await read_identity(client)
        assert (identity.schema, identity.fingerprint, identity.epoch) == (str(SCHEMA), "ours", epoch)
        assert len(identity.run_id) == 40


@pytest.mark.asyncio
async def test_nodes_that_start_together_agree(folder: Path) -> None:
    async with external(folder) as (server, _):
        clients = [connect(server.url) for _ in range(8)]
        epochs = await asyncio.gather(*(check(client) for client in clients))
        assert len(set(epochs)) == 1
        for client in clients:
            await client.aclose()


@pytest.mark.asyncio
async def test_of_two_nodes_with_different_keys_one_is_refused(folder: Path) -> None:
    async with external(folder) as (server, first):
        second = connect(server.url)
        ends = await asyncio.gather(
            check(first, fingerprint="ours"), check(second, fingerprint="theirs"), return_exceptions=True
        )
        await second.aclose()
    refusals = [end for end in ends if isinstance(end, StoreRefused)]
    assert len(refusals) == 1
    assert "another token key" in str(refusals[0])


@pytest.mark.asyncio
async def test_a_new_run_of_an_external_store_is_a_new_epoch(folder: Path) -> None:
    async with external(folder, "--appendonly", "yes") as (server, client):
        first = await check(client)
        await server.stop()
        with pytest.raises(StoreAway, match="does not answer"):
            await check(client)
        await server.start()
        second = await check(client)
        assert second != first
        assert await check(client) == second


@pytest.mark.asyncio
async def test_a_new_run_keeps_the_epoch_where_its_operator_vouches_for_it(folder: Path) -> None:
    async with external(folder, "--appendonly", "yes", "--appendfsync", "always") as (server, client):
        epoch = await check(client, durable=True)
        await server.stop()
        await server.start()
        assert await check(client, durable=True) == epoch


@pytest.mark.asyncio
async def test_a_store_that_throws_data_away_is_refused(folder: Path) -> None:
    async with external(folder, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru") as (_, client):
        with pytest.raises(StoreRefused, match=r"allkeys-lru.*set it to noeviction"):
            await check(client)
        assert not await client.exists(IDENTITY)
        await client.config_set("maxmemory-policy", "noeviction")
        assert await check(client)


@pytest.mark.asyncio
async def test_another_keys_store_is_refused_and_left_alone(folder: Path) -> None:
    async with external(folder) as (_, client):
        await check(client)
        before = await read_identity(client)
        with pytest.raises(StoreRefused, match=r"another token key.*copy that server's key"):
            await check(client, fingerprint="theirs")
        assert await read_identity(client) == before


@pytest.mark.asyncio
async def test_newer_data_is_refused_and_left_alone(folder: Path) -> None:
    async with external(folder) as (_, client):
        await check(client)
        await client.hset(IDENTITY, "schema", str(SCHEMA + 1))
        before = await read_identity(client)
        with pytest.raises(StoreRefused, match="written by a newer Hearth"):
            await check(client)
        assert await read_identity(client) == before


@pytest.mark.asyncio
async def test_another_programs_key_is_refused(folder: Path) -> None:
    async with external(folder) as (_, client):
        await client.set(IDENTITY, "a word")
        with pytest.raises(StoreRefused, match="WRONGTYPE"):
            await check(client)


@pytest.mark.asyncio
async def test_a_password_that_is_wanted_or_wrong_is_said_without_showing_it(folder: Path) -> None:
    async with external(folder, "--requirepass", "right") as (_, client):
        with pytest.raises(StoreRefused, match="user or password"):
            await check(client)
        wrong = connect(f"unix://:wrong@{folder}/s")
        with pytest.raises(StoreRefused, match="user or password") as caught:
            await check(wrong)
        assert "wrong" not in str(caught.value)
        await wrong.aclose()
        right = connect(f"unix://:right@{folder}/s")
        assert await check(right)
        await right.aclose()


@pytest.mark.asyncio
async def test_a_user_without_rights_is_told_which(folder: Path) -> None:
    async with external(folder) as (_, admin):
        await admin.acl_setuser("weak", enabled=True, passwords="+pw", keys=["other:*"], categories=["+@all"])
        weak = connect(f"unix://weak:pw@{folder}/s")
        with pytest.raises(StoreRefused, match="hearth:"):
            await check(weak)
        await weak.aclose()


@pytest.mark.asyncio
async def test_a_stopped_store_is_away_and_hangs_nobody(folder: Path) -> None:
    async with external(folder) as (server, _):
        client = connect(server.url, timeout=0.2)
        assert await check(client)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreAway, match="does not answer"):
                await check(client)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await client.aclose()


@pytest.mark.asyncio
async def test_the_embedded_stores_own_epoch_counts(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store:
        client = connect(store.url)
        epoch = await check_store(client, fingerprint="ours", embedded_epoch=store.epoch, durable=False)
        await client.aclose()
        assert epoch == store.epoch
    async with EmbeddedStore(tmp_path) as store:
        client = connect(store.url)
        assert (await read_identity(client)).epoch == store.epoch == epoch
        with pytest.raises(StoreRefused, match="another token key"):
            await check_store(client, fingerprint="theirs", embedded_epoch=store.epoch, durable=False)
        await client.aclose()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "Redis", "version": (6, 2, 14)}, "Redis 6.2.14; Redis 7.0 or Valkey is needed"),
        ({"mode": "sentinel"}, "not available yet"),
        ({"mode": "cluster"}, "not available yet"),
        ({"role": "slave"}, "read-only replica"),
        ({"policy": "volatile-ttl"}, "noeviction"),
        ({"policy": ""}, "unknown"),
        ({"keeps_log": False}, "appendonly yes"),
    ],
)
def test_a_server_that_does_not_fit_is_refused(change: dict[str, object], why: str) -> None:
    fields = {name: getattr(GOOD, name) for name in Server.__slots__}
    assert why in (refuse_server(Server(**{**fields, **change}), durable=True) or "")


def test_a_server_that_fits_is_not_refused() -> None:
    assert refuse_server(GOOD, durable=True) is None
    assert (
        refuse_server(
            read_server({"redis_version": "7.0.0", "maxmemory_policy": "noeviction"}), durable=False
        )
        is None
    )


def test_a_servers_own_version_counts_not_the_one_it_stands_in_for() -> None:
    server = read_server({"redis_version": "7.2.4", "valkey_version": "9.1.2", "server_mode": "standalone"})
    assert str(server) == "Valkey 9.1.2"
    assert str(read_server({"redis_version": "7.0.15"})) == "Redis 7.0.15"


def test_data_without_a_readable_schema_is_refused() -> None:
    assert "schema" in (refuse_identity(Identity(schema="x"), fingerprint="ours") or "")
    assert refuse_identity(Identity(), fingerprint="ours") is None
    assert refuse_identity(OURS, fingerprint="ours") is None


@pytest.mark.parametrize(
    ("run_id", "durable", "kept"),
    [("r1", False, True), ("r2", False, False), ("r2", True, True), ("", False, False)],
)
def test_the_epoch_is_kept_over_one_run_or_by_a_declaration(run_id: str, durable: bool, kept: bool) -> None:
    following = next_identity(OURS, fingerprint="ours", run_id=run_id, embedded_epoch=None, durable=durable)
    assert (following.epoch == OURS.epoch) is kept
    assert following.run_id == run_id


def test_an_embedded_epoch_replaces_what_is_stored() -> None:
    following = next_identity(OURS, fingerprint="ours", run_id="r1", embedded_epoch="e2", durable=False)
    assert following == Identity(schema=str(SCHEMA), fingerprint="ours", epoch="e2", run_id="r1")
