"""The embedded store: our own valkey-server, up while the node is, back after a crash, gone with the node."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from redis.exceptions import RedisError

from chat.store.address import StoreRefused, connect
from chat.store.checks import new_epoch
from chat.store.directory import Directory, Running
from chat.store.keys import IDENTITY
from chat.store.process import Watch, answers, arguments, find_server, needs_watch, spawn, stop

SYNC = ("always", "everysec", "no")
# Bytes of a Unix socket's path, its end included: 108 on Linux, 104 on macOS.
PATH_LIMIT = 103
SOCKET = "s"
PREFIX = "hearth-"

BACKOFF = 0.05
BACKOFF_LIMIT = 5.0
# A store that comes up is started again soon, each time a little later if it falls at once.
FALL_LIMIT = 0.25
SETTLED_AFTER = 1.0
MARK_EVERY = 0.25

# What the server says (Redis 7.0 to Valkey 9.1) when the log's end was cut, and when more than that is wrong.
CUT = "Unexpected end of file reading the append only file"
DAMAGED = (
    "Bad file format reading the append only file",
    "Unexpected EOF reading RDB file",
    "Short read or OOM loading DB",
    "Internal error in RDB reading",
    "Wrong signature trying to load DB",
    "RDB CRC error",
    "Error reading the RDB preamble",
    "AOF loading error",
    "Invalid AOF manifest",
)

log = structlog.get_logger(__name__)


class StoreDamaged(StoreRefused):
    """The data itself is broken."""


class EmbeddedStore:
    """A valkey-server of our own on one data directory, as an asynchronous context.

    `fsync` is `always` (an answer means: on disk), or `everysec` or `no` (faster; then every end of the store
    but a good one is a new epoch). `server` names another binary. `brief` says that it is up for one command
    only, so that others wait for it. `on_restart(epoch)` is called each time that the store is up again after
    a crash; an epoch that changed means that something may be lost.
    """

    def __init__(
        self,
        data: Path,
        *,
        fsync: str = "always",
        server: str | Path | None = None,
        brief: bool = False,
        on_restart: Callable[[str], None] | None = None,
    ) -> None:
        if fsync not in SYNC:
            raise StoreRefused(f"fsync is {fsync!r}; it must be one of: {', '.join(SYNC)}")
        self.directory = Directory(data)
        self.epoch = ""
        self.restarts = 0
        self.on_restart = on_restart
        self._fsync = fsync
        self._server = server
        self._brief = brief
        self._binary = Path()
        self._lock = -1
        self._place = Path()
        self._process: Process | None = None
        self._watch: Watch | None = None
        self._since = 0.0
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def url(self) -> str:
        """The store's address; it stays the same over restarts."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        """The server's process, 0 while it is down."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else 0

    @property
    def running(self) -> Running:
        """What other processes are told of this store."""
        return Running(str(self._socket), self.epoch, os.getpid(), self.pid, self._brief)

    @property
    def _socket(self) -> Path:
        return self._place / SOCKET

    async def __aenter__(self) -> Self:
        self._binary = find_server(self._server)
        self.directory.create()
        self._lock = await self.directory.lock(brief=self._brief)
        try:
            self._clear_left()
            self._place = socket_place()
            await self._start()
        except BaseException as error:
            await self._end()
            if isinstance(error, OSError):
                raise StoreRefused(f"the embedded store can't start ({error})") from error
            raise
        self._tasks = (asyncio.create_task(self._keep_up()), asyncio.create_task(self._keep_mark()))
        if not self._brief:
            log.info("store.up", epoch=self.epoch, pid=self.pid)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    # Up.

    async def _start(self) -> None:
        """Start the server, by a new epoch where something may be lost, and wait until it answers."""
        doubt = self.directory.begin(fsync=self._fsync)
        if not await self._launch(truncated=False):
            log.warning("store.cut")
            self.directory.doubt()
            doubt = True
            if not await self._launch(truncated=True):
                raise self._damaged()
        try:
            self.epoch = await settle_epoch(self.url, doubt=doubt)
        except RedisError as error:
            raise StoreRefused(f"the embedded store fails its first call ({type(error).__name__})") from error
        self.directory.settle()
        self.directory.tell(self.running)
        self._since = time.monotonic()

    async def _launch(self, *, truncated: bool) -> bool:
        """Start the server and wait until it answers; False where its log was cut. Raises StoreRefused."""
        await self._leave_watch()
        # A killed server leaves its socket behind.
        self._socket.unlink(missing_ok=True)
        output, offset = self.directory.open_log()
        try:
            process = self._process = await spawn(
                self._binary,
                arguments(self._socket, fsync=self._fsync, truncated=truncated),
                folder=self.directory.folder,
                output=output,
                lock=self._lock,
            )
        finally:
            os.close(output)
        if needs_watch():
            self._watch = await Watch.over(process.pid)
        # A large log takes long to load, and loading is no fault: only the process's end is.
        wait = 0.002
        while process.returncode is None:
            if await answers(self._socket):
                return True
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, 0.1)
        words = self.directory.log_since(offset)
        if CUT in words:
            return False
        if any(sign in words for sign in DAMAGED):
            raise self._damaged()
        raise StoreRefused(
            f"the embedded store ended as it started (code {process.returncode}); see {self.directory.log}"
        )

    def _damaged(self) -> StoreDamaged:
        return StoreDamaged(
            f"the data in {self.directory.folder} is damaged and was not touched: restore a backup into an"
            " empty directory with `hearth restore`, or mend it with valkey-check-aof;"
            f" {self.directory.log} says where the damage is"
        )

    async def _keep_up(self) -> None:
        """Start the server again each time that it ends, for as long as the node lives."""
        wait = BACKOFF
        while self._process is not None:
            code = await self._process.wait()
            # Nobody writes now: this is how long the log was.
            self.directory.mark()
            fell = time.monotonic() - self._since < SETTLED_AFTER
            wait = min(wait * 2, FALL_LIMIT) if fell else BACKOFF
            log.error("store.ended", code=code, wait=wait)
            while True:
                await asyncio.sleep(wait)
                try:
                    await self._start()
                except (StoreRefused, OSError) as error:
                    wait = min(wait * 2, BACKOFF_LIMIT)
                    why = type(error).__name__
                    log.error("store.refused", error=why, wait=wait)  # noqa: TRY400  its kind says all, a trace no more
                else:
                    break
            self.restarts += 1
            log.warning("store.back", epoch=self.epoch, pid=self.pid, restarts=self.restarts)
            if self.on_restart is not None:
                self.on_restart(self.epoch)

    async def _keep_mark(self) -> None:
        """Note the log's length from time to time."""
        while True:
            await asyncio.sleep(MARK_EVERY)
            self.directory.mark()

    # Down.

    async def _end(self) -> None:
        """Stop the server and leave nothing behind but its data."""
        for task in self._tasks:
            task.cancel()
        # A task that failed by a bug of ours says so here, once the store is down.
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = ()
        if self._process is not None:
            if await stop(self._process):
                self.directory.close()
            self._process = None
        await self._leave_watch()
        if self._lock >= 0:
            self.directory.tell(None)
            os.close(self._lock)
            self._lock = -1
        if self._place.name.startswith(PREFIX):
            shutil.rmtree(self._place, ignore_errors=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _leave_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.call_off()

    def _clear_left(self) -> None:
        """Remove what a killed node left; the lock says that nobody uses it."""
        left = self.directory.running()
        self.directory.tell(None)
        if left is not None:
            place = Path(left.socket).parent
            with contextlib.suppress(OSError):
                if place.name.startswith(PREFIX) and place.stat().st_uid == os.getuid():
                    shutil.rmtree(place, ignore_errors=True)


def socket_place() -> Path:
    """A new private directory whose path is short enough for a socket in it.

    systemd's runtime directory comes first: with a private /tmp, commands run by hand would find no socket.
    """
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    # The last is short when TMPDIR is not; mkdtemp makes a directory that is ours alone.
    for parent in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108  only as the parent of that directory
        if not parent or len(os.fsencode(parent)) + len(f"/{PREFIX}12345678/{SOCKET}") > PATH_LIMIT:
            continue
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    raise StoreRefused("there is no place for the store's socket: set TMPDIR to a short, writable directory")


async def settle_epoch(url: str, *, doubt: bool) -> str:
    """The epoch that holds from now on: the stored one, or a new one where there is none or a doubt."""
    client = connect(url)
    try:
        kept = await client.hget(IDENTITY, "epoch")
        if kept and not doubt:
            return kept.decode() if isinstance(kept, bytes) else kept
        epoch = new_epoch()
        await client.hset(IDENTITY, "epoch", epoch)
        return epoch
    finally:
        await client.aclose()


@asynccontextmanager
async def open_store(
    data: Path, *, fsync: str = "always", server: str | Path | None = None, within: float = 10.0
) -> AsyncIterator[Running]:
    """The store of a data directory for one command: a running node's, or our own for as long as this lasts.

    Raises StoreRefused. Commands that find no node take turns.
    """
    directory = Directory(data)
    deadline = time.monotonic() + within
    while True:
        running = directory.running()
        if running is not None and not running.brief and await answers(Path(running.socket)):
            yield running
            return
        store = EmbeddedStore(data, fsync=fsync, server=server, brief=True)
        try:
            await store.__aenter__()
        except StoreRefused:
            # A node that is still starting holds the directory, but has not said yet where its store is.
            if time.monotonic() >= deadline or directory.running() == running:
                raise
            continue
        try:
            yield store.running
        finally:
            await store.__aexit__(None, None, None)
        return
