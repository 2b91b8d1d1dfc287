"""The embedded store, as the real server on real directories."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat.store.address import StoreRefused, connect
from chat.store.directory import Account, Directory, Running, is_alive
from chat.store.embedded import EmbeddedStore, open_store, socket_place
from chat.store.process import find_server
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio

# A node of its own process: it says where its store is, and lives until it is told to stop.
NODE = """
import asyncio, structlog, sys
from pathlib import Path
from chat.store.embedded import EmbeddedStore
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
async def main():
    async with EmbeddedStore(Path(sys.argv[1])) as store:
        print(store.pid, store.url, store.epoch, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Redis]:
    client = connect(url)
    try:
        yield client
    finally:
        await client.aclose()


async def write(url: str, *values: str) -> None:
    async with client_of(url) as client:
        for value in values:
            await client.rpush("said", value)


async def read(url: str) -> list[bytes]:
    async with client_of(url) as client:
        return [value for value in await client.lrange("said", 0, -1) if isinstance(value, bytes)]


async def has_come_back(url: str) -> bool:
    try:
        return bool(await read(url))
    except (RedisError, OSError):
        return False


def log_of(data: Path) -> Path:
    (log,) = (data / "store" / "appendonlydir").glob("*.incr.aof")
    return log


def names(folder: Path, prefix: str) -> set[str]:
    return {file.name for file in folder.iterdir() if file.name.startswith(prefix)}


def cut(data: Path, size: int) -> None:
    os.truncate(log_of(data), log_of(data).stat().st_size - size)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """A node in another process, its store's process and address."""
    words = [sys.executable, "-c", NODE, str(tmp_path)]
    child = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        pid, url, _ = child.stdout.readline().split()
        yield child, int(pid), url
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        child.stdin.close()


async def test_it_keeps_its_data_and_its_epoch_over_a_clean_end(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store:
        await write(store.url, "one", "two")
        epoch, pid = store.epoch, store.pid
    assert not is_alive(pid)
    assert epoch
    async with EmbeddedStore(tmp_path) as store:
        assert await read(store.url) == [b"one", b"two"]
        assert store.epoch == epoch
        assert store.restarts == 0


async def test_it_opens_no_port_and_only_its_owner_reaches_it(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "data") as store, client_of(store.url) as client:
        settings = await client.config_get("port", "save", "appendonly", "appendfsync", "maxmemory-policy")
        socket = Path(store.running.socket)
    assert settings == {
        "port": "0",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
    }
    assert not socket.parent.exists()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


async def test_everysec_is_passed_on(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path, fsync="everysec") as store, client_of(store.url) as client:
        assert (await client.config_get("appendfsync"))["appendfsync"] == "everysec"


async def test_an_unknown_way_of_syncing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="always, everysec"):
        EmbeddedStore(tmp_path, fsync="sometimes")


async def test_a_killed_store_comes_back_with_data_epoch_and_address(tmp_path: Path) -> None:
    told: list[str] = []
    async with EmbeddedStore(tmp_path, on_restart=told.append) as store:
        url, epoch = store.url, store.epoch
        for time in (1, 2, 3):
            pid = store.pid
            await write(url, str(time))
            os.kill(pid, signal.SIGKILL)
            await wait_until(lambda time=time: store.restarts == time)  # type: ignore[misc]
            assert (store.url, store.epoch) == (url, epoch)
            assert store.pid not in (0, pid)
            assert json.loads((tmp_path / "store.json").read_bytes())["store"] == store.pid
        assert await read(url) == [b"1", b"2", b"3"]
        assert told == [epoch] * 3


async def test_it_is_tried_again_until_it_comes_up(tmp_path: Path) -> None:
    """A binary that is gone for a while (an upgrade, a full disk) ends nothing."""
    binary = tmp_path / "server"
    shutil.copy(find_server(), binary)
    async with EmbeddedStore(tmp_path / "data", server=binary) as store:
        await write(store.url, "kept")
        binary.rename(tmp_path / "away")
        os.kill(store.pid, signal.SIGKILL)
        await wait_until(lambda: store.pid == 0)
        (tmp_path / "away").rename(binary)
        await wait_until(lambda: store.restarts == 1)
        assert await read(store.url) == [b"kept"]


async def test_no_store_outlives_a_killed_node(
    tmp_path: Path, node: tuple[subprocess.Popen[str], int, str]
) -> None:
    child, pid, url = node
    await write(url, "kept")
    child.kill()
    await wait_until(lambda: not is_alive(pid))
    # The next node clears what was left and keeps what was said.
    async with EmbeddedStore(tmp_path) as store:
        assert await read(store.url) == [b"kept"]
        assert not Path(url.removeprefix("unix://")).parent.exists()


async def test_the_next_node_waits_for_the_store_of_a_killed_one(
    tmp_path: Path, node: tuple[subprocess.Popen[str], int, str]
) -> None:
    child, pid, url = node
    await write(url, "kept")
    os.kill(pid, signal.SIGSTOP)
    child.kill()
    child.wait()
    next_node = asyncio.create_task(EmbeddedStore(tmp_path).__aenter__())
    await asyncio.sleep(0)
    assert is_alive(pid)
    os.kill(pid, signal.SIGCONT)
    store = await next_node
    assert await read(store.url) == [b"kept"]
    await store.__aexit__(None, None, None)


async def test_a_second_server_on_one_directory_is_refused_by_name(
    tmp_path: Path, node: tuple[subprocess.Popen[str], int, str]
) -> None:
    child, _, url = node
    with pytest.raises(StoreRefused, match=rf"in use by process {child.pid}:.*--data"):
        await EmbeddedStore(tmp_path).__aenter__()
    await write(url, "undisturbed")


async def test_a_lock_lives_as_long_as_either_process(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store:
        os.kill(store.pid, signal.SIGKILL)
        await wait_until(lambda: store.pid == 0)
        with pytest.raises(StoreRefused, match=f"in use by process {os.getpid()}"):
            await EmbeddedStore(tmp_path).__aenter__()
        await wait_until(lambda: store.restarts == 1)


@pytest.mark.parametrize("size", [1, 3, 17])
async def test_a_log_whose_end_was_cut_gets_a_new_epoch_once(tmp_path: Path, size: int) -> None:
    async with EmbeddedStore(tmp_path) as store:
        await write(store.url, "first", "second")
        first = store.epoch
    cut(tmp_path, size)
    async with EmbeddedStore(tmp_path) as store:
        assert await read(store.url) == [b"first"]
        second = store.epoch
    assert second != first
    async with EmbeddedStore(tmp_path) as store:
        assert store.epoch == second


async def test_a_log_cut_between_two_entries_gets_a_new_epoch(tmp_path: Path) -> None:
    """The server can't see such a cut; the length that was noted shows it."""
    async with EmbeddedStore(tmp_path) as store:
        await write(store.url, "first")
        length = log_of(tmp_path).stat().st_size
        await write(store.url, "second")
        epoch = store.epoch
    os.truncate(log_of(tmp_path), length)
    async with EmbeddedStore(tmp_path) as store:
        assert await read(store.url) == [b"first"]
        assert store.epoch != epoch


async def test_a_log_that_was_rewritten_keeps_its_epoch(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store, client_of(store.url) as client:
        await write(store.url, *("x" * 500 for _ in range(50)))
        epoch = store.epoch
        await client.bgrewriteaof()

        async def is_rewritten() -> bool:
            return log_of(tmp_path).name.split(".")[-3] == "2" if len(list(logs())) == 1 else False

        def logs() -> Iterator[Path]:
            return (tmp_path / "store" / "appendonlydir").glob("*.incr.aof")

        await wait_until(is_rewritten)
    async with EmbeddedStore(tmp_path) as store:
        assert store.epoch == epoch
        assert len(await read(store.url)) == 50


async def test_a_doubt_outlives_a_crash_before_the_new_epoch_was_written(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store:
        epoch = store.epoch
    Directory(tmp_path).doubt()
    async with EmbeddedStore(tmp_path) as store:
        assert store.epoch != epoch


async def test_damage_within_the_log_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store:
        await write(store.url, "first", "second")
    content = bytearray(log_of(tmp_path).read_bytes())
    header = content.index(b"RPUSH") - 8
    content[header : header + 4] = b"\0\0\0\0"
    log_of(tmp_path).write_bytes(content)
    with pytest.raises(StoreRefused, match=r"damaged.*hearth restore"):
        await EmbeddedStore(tmp_path).__aenter__()
    assert log_of(tmp_path).read_bytes() == content


@pytest.mark.parametrize(
    ("fsync", "clean", "boot", "kept"),
    [
        ("always", False, "another", True),
        ("everysec", True, "another", True),
        ("everysec", False, "this", True),
        ("everysec", False, "another", False),
        ("everysec", False, "", False),
        ("no", False, "another", False),
    ],
)
async def test_what_was_not_synced_is_vouched_for_by_a_good_end_alone(
    fsync: str, clean: bool, boot: str, kept: bool
) -> None:
    """`boot` is the one in which the server's last words were those of a good end; this one, or not."""
    account = Account(boot=boot, fsync=fsync, clean=clean, doubt=False)
    now = "" if not boot else "this"
    assert account.kept_all(now, said_goodbye=True) is kept
    assert account.kept_all(now, said_goodbye=False) is (clean or fsync == "always")
    assert not Account(boot=boot, fsync=fsync, clean=clean, doubt=True).kept_all(boot, said_goodbye=True)


async def test_without_always_a_killed_store_gets_a_new_epoch_and_a_killed_node_does_not(
    tmp_path: Path,
) -> None:
    """The server may have answered before it wrote; but when its node is gone it ends well by itself."""
    async with EmbeddedStore(tmp_path, fsync="everysec") as store:
        epoch = store.epoch
        os.kill(store.pid, signal.SIGTERM)
        await wait_until(lambda: store.restarts == 1)
        assert store.epoch == epoch
        os.kill(store.pid, signal.SIGKILL)
        await wait_until(lambda: store.restarts == 2)
        assert store.epoch != epoch


async def test_a_doubt_outlives_an_end_in_good_order(tmp_path: Path) -> None:
    """The node may be stopped between the cut and the new epoch."""
    async with EmbeddedStore(tmp_path) as store:
        epoch = store.epoch
        store.directory.doubt()
    async with EmbeddedStore(tmp_path) as store:
        assert store.epoch != epoch


async def test_a_log_of_unknown_origin_gets_a_new_epoch(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "old") as store:
        epoch = store.epoch
    (tmp_path / "new").mkdir()
    shutil.copytree(tmp_path / "old" / "store", tmp_path / "new" / "store")
    async with EmbeddedStore(tmp_path / "new") as store:
        assert store.epoch != epoch


async def test_a_command_uses_the_store_of_a_running_node(
    tmp_path: Path, node: tuple[subprocess.Popen[str], int, str]
) -> None:
    child, pid, url = node
    async with open_store(tmp_path) as running:
        assert (running.url, running.node, running.store) == (url, child.pid, pid)
        await write(running.url, "by a command")
    assert is_alive(pid)
    assert await read(url) == [b"by a command"]


async def test_commands_without_a_node_take_turns(tmp_path: Path) -> None:
    async def command(word: str) -> Running:
        async with open_store(tmp_path) as running:
            await write(running.url, word)
            return running

    async with asyncio.timeout(30):
        ran = await asyncio.gather(*(command(word) for word in "abcd"))
    assert len({running.store for running in ran}) == 4
    assert len({running.epoch for running in ran}) == 1
    async with open_store(tmp_path) as running:
        assert sorted(await read(running.url)) == [b"a", b"b", b"c", b"d"]
    assert not is_alive(running.store)


async def test_a_node_waits_for_a_command_to_end(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        node = asyncio.create_task(EmbeddedStore(tmp_path).__aenter__())
        await asyncio.sleep(0)
        assert not node.done()
    store = await node
    assert store.epoch
    await store.__aexit__(None, None, None)


async def test_the_socket_is_short_wherever_temporary_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    place = socket_place()
    assert len(str(place / "s")) < 104
    place.rmdir()
    short = Path("/tmp") / f"hearth-test-{os.getpid()}"
    short.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(short))
    place = socket_place()
    assert place.parent == short
    shutil.rmtree(short)


async def test_the_watch_ends_a_store_whose_node_is_gone_where_the_kernel_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.store.embedded.needs_watch", lambda: True)
    async with EmbeddedStore(tmp_path) as store:
        assert store._watch is not None
        watcher = store._watch._watcher
        pid = store.pid
        assert watcher.stdin is not None
        watcher.stdin.close()
        await wait_until(lambda: store.pid != pid)
        await wait_until(lambda: store.restarts == 1)
        assert await watcher.wait() == 0
        assert is_alive(store.pid)
        last = store._watch._watcher
    assert last.returncode == 0


async def test_a_binary_that_is_set_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "my-server"
    own.write_text("#!/bin/sh\n")
    with pytest.raises(StoreRefused, match="my-server"):
        find_server(own)
    own.chmod(0o755)
    assert find_server(own) == own
    assert find_server().name == "valkey-server"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    path_server = tmp_path / "redis-server"
    path_server.write_text("#!/bin/sh\n")
    path_server.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == path_server
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StoreRefused, match="--store"):
        find_server()


async def test_a_binary_that_fails_is_said_to(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text("#!/bin/sh\nexit 3\n")
    bad.chmod(0o755)
    with pytest.raises(StoreRefused, match=r"code 3.*store\.log"):
        await EmbeddedStore(tmp_path / "data", server=bad).__aenter__()
    async with EmbeddedStore(tmp_path / "data"):
        """The refusal left nothing locked."""


async def test_a_directory_that_is_not_writable_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreRefused, match="can't be made"):
        await EmbeddedStore(tmp_path / "file" / "data").__aenter__()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server here")
async def test_an_older_server_serves_as_well(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path, server="redis-server") as store:
        await write(store.url, "first", "second")
        epoch = store.epoch
    cut(tmp_path, 3)
    async with EmbeddedStore(tmp_path, server="redis-server") as store:
        assert await read(store.url) == [b"first"]
        assert store.epoch != epoch


async def test_the_servers_words_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.store.directory.LOG_LIMIT", 10)
    for _ in range(3):
        async with EmbeddedStore(tmp_path):
            pass
    assert names(tmp_path, "store.log") == {"store.log", "store.log.old"}
