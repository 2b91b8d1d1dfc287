"""A signed webhook, as Standard Webhooks describes it: one POST, its own address check, no redirects.

The HTTP is written by hand because it is so little: a request of fixed form, of whose answer only the status counts.
It connects to the very address that was checked, under one deadline for all of it; a client library resolves the name
again when it connects, and a redirect could lead it elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from chat.node.ports import NotSent, Page
from chat.notify.guard import is_public

MOST_LINES: Final = 100
"""Header lines of an interim answer that are read over."""
LINE: Final = 8_192
"""Bytes of one."""
MOST_ADDRESSES: Final = 3
"""Addresses of one name that are tried."""


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: with `whsec_` before it, what follows is base64."""
    prefix, found, rest = secret.partition("whsec_")
    return base64.b64decode(rest) if found and not prefix else secret.encode()


def signature(key: bytes, call: str, at: int, body: bytes) -> str:
    """The value of `webhook-signature`: HMAC-SHA256 over id, time and body."""
    signed = hmac.new(key, b".".join((call.encode(), str(at).encode(), body)), hashlib.sha256)
    return "v1," + base64.b64encode(signed.digest()).decode()


def body_of(page: Page) -> bytes:
    """What is told: that somebody is needed, and where. No word of anybody, no name."""
    text = f"{page.severity} signal in room {page.room}, flag {page.flag}"
    told = {
        "type": "hearth.call",
        "call": page.call,
        "room": page.room,
        "flag": page.flag,
        "severity": page.severity,
        "step": page.step,
        "at": page.at,
        "on_call": list(page.on_call),
        "text": text[:1].upper() + text[1:],
    }
    return json.dumps(told, separators=(",", ":")).encode()


class Webhook:
    """One target that is called by HTTP."""

    def __init__(self, url: str, secret: str, *, timeout: float, allow_private: bool) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._netloc = parts.netloc
        self._key = key_of(secret)
        self._timeout = timeout
        self._allow_private = allow_private

    async def send(self, page: Page) -> None:
        """Deliver one call. Raises NotSent with one word of why."""
        body, at = body_of(page), int(time.time())
        head = self._head(page.call, at, body)
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._ask(head + body)
        except TimeoutError:
            raise NotSent("timeout") from None
        if not 200 <= status < 300:
            raise NotSent(f"status_{status}")

    def _head(self, call: str, at: int, body: bytes) -> bytes:
        headers: Mapping[str, str] = {
            "Host": self._netloc,
            "User-Agent": "Hearth",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Idempotency-Key": call,
            "webhook-id": call,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(self._key, call, at, body),
        }
        lines = [f"POST {self._path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")

    async def _ask(self, request: bytes) -> int:
        """Send a request to the first address that takes it; the status of its answer."""
        why = "connect"
        for address in await self._addresses():
            try:
                reader, writer = await asyncio.open_connection(
                    address,
                    self._port,
                    ssl=ssl.create_default_context() if self._tls else None,
                    server_hostname=self._host if self._tls else None,
                    limit=LINE,
                )
            except ssl.SSLError:
                why = "tls"
                continue
            except OSError:
                continue
            try:
                writer.write(request)
                await writer.drain()
                return await _status(reader)
            except (OSError, ValueError, asyncio.IncompleteReadError):
                why = "answer"
            finally:
                with contextlib.suppress(OSError):
                    writer.transport.abort()
        raise NotSent(why)

    async def _addresses(self) -> list[str]:
        """The name's addresses, each checked: one that leads inside refuses the name as a whole."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError:
            raise NotSent("name") from None
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise NotSent("address_inside")
        return addresses[:MOST_ADDRESSES]


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of the answer that counts: interim ones are read over."""
    for _ in range(5):
        version, _, rest = (await reader.readline()).partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("not HTTP")
        status = int(rest[:3])
        if status >= 200:
            return status
        for _ in range(MOST_LINES):
            if (await reader.readline()).strip() == b"":
                break
    raise ValueError("no answer")
