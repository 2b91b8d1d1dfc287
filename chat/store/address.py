"""Where the store is, and how it is spoken to: one parsed address, one way to connect."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

Client: TypeAlias = Redis
"""A store that is spoken to; for those who hand it on and may not know the vendor."""

# Seconds that one call may take. Without a bound a stopped store hangs its caller for ever.
ANSWER_WITHIN = 5.0
CONNECT_WITHIN = 2.0

SCHEMES = frozenset({"redis", "rediss", "unix"})
LATER = frozenset({"redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"})
# What a URL may set. Timeouts, protocol and retries are ours: a silent retry turns one write into three.
TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
OPTIONS = frozenset({"db", "username", "password", *TLS_OPTIONS})


class StoreRefused(Exception):
    """The store can't be used as it is; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """A store's address that was found usable; it shows no password."""

    url: str = field(repr=False)
    scheme: str
    place: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}"


def parse(url: str) -> Address:
    """Read the address of a store. Raises StoreRefused where it can't be used."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise StoreRefused("the store's address does not parse; write it as redis://HOST:PORT/0") from error
    if parts.scheme in LATER:
        raise StoreRefused(
            f"{parts.scheme}:// is not available yet; give one server as redis:// or rediss://"
        )
    if parts.scheme not in SCHEMES:
        raise StoreRefused(
            "the store's address must begin with redis://, rediss:// (TLS) or unix://,"
            " as in redis://127.0.0.1:6379/0"
        )
    unknown = sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} - OPTIONS)
    if unknown:
        known = ", ".join(sorted(OPTIONS))
        raise StoreRefused(f"the store's address may not set {', '.join(unknown)} (it may set: {known})")
    if parts.scheme == "unix":
        if not parts.path:
            raise StoreRefused(
                "the store's address names no socket; write it as unix:///run/valkey/valkey.sock"
            )
        return Address(url, "unix", parts.path)
    if not parts.hostname:
        raise StoreRefused(f"the store's address names no host; write it as {parts.scheme}://HOST:6379/0")
    base = parts.path.strip("/")
    if base and not base.isdecimal():
        raise StoreRefused(
            f"the store's address ends in the number of a database, as in {parts.scheme}://HOST:6379/0"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Address(urlunsplit(parts), parts.scheme, f"{host}:{parts.port or 6379}/{base or 0}")


def connect(url: str, *, timeout: float = ANSWER_WITHIN, connections: int | None = None) -> Redis:
    """A client of the store at this address; it connects on its first call, and never retries by itself.

    `timeout` bounds each answer, in seconds; `connections` bounds the pool.
    """
    address = parse(url)
    try:
        return Redis.from_url(
            address.url,
            protocol=3,
            decode_responses=False,
            socket_timeout=timeout,
            socket_connect_timeout=min(timeout, CONNECT_WITHIN),
            retry=Retry(NoBackoff(), 0),
            max_connections=connections,
            health_check_interval=0,
            client_name="hearth",
            # The notices are for a vendor's own service; asking a plain server costs a failing command.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
    except ValueError as error:
        raise StoreRefused(f"the store's address {address} has an option that does not parse") from error


async def dial(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection, signed in, for what Redis can't do. Raises OSError, TimeoutError, StoreRefused."""
    parse(url)
    options: Mapping[str, Any] = parse_url(url)
    async with asyncio.timeout(CONNECT_WITHIN):
        if "path" in options:
            reader, writer = await asyncio.open_unix_connection(options["path"])
        else:
            reader, writer = await asyncio.open_connection(
                options.get("host"),
                options.get("port", 6379),
                ssl=tls(options) if url.startswith("rediss:") else None,
            )
        if options.get("password"):
            await ask(reader, writer, "AUTH", options.get("username") or "default", options["password"])
    return reader, writer


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str) -> str:
    """Send a command whose answer is one line, and return that. Raises StoreRefused with its first word."""
    parts = [f"*{len(words)}\r\n".encode()]
    for word in map(str.encode, words):
        parts += [b"$%d\r\n" % len(word), word, b"\r\n"]
    writer.write(b"".join(parts))
    await writer.drain()
    line = (await reader.readline()).decode("utf-8", "replace").strip()
    if not line or line.startswith("-"):
        raise StoreRefused(f"the store refuses {words[0]} ({line[1:].partition(' ')[0] or 'no answer'})")
    return line


def tls(options: Mapping[str, Any]) -> ssl.SSLContext:
    """The TLS that a parsed rediss:// address asks for."""
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_check_hostname") is False or options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
    if options.get("ssl_cert_reqs") == "none":
        context.verify_mode = ssl.CERT_NONE
    if options.get("ssl_certfile"):
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    return context
