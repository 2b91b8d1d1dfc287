"""What the fault tests stand on: processes that can be killed, a bare client, a store read from behind.

The client here is bare on purpose: it never comes back, retries or repairs by itself, so that a test sees
what the server does and not what a good client makes of it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import itertools
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import msgpack
from redis import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from chat.store.process import find_server
from chat.tokens import load_key, sign
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
ROOM = "open-circle"
OTHER = "evening-circle"

UNLIMITED = {
    "HEARTH_LIMITS__RATE_SECONDS": "0",
    "HEARTH_LIMITS__CONNECTIONS": "0",
    "HEARTH_LIMITS__FRAMES_SECOND": "100000",
}
"""The server's settings where a test is about something else than its limits."""

Frame = dict[str, Any]
_USERS = itertools.count()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@functools.cache
def calm() -> Path:
    """The project's configuration with the rules against flooding off: load is not what they judge here."""
    folder = Path(tempfile.mkdtemp(prefix="hearth-calm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return copy_config(folder / "config", **{"room.flood": "off", "room.repeat": "off"})


def copy_config(folder: Path, **modes: str) -> Path:
    """A configuration of one's own, with the modes of some rules changed."""
    shutil.copytree(ROOT / "config", folder)
    profiles = folder / "rules" / "profiles.toml"
    changed = "".join(f'"{rule}" = "{mode}"\n' for rule, mode in modes.items())
    profiles.write_text(profiles.read_text().replace("[profile.default]\n", f"[profile.default]\n{changed}"))
    return folder


class Server:
    """One node in its own process. It can be killed and started again on the same port and data."""

    def __init__(
        self,
        data: Path,
        *,
        store: str | None = None,
        config: Path | None = None,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.data = data
        self.store = store
        self.config = config or calm()
        self.env = {**UNLIMITED, **(env or {})}
        self.port = free_port()
        self.log = log or data.with_suffix(".log")
        self.said = data.with_suffix(".out")
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start the process, without waiting for it."""
        words = [sys.executable, "-m", "chat", "serve", "--data", str(self.data), "--port", str(self.port)]
        words += ["--store", self.store] if self.store else []
        words += ["--config", str(self.config)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
        self.said.write_bytes(b"")
        with self.log.open("ab") as log, self.said.open("ab") as said:
            self.process = subprocess.Popen(
                words, cwd=ROOT, env={**kept, **self.env}, stdin=subprocess.DEVNULL, stdout=said, stderr=log
            )

    async def start(self) -> Self:
        """Start it, and wait until it says that it is ready."""
        self.launch()

        def is_up() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(
                    f"the server ended with {self.process.returncode}: {self.log.read_text()}"
                )
            return b"ready at" in self.said.read_bytes()

        await wait_until(is_up, 40)
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def store_pid(self) -> int:
        """The embedded store's process, 0 while there is none."""
        with contextlib.suppress(OSError, ValueError):
            return int(json.loads((self.data / "store.json").read_text())["store"])
        return 0

    @property
    def store_url(self) -> str:
        """Where the store is, whoever runs it."""
        if self.store:
            return self.store
        return f"unix://{json.loads((self.data / 'store.json').read_text())['socket']}"

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End it as a crash does: at once, and without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def ended(self, timeout: float = 30) -> int:  # noqa: ASYNC109 - passed on to wait_until
        """Its exit code, once it has ended."""
        assert self.process is not None
        process = self.process
        await wait_until(lambda: process.poll() is not None, timeout)
        return int(process.returncode)

    async def stop(self) -> int:
        """Tell it to drain; its exit code."""
        if self.is_alive:
            self.signal(signal.SIGTERM)
        return await self.ended()

    async def get(self, path: str) -> tuple[int, str]:
        """A plain GET: status and body; 0 where nobody answered."""

        def ask() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()
            except OSError:
                return 0, ""

        return await asyncio.to_thread(ask)

    async def is_ready(self) -> bool:
        return (await self.get("/readyz"))[0] == 200

    def token(
        self, role: str = "participant", user: str = "", *, name: str = "", rooms: tuple[str, ...] = ("*",)
    ) -> str:
        """A signed token; without `user`, for somebody new."""
        user = user or new_user(role)
        grants = dict.fromkeys(rooms, role)
        return sign(load_key(self.data), user=user, name=name or name_of(user), grants=grants, ttl=3_600)

    @asynccontextmanager
    async def client(
        self,
        role: str = "participant",
        user: str = "",
        *,
        rooms: tuple[str, ...] = ("*",),
        form: str = "json",
        join: str | None = ROOM,
        port: int = 0,
    ) -> AsyncIterator[Client]:
        """Somebody who has said hello, and joined a room unless that is None."""
        user = user or new_user(role)
        async with dial(port or self.port, form=form) as client:
            client.user = user
            await client.hello(self.token(role, user, rooms=rooms))
            if join:
                await client.join(join)
            yield client


def new_user(role: str) -> str:
    """An id that no test used before."""
    return f"u_{role}_{next(_USERS)}_{os.getpid()}"


def name_of(user: str) -> str:
    """A name that nobody could mind: words alone, so that no rule about numbers looks at it."""
    digits = re.sub(r"\D", "", user)
    return "Fern " + "".join("abcdefghij"[int(digit)] for digit in digits) if digits else f"Fern {user[2:]}"


def _share_key(of: Path, to: Path) -> None:
    to.mkdir()
    (to / "token.key").write_bytes((of / "token.key").read_bytes())


@asynccontextmanager
async def serving(data: Path, *, key_of: Server | None = None, **options: Any) -> AsyncIterator[Server]:
    """A server for as long as the block lasts, with the token key of another one where that is given."""
    server = Server(data, **options)
    if key_of is not None:
        _share_key(key_of.data, data)
    try:
        await server.start()
        yield server
    finally:
        if server.is_alive:
            with contextlib.suppress(ProcessLookupError):
                if server.store_pid and not server.store:
                    os.kill(server.store_pid, signal.SIGCONT)
            server.signal(signal.SIGCONT)
            server.kill()
            if not server.store:
                await wait_until(lambda: not is_alive(server.store_pid))


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs."""
    if not pid:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")


class OutsideStore:
    """A store that no node runs: on a TCP port, with a log that is synced on each write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    async def start(self, *more: str) -> Self:
        words = [
            str(find_server()), "--port", str(self.port), "--bind", HOST, "--dir", str(self.folder),
            "--appendonly", "yes", "--appendfsync", "always", "--save", "",
            "--maxmemory-policy", "noeviction",
            "--logfile", str(self.folder / "store.log"), "--enable-debug-command", "yes", *more,
        ]  # fmt: skip
        self.process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this call
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

        def answers() -> bool:
            try:
                with Redis.from_url(self.url) as client:
                    return bool(client.ping())
            except Exception:  # noqa: BLE001 - it is not up yet, whatever it says
                return False

        await wait_until(answers, 20)
        return self

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@asynccontextmanager
async def outside_store(folder: Path) -> AsyncIterator[OutsideStore]:
    """Such a store for as long as the block lasts."""
    store = OutsideStore(folder)
    try:
        yield await store.start()
    finally:
        if store.process is not None and store.process.poll() is None:
            store.signal(signal.SIGCONT)
            store.kill()


@asynccontextmanager
async def two_nodes(
    folder: Path, *, first: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Server, Server, OutsideStore]]:
    """Two nodes with one key on one store."""
    async with outside_store(folder / "shared") as store:
        a = Server(folder / "a", store=store.url, env=first)
        b = Server(folder / "b", store=store.url, env=first)
        load_key(a.data)
        b.data.mkdir()
        (b.data / "token.key").write_bytes((a.data / "token.key").read_bytes())
        try:
            await a.start()
            await b.start()
            yield a, b, store
        finally:
            for node in (a, b):
                if node.is_alive:
                    node.signal(signal.SIGCONT)
                    node.kill()


# ── a client ─────────────────────────────────────────────────────────────────────────────────────


class Refused(Exception):
    """The server's `error`."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame["code"])
        self.code: str = frame["code"]
        self.frame = frame


class Gone(Exception):
    """The connection ended before the answer."""


class Client:
    """One connection: what it got, in order, and the answers to what it asked."""

    def __init__(self, wire: ClientConnection, form: str) -> None:
        self.wire = wire
        self.form = form
        self.user = ""
        self.frames: list[Frame] = []
        """All that is no reply."""
        self.trail: list[Frame] = []
        """Everything, replies included."""
        self.code: int | None = None
        """How the connection ended; None while it is open."""
        self.reason = ""
        self.joined: Frame = {}
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Frame]] = {}
        self._reader = asyncio.create_task(self._read())
        self.on_frame: Callable[[Frame], None] = lambda frame: None

    async def _read(self) -> None:
        try:
            async for data in self.wire:
                self._take(msgpack.unpackb(data) if isinstance(data, bytes) else json.loads(data))
        except ConnectionClosed:
            pass
        finally:
            self.code = self.wire.close_code or 1006
            self.reason = self.wire.close_reason or ""
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(Gone(self.code))
                    answer.exception()

    def _take(self, frame: Frame) -> None:
        self.trail.append(frame)
        answer = self._asked.pop(frame["id"], None) if "id" in frame else None
        if answer is None:
            self.frames.append(frame)
            self.on_frame(frame)
        elif not answer.done():
            answer.set_result(frame)

    def pack(self, frame: Frame) -> str | bytes:
        return json.dumps(frame) if self.form == "json" else msgpack.packb(frame)

    async def send(self, frame: Frame) -> None:
        """Send without waiting for an answer."""
        try:
            await self.wire.send(self.pack(frame))
        except ConnectionClosed:
            raise Gone from None

    def begin(self, type_: str, **fields: Any) -> asyncio.Future[Frame]:
        """Send a command now; its answer comes in the future."""
        number = next(self._ids)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        # Straight to the transport: commands leave in the order of the calls.
        frame = self.pack({"type": type_, "id": number, **{k: v for k, v in fields.items() if v is not None}})
        if self.code is not None or self.wire.transport.is_closing():
            answer.set_exception(Gone())
            answer.exception()
        else:
            self.wire.transport.write(masked(frame))
        return answer

    async def ask(self, type_: str, **fields: Any) -> Frame:
        """Send a command and wait for its answer, which may be an error frame."""
        async with asyncio.timeout(40):
            return await self.begin(type_, **fields)

    async def call(self, type_: str, **fields: Any) -> Frame:
        """The same; an error is raised."""
        frame = await self.ask(type_, **fields)
        if frame["type"] == "error":
            raise Refused(frame)
        return frame

    async def hello(self, token: str, **fields: Any) -> Frame:
        return await self.call("hello", token=token, **fields)

    async def join(self, room: str = ROOM, **fields: Any) -> Frame:
        try:
            self.joined = await self.call("join", room=room, **fields)
        except Refused as refused:
            if refused.code != "agreement_required":
                raise
            version = refused.frame["agreement"]["version"]
            self.joined = await self.call("join", room=room, agree=version, **fields)
        return self.joined

    async def post(self, text: str, key: str, room: str = ROOM, **fields: Any) -> Frame:
        return await self.call("post", room=room, key=key, text=text, **fields)

    def events(self, room: str = ROOM) -> list[Frame]:
        """The room's log as this client knows it: what the join brought, then what came live."""
        before = self.joined.get("events", []) if self.joined.get("room") == room else []
        return [*before, *(frame for frame in self.frames if frame.get("room") == room and "seq" in frame)]

    def got(self, type_: str) -> list[Frame]:
        return [frame for frame in self.frames if frame["type"] == type_]

    async def closed(self, timeout: float = 10) -> int:  # noqa: ASYNC109 - passed on to wait_until
        """The close code, once the connection has ended."""
        await wait_until(lambda: self.code is not None, timeout)
        assert self.code is not None
        return self.code

    async def drop(self) -> None:
        """Vanish: reset the connection without a close frame."""
        raw = self.wire.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.wire.transport.abort()
        await self._reader

    async def end(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            await self.wire.close()
        await self._reader


def masked(data: str | bytes) -> bytes:
    """One whole client frame; a mask of zeros is a mask."""
    payload = data.encode() if isinstance(data, str) else data
    first = 0x81 if isinstance(data, str) else 0x82
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + b"\0\0\0\0" + payload


@asynccontextmanager
async def dial(port: int, *, form: str = "json", **options: Any) -> AsyncIterator[Client]:
    """An open connection on which nothing was said yet."""
    wire = await connect(
        f"ws://{HOST}:{port}/ws",
        subprotocols=[Subprotocol(f"hearth.v1.{form}")],
        compression=None,
        ping_interval=None,
        max_size=None,
        max_queue=None,
        proxy=None,
        open_timeout=20,
        close_timeout=2,
        **options,
    )
    client = Client(wire, form)
    try:
        yield client
    finally:
        await client.end()


AWAY = (Gone, ConnectionClosed, InvalidHandshake, OSError, TimeoutError)
"""Every way in which a node that was killed is not there."""


# ── the store, from behind ───────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def behind(server: Server) -> Iterator[Redis]:
    """The store itself, past the server."""
    with Redis.from_url(server.store_url, protocol=3) as client:
        yield client


def log_of(server: Server, room: str = ROOM) -> dict[int, Frame]:
    """A room's log as it is stored."""
    with behind(server) as store:
        found = store.hgetall(f"hearth:{{{room}}}:log")
        head = int(store.hget(f"hearth:{{{room}}}:heads", ":room") or 0)
    log = {
        int(seq): msgpack.unpackb(entry) for seq, entry in sorted(found.items(), key=lambda row: int(row[0]))
    }
    assert list(log) == list(range(1, head + 1)), "the log has a gap or an entry past its head"
    return log


def messages_of(server: Server, room: str = ROOM) -> list[Frame]:
    """The log's messages, in order."""
    return [entry for entry in log_of(server, room).values() if entry["type"] == "message"]


def flags_of(server: Server, room: str = ROOM) -> list[Frame]:
    """Every flag of a room."""
    with behind(server) as store:
        wires = [store.hget(key, "wire") for key in store.scan_iter(f"hearth:{{{room}}}:flag:*", 1_000)]
    return [msgpack.unpackb(wire) for wire in wires if wire]


def audit_of(server: Server, room: str = ROOM) -> list[Frame]:
    """A room's audit trail, in order."""
    with behind(server) as store:
        found = store.hgetall(f"hearth:{{{room}}}:audit")
    return [msgpack.unpackb(entry) for _, entry in sorted(found.items(), key=lambda row: int(row[0]))]


def words(number: int) -> str:
    """A harmless text that no rule about numbers or repeats looks at, different for each number."""
    syllables = ("ba", "lo", "mu", "ne", "ra", "su", "ti", "vo", "ke", "du")
    return "today was calm " + "".join(syllables[int(digit)] for digit in str(number))
