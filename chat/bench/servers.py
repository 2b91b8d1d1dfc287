"""The processes of a measurement: the server configured for load, the bare one, and the load itself."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat.cli import CommandError
from chat.settings import default_config
from chat.store.directory import Directory
from chat.tokens import load_key, sign

SERVER_CORE, LOAD_CORE = 0, 1
STAGES_FILE = "HEARTHBENCH_STAGES"
"""The variable that tells a server with clocks where to write what they counted."""
START_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server under measurement: its processes, the server's own first."""

    port: int
    pids: tuple[int, ...]
    data: Path | None = None

    def tokens(
        self, size: int, rooms: Sequence[str], *, who: str = "bench", role: str = "participant"
    ) -> list[str]:
        """Tokens of different people, so many for each room and room by room: each goes into one."""
        assert self.data is not None
        key = load_key(self.data)
        return [
            sign(
                key,
                user=f"u_{who}-{place * size + number}",
                name=f"{who.title()} {place * size + number}",
                grants={room: role},
                ttl=3_600,
            )
            for place, room in enumerate(rooms)
            for number in range(size)
        ]


def write_config(folder: Path, rooms: Sequence[str]) -> None:
    """The shipped configuration, with rooms that take load: no limits of rate, place or repetition."""
    shutil.copytree(default_config(), folder)
    (folder / "server.toml").write_text(
        "[limits]\nrate_seconds = 0\nconnections = 0\nconnections_total = 0\nunauthenticated = 10000\n"
        "frames_second = 1000000\n",
        "utf-8",
    )
    tables = "".join(f'[rooms.{room}]\ncapacity = 0\nrate_seconds = 0\nprofile = "bench"\n' for room in rooms)
    (folder / "rooms.toml").write_text(tables, "utf-8")
    profiles = folder / "rules" / "profiles.toml"
    profiles.write_text(profiles.read_text("utf-8") + '\n[profile.bench]\n"room.repeat" = "off"\n', "utf-8")


@contextmanager
def hearth(folder: Path, rooms: Sequence[str], *, stages: Path | None = None) -> Iterator[Running]:
    """The server with its embedded store, moderation on; the store shares the other core with the load.

    With `stages` it has a clock on each stage of a message's way, and writes to that file what they took.
    """
    write_config(folder / "config", rooms)
    port = free_port()
    words = ["-m", "chat.bench.stages" if stages else "chat", "serve", "--port", str(port)]
    words += ["--data", str(folder / "data"), "--config", str(folder / "config")]
    with _process(words, **{STAGES_FILE: str(stages)} if stages else {}) as server:
        _wait(server, f"http://127.0.0.1:{port}/readyz")
        running = Directory(folder / "data").running()
        if running is None:
            raise CommandError("the server has no store of its own to measure")
        store = running.store
        pin(server.pid, SERVER_CORE)
        pin(store, LOAD_CORE)
        yield Running(port, (server.pid, store), folder / "data")


@contextmanager
def bare() -> Iterator[Running]:
    """The yardstick."""
    port = free_port()
    with _process(["-m", "chat.bench.bare", str(port)]) as server:
        _wait(server, f"http://127.0.0.1:{port}/")
        pin(server.pid, SERVER_CORE)
        yield Running(port, (server.pid,))


def run_load(server: Running, task: dict[str, Any], *, kind: str = "load") -> dict[str, Any]:
    """Put a load on a server and return what was measured; `kind` is the module that makes it.

    Raises CommandError where a receiver found a fault.
    """
    task = {"port": server.port, "pids": server.pids, "within": 120, **task}
    pinned = ["taskset", "-c", str(LOAD_CORE)] if _can_pin() else []
    words = [*pinned, sys.executable, "-m", f"chat.bench.{kind}"]
    done = subprocess.run(words, input=json.dumps(task), capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        raise CommandError(f"the load ended without a word (exit {done.returncode})")
    found: dict[str, Any] = json.loads(done.stdout)
    if "fault" in found:
        raise CommandError(f"a receiver found a fault: {found['fault']}")
    return found


def spent(server: Running, stages: Path) -> dict[str, Any]:
    """What each stage took so far, of a server with clocks."""
    stages.unlink(missing_ok=True)
    os.kill(server.pids[0], signal.SIGUSR1)
    deadline = time.monotonic() + START_WITHIN
    while not stages.exists():
        if time.monotonic() > deadline:
            raise CommandError("the server did not tell what its stages took")
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(stages.read_text("utf-8"))
    return found


def _can_pin() -> bool:
    return (os.cpu_count() or 1) > 1 and shutil.which("taskset") is not None


def pin(pid: int, core: int) -> None:
    """Keep a process on one core, so that load and server do not take turns on it."""
    if _can_pin():
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(thread.name), {core})


def memory(pid: int) -> float:
    """Resident memory in KiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(words: Sequence[str], **more: str) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=kept | more
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CommandError(f"the server did not start (exit {process.returncode}); see `hearth doctor`")
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return  # it answers, which is all that is asked of the bare one
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise CommandError("the server did not become ready in time; see `hearth doctor`")
