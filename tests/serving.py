"""A server as people run it: a real process with its embedded store, on a free port."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from chat.tokens import load_key, new_user, sign
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
_NUMBERS = itertools.count(1)


class Serving:
    """The running server, and the command line beside it."""

    def __init__(self, folder: Path, config: Path | None, env: Mapping[str, str]) -> None:
        self.data = folder / "data"
        self.port = 0
        self._said = folder / "said"
        self._logged = folder / "logged"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
        self._env = {**kept, **env}
        self._config = ["--config", str(config)] if config else []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its socket is."""
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def page(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        """What it logged so far."""
        return self._logged.read_text()

    async def start(self) -> None:
        """Start the process and wait until it is ready; on the port of before where it had one."""
        self._launch()
        await wait_until(self._is_ready, 30)

    def _launch(self) -> None:
        with self._said.open("wb") as said, self._logged.open("ab") as logged:
            self._process = subprocess.Popen(
                [*_HEARTH, "serve", "--data", str(self.data), "--port", str(self.port), *self._config],
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=logged,
            )

    async def stop(self) -> int:
        """Ask it to drain; return its exit code."""
        assert self._process is not None
        process = self._process
        process.send_signal(signal.SIGTERM)
        await wait_until(lambda: process.poll() is not None, 30)
        return int(process.returncode)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextmanager
    def store_stopped(self) -> Iterator[None]:
        """Its store stands still, as on a machine that does not get to it."""
        [*_, pid] = re.findall(r'"event": "store\.(?:up|back)".*?"pid": (\d+)', self.log)
        os.kill(int(pid), signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(int(pid), signal.SIGCONT)

    async def hearth(self, *words: str) -> str:
        """What a command prints on the server's data."""
        command = [*_HEARTH, *words, "--data", str(self.data), *self._config]
        made = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=self._env, capture_output=True, text=True, check=True
        )
        return str(made.stdout).strip()

    def token(self, role: str, name: str, *rooms: str, user: str = "", ttl: float = 3600) -> str:
        """A token as `hearth token` prints it; of a new person unless `user` says whose."""
        grants = dict.fromkeys(rooms or ("*",), role)
        return sign(load_key(self.data), user=user or new_user(), name=name, grants=grants, ttl=ttl)

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET."""

        def ask() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as refused:
                with refused:
                    return refused.code, refused.read().decode()

        return await asyncio.to_thread(ask)

    async def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended with {self._process.returncode}: {self.log}")
        if self.port == 0:
            lines = self._said.read_text().splitlines()
            found = [word for line in lines for word in line.split() if word.startswith("http://")]
            if not found:
                return False
            self.port = urlsplit(found[0]).port or 0
        try:
            status, _ = await self.get("/readyz")
        except OSError:
            return False
        return status == 200


SOON = {"HEARTH_RECONNECT_SECONDS": "[0.05, 0.3]"}
"""The server's settings where clients should be back sooner than a crowd may be."""

_HEARTH = (sys.executable, "-m", "chat")


def new_name(name: str) -> str:
    """A name that nobody has yet: names are one person's alone, and a test may run twice on one server."""
    number = next(_NUMBERS)
    word = "".join(_LETTERS[int(digit)] for digit in str(number))
    return f"{name} {word.capitalize()}"


_LETTERS = ("ba", "de", "fi", "go", "ju", "ka", "le", "mi", "no", "ru")
"""A syllable for each digit: rules that look at numbers in names have nothing to look at."""


def configured(folder: Path, **tables: str) -> Path:
    """A copy of the project's configuration, with lines added to the end of some of its files."""
    shutil.copytree(ROOT / "config", folder)
    for name, lines in tables.items():
        with (folder / f"{name}.toml").open("a") as file:
            file.write("\n" + lines)
    return folder


@asynccontextmanager
async def serving(
    *, config: Path | None = None, env: Mapping[str, str] | None = None
) -> AsyncIterator[Serving]:
    """A server for as long as the block lasts, on data of its own."""
    with tempfile.TemporaryDirectory(prefix="hearth-") as folder:
        server = Serving(Path(folder), config, env or {})
        try:
            await server.start()
            yield server
            assert await server.stop() == 0, server.log
        finally:
            if server._process is not None and server._process.poll() is None:
                server.kill()
