"""What `hearth doctor` looks at: each check says what it found, and what would mend it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from chat.cli.backup import key_file
from chat.cli.chain import chain, outside
from chat.cli.finding import Finding, State, ok, warn, wrong
from chat.cli.whole import audit
from chat.config import ConfigError
from chat.room.care import load_care
from chat.settings import Settings, load_rooms, unknown_variables
from chat.store.address import StoreRefused, connect, parse
from chat.store.chain import Chain, look_at_chain
from chat.store.checks import Identity, Server, look_at_store
from chat.store.directory import Directory, Running, is_alive
from chat.store.embedded import EmbeddedStore
from chat.store.process import find_server
from chat.tokens import Key, load_key
from moderation import RuleError, load

PYTHON = (3, 11)
SPACE_LEFT = 100 << 20
SPACE_WANTED = 1 << 30
SLOW_SYNC = 0.02
SYNC_TRIES = 5
CERTIFICATE_DAYS = 14
# Beside its connections a node has its store's, its files and its own sockets.
SPARE_DESCRIPTORS = 64


def examine(read_settings: Callable[[], Settings]) -> Iterator[Finding]:
    """Everything, in the order in which it would fail."""
    yield python()
    try:
        settings = read_settings()
    except ConfigError as error:
        for fault in error.faults:
            yield wrong("settings", fault, "mend this, then look again: nothing else was looked at")
        return
    yield ok("settings", f"{settings.folder}")
    for name in unknown_variables():
        yield warn("settings", f"{name} is set, and no setting is called so", "mend its name, or unset it")
    yield from content(settings)
    yield from key(settings)
    yield from directory(settings)
    yield from outside(settings)
    yield from store(settings)
    yield from listening(settings)
    yield descriptors(settings)


def python() -> Finding:
    """The interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        return wrong("python", version, "install Python 3.11 or later")
    return ok("python", version)


def content(settings: Settings) -> Iterator[Finding]:
    """Rooms, rules and the words and lines of care, as a server would read them."""
    folder = settings.folder
    try:
        rooms = load_rooms(folder)
    except ConfigError as error:
        yield from (wrong("rooms", fault, "mend this line") for fault in error.faults)
    else:
        yield ok("rooms", f"{len(rooms.named)} named")
    try:
        pipeline = load(folder)
    except RuleError as error:
        yield from (wrong("rules", line, "mend this line") for line in str(error).splitlines())
    else:
        yield ok("rules", f"proved, {pipeline.digest[:12]}")
        for name in sorted({*settings.review.child_rules} - {rule.id for rule in pipeline.rules.rules}):
            yield warn("rules", f"review.child_rules names {name}, and no rule is called so", "mend its name")
    try:
        care = load_care(folder)
    except ConfigError as error:
        yield from (wrong("care", fault, "mend this line") for fault in error.faults)
        return
    yield ok("care", f"{len(care.helplines)} lines to call or write to")
    for line in care.stale(datetime.now(UTC).date()):
        yield warn("care", line, "call it or look at its source, then set verified_at")
    for line in care.unreviewed():
        yield warn("care", line, "have somebody qualified read it, then name them there")


def key(settings: Settings) -> Iterator[Finding]:
    """The token key."""
    path = key_file(settings)
    if not path.exists():
        if settings.key_file is not None:
            yield wrong(
                "key", f"{path} is not there", "put the key there, or take key_file out of the settings"
            )
        else:
            yield ok("key", "none yet; the first start makes one")
        return
    try:
        found = load_key(settings.data, settings.key_file)
    except ConfigError as error:
        yield from (wrong("key", fault, "restore it from where you keep its copy") for fault in error.faults)
        return
    if path.stat().st_mode & 0o077:
        yield wrong("key", f"others than its owner can read {path}", f"chmod 600 {path}")
    else:
        yield ok("key", f"fingerprint {found.fingerprint}")


def directory(settings: Settings) -> Iterator[Finding]:
    """The data directory: who may read it, whether it can be written and synced, how much room is left."""
    root = settings.data.absolute()
    place = root
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield wrong(
            "data",
            f"{place} can't be written",
            "give it to the server's user, or name another --data",
        )
        return
    if place != root:
        yield ok("data", f"{root} is not there yet; the first start makes it")
    elif stat.S_IMODE(root.stat().st_mode) & 0o077:
        yield wrong("data", f"others than its owner can enter {root}", f"chmod 700 {root}")
    else:
        yield ok("data", f"{root}")
    yield from syncing(place, settings)
    left = shutil.disk_usage(place).free
    says = f"{left / (1 << 30):.1f} GiB left on its disk"
    if left < SPACE_LEFT:
        yield wrong("disk", says, "make room: a full disk stops the store")
    elif left < SPACE_WANTED:
        yield warn("disk", says, "make room: the store needs twice its size while it rewrites its log")
    else:
        yield ok("disk", says)


def syncing(place: Path, settings: Settings) -> Iterator[Finding]:
    """Whether a file there can be put on disk for certain, and how long each message waits for that."""
    times = []
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            for _ in range(SYNC_TRIES):
                file.write(b"." * 512)
                file.flush()
                begun = time.perf_counter()
                os.fsync(file.fileno())
                times.append(time.perf_counter() - begun)
    except OSError as error:
        yield wrong("sync", f"{place} can't be synced ({error.strerror})", "put --data on a local disk")
        return
    typical = sorted(times)[SYNC_TRIES // 2]
    says = f"{typical * 1000:.1f} ms to put a message on disk"
    if typical > SLOW_SYNC and settings.fsync == "always" and settings.store is None:
        yield warn("sync", says, "put --data on a faster disk, or set fsync to everysec")
    else:
        yield ok("sync", says)


def store(settings: Settings) -> Iterator[Finding]:
    """The store, without changing anything in it."""
    if settings.store is not None:
        yield from look(settings, settings.store, f"{parse(settings.store)}")
        return
    try:
        binary = find_server(settings.store_server)
        version = subprocess.run(  # noqa: S603 - the path is the operator's setting, or ours
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except StoreRefused as error:
        yield wrong("binary", *_split(error))
        return
    except (OSError, subprocess.SubprocessError) as error:
        yield wrong(
            "binary",
            f"the store's binary can't be run ({type(error).__name__})",
            "set store_server to another",
        )
        return
    yield ok("binary", " ".join(version.stdout.split()[:3]))
    running = Directory(settings.data).running()
    if running is not None and is_alive(running.node):
        yield from look(settings, running.url, f"embedded, run by process {running.node}")
        return
    try:
        yield ok(
            "store", f"embedded, not running; one on trial was up in {asyncio.run(_try(settings)):.2f} s"
        )
    except StoreRefused as error:
        yield wrong("store", *_split(error))


def look(settings: Settings, url: str, place: str) -> Iterator[Finding]:
    """A running store."""
    mine: Key | None = None
    with contextlib.suppress(ConfigError):
        if key_file(settings).exists():
            mine = load_key(settings.data, settings.key_file)
    fingerprint = mine.fingerprint if mine else ""
    try:
        server, identity, calls = asyncio.run(_look(settings, url, fingerprint))
    except StoreRefused as error:
        yield wrong("store", *_split(error))
        return
    says = f"{place}: {server}, epoch {identity.epoch or 'none yet'}"
    if server.keeps_log:
        yield ok("store", says)
    else:
        yield warn("store", f"{says}, keeps nothing over its own restart", "set appendonly yes there")
    yield from chain(settings, calls)
    if mine is not None and identity.fingerprint:
        yield from audit(settings, url, mine)


async def _look(settings: Settings, url: str, fingerprint: str) -> tuple[Server, Identity, Chain]:
    client = connect(url)
    try:
        server, identity = await look_at_store(
            client, fingerprint=fingerprint, durable=settings.external_durable
        )
        return server, identity, await look_at_chain(client)
    finally:
        await client.aclose()


async def _try(settings: Settings) -> float:
    """Run an empty store for a moment; the seconds that its start took."""
    with tempfile.TemporaryDirectory(prefix="hearth-doctor-") as folder:
        begun = time.perf_counter()
        async with EmbeddedStore(Path(folder), server=settings.store_server, brief=True):
            return time.perf_counter() - begun


def listening(settings: Settings) -> Iterator[Finding]:
    """The address to listen on, and the certificate."""
    running = Directory(settings.data).running() if settings.store is None else None
    yield port(settings.host, settings.port, running)
    if settings.tls_cert is not None and settings.tls_key is not None:
        yield certificate(settings.tls_cert, settings.tls_key)
    elif settings.insecure:
        yield warn(
            "tls", "a public address may be served in the clear (insecure)", "set tls_cert and tls_key"
        )
    else:
        yield ok("tls", "none here: only this machine, or a trusted proxy, is served")


def port(host: str, number: int, running: Running | None) -> Finding:
    """Whether the port is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, number, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        if running is not None and is_alive(running.node):
            return ok(
                "port", f"{host}:{number} is in use, and a server runs on this data (process {running.node})"
            )
        why = error.strerror or type(error).__name__
        return wrong(
            "port",
            f"{host}:{number} can't be listened on ({why})",
            "free it, or name others with --host and --port",
        )
    return ok("port", f"{host}:{number} is free")


def certificate(chain: Path, private: Path) -> Finding:
    """Whether certificate and key belong together, and for how long they hold."""
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(chain, private)
        ends = certificate_end(server, chain)
    except FileNotFoundError as error:
        return wrong("tls", f"{error.filename or chain} is not there", "mend tls_cert and tls_key")
    except ssl.SSLCertVerificationError as error:
        return wrong("tls", f"{chain}: {error.verify_message}", "renew the certificate")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        return wrong("tls", f"{chain} and {private} can't be used ({why})", "mend tls_cert and tls_key")
    days = (ends - time.time()) / 86_400
    says = f"{chain} holds for {days:.0f} days"
    if days < CERTIFICATE_DAYS:
        return warn("tls", says, "renew the certificate")
    return ok("tls", says)


def certificate_end(server: ssl.SSLContext, chain: Path) -> float:
    """When a certificate ends, in seconds since the Unix epoch. Raises SSLCertVerificationError if it has.

    The library tells it only of a certificate that was verified: so one handshake in memory, which trusts it.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(chain)
    ways = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(ways[0], ways[1])
    theirs = server.wrap_bio(ways[1], ways[0], server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    found = ours.getpeercert() or {}
    return ssl.cert_time_to_seconds(str(found["notAfter"]))


def descriptors(settings: Settings) -> Finding:
    """Whether as many connections can be open as the limits allow."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.limits.connections_total + SPARE_DESCRIPTORS
    if most != resource.RLIM_INFINITY and most < wanted:
        return warn(
            "files",
            f"{most} open files are allowed, {wanted} are needed for limits.connections_total",
            f"ulimit -n {wanted} (systemd: LimitNOFILE), or lower that limit",
        )
    return ok(
        "files", f"{'any number of' if most == resource.RLIM_INFINITY else most} open files are allowed"
    )


def _split(error: StoreRefused) -> tuple[str, str]:
    """A refusal's two halves: what is wrong, and after the colon what to do."""
    found, _, mend = str(error).partition(": ")
    return found, mend or "see above"


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong."""
    return all(finding.state is not State.WRONG for finding in findings)
