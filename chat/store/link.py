"""One pipelined connection to the store, for what is hot: running scripts and hearing channels.

redis-py takes ten times as long to read a published message and waits for each answer before the next call;
here the calls of one loop turn leave in one write and are answered in their order. It makes no retry: whoever
calls knows whether the same call is safe to send again. All else goes through redis-py.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
import structlog
from redis.asyncio.connection import parse_url

from chat.node.ports import Unavailable
from chat.store.address import ANSWER_WITHIN, CONNECT_WITHIN

log = structlog.get_logger(__name__)

BACKOFF = 0.05
BACKOFF_LIMIT = 1.0

Word = bytes | str | int | float | memoryview
Push = Callable[[list[Any]], None]
Heard = Callable[[Any], None]
"""Gets an answer, or what there is instead as a value: hiredis' ReplyError, or Unavailable."""


def into(answer: asyncio.Future[Any]) -> Heard:
    """Hand what is heard to whoever waits for it."""

    def heard(reply: Any) -> None:
        if not answer.done():
            if isinstance(reply, Exception):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)

    return heard


class Link(asyncio.Protocol):
    """A connection that is kept up: it connects again by itself, and calls `on_up` each time that it has.

    `on_push` gets what the store sends unasked: published messages and confirmations of subscriptions.
    A call without an answer within five seconds takes it down: what was under way is then unknown.
    """

    def __init__(self, url: str, name: str, *, on_push: Push | None = None) -> None:
        self._url = url
        self._name = name
        self._on_push = on_push
        self.on_up: Callable[[], None] | None = None
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self._waiting: deque[Heard] = deque()
        self._unsent: list[bytes] = []
        self._keeper: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._oldest_at_last_look: Heard | None = None
        self.is_up = False

    async def open(self) -> None:
        """Connect for the first time, and stay connected.

        Raises Unavailable where the store does not answer.
        """
        try:
            await self._connect()
        except (OSError, TimeoutError, Unavailable) as error:
            self._drop()
            raise Unavailable from error
        self._keeper = asyncio.create_task(self._keep_up())

    async def close(self) -> None:
        """Disconnect for good; what is under way is unknown."""
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self._drop()

    def call(self, *words: Word) -> asyncio.Future[Any]:
        """Send a command; the future holds its answer, or hiredis' ReplyError, or Unavailable."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.send(words, into(answer))
        return answer

    def send(self, words: tuple[Word, ...], heard: Heard) -> None:
        """Send a command; `heard` is called in the turn that brings its answer, and never before this returns."""
        if self._transport is None or not (self.is_up or self._keeper is None):
            asyncio.get_running_loop().call_soon(heard, Unavailable())
        else:
            self._send(words, heard)

    async def ask(self, *words: Word) -> Any:
        """Send a command and wait for its answer. Raises Unavailable, whatever is wrong with the store."""
        try:
            return await self.call(*words)
        except hiredis.HiredisError as error:
            raise Unavailable(str(error).split(" ", 1)[0]) from None

    def _send(self, words: tuple[Word, ...], heard: Heard) -> None:
        self._waiting.append(heard)
        self._queue(words)

    def _queue(self, words: tuple[Word, ...]) -> None:
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub: a tuple of one

    def tell(self, *words: Word) -> None:
        """Send a command whose answer comes as a push (subscribe, unsubscribe), where the link is up."""
        if self._transport is None or not self.is_up:
            return
        self._queue(words)

    def _flush(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        if self._transport is not None and data:
            self._transport.write(data)

    # ── asyncio.Protocol ─────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the new connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._reader = hiredis.Reader()
        self._lost.clear()

    def data_received(self, data: bytes) -> None:
        """Hand each answer to the oldest call, each push to `on_push`."""
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            if isinstance(reply, hiredis.PushNotification):
                if self._on_push is not None:
                    self._on_push(reply)
                continue
            if not waiting:
                log.warning("store.unasked")
                self._drop()
                return
            self._answer(waiting.popleft(), reply)

    def connection_lost(self, _: Exception | None) -> None:
        """What was under way is unknown now."""
        self._transport = None
        self.is_up = False
        self._unsent.clear()
        waiting, self._waiting = self._waiting, deque()
        for heard in waiting:
            self._answer(heard, Unavailable())
        self._lost.set()

    @staticmethod
    def _answer(heard: Heard, reply: Any) -> None:
        try:
            heard(reply)
        except Exception as error:  # one caller's fault must not cost the others their answers
            log.exception("store.answer_failed", error=type(error).__name__)

    # ── keeping up ───────────────────────────────────────────────────────────────────────────────

    async def _connect(self) -> None:
        options: dict[str, Any] = dict(parse_url(self._url))
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_WITHIN):
            if "path" in options:
                await loop.create_unix_connection(lambda: self, options["path"])
            else:
                context = _tls(options) if self._url.startswith("rediss:") else None
                await loop.create_connection(
                    lambda: self, options.get("host", "localhost"), options.get("port", 6379), ssl=context
                )
            hello: list[Word] = ["HELLO", 3]
            if options.get("password"):
                hello += ["AUTH", options.get("username") or "default", options["password"]]
            asked: list[tuple[Word, ...]] = [(*hello, "SETNAME", self._name)]
            if options.get("db"):
                asked.append(("SELECT", options["db"]))
            answers = [loop.create_future() for _ in asked]
            for words, answer in zip(asked, answers, strict=True):
                self._send(words, into(answer))
            try:
                await asyncio.gather(*answers)
            except hiredis.HiredisError as error:
                raise Unavailable from error
        self.is_up = True
        self._oldest_at_last_look = None
        if self._watch is None:
            self._look()
        if self.on_up:
            self.on_up()

    async def _keep_up(self) -> None:
        """Connect again after each loss, with growing waits."""
        while True:
            await self._lost.wait()
            log.warning("store.lost", link=self._name)
            wait = BACKOFF
            while not self.is_up:
                try:
                    await self._connect()
                except (OSError, TimeoutError, Unavailable):
                    self._drop()
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, BACKOFF_LIMIT)
            log.info("store.back", link=self._name)

    def _look(self) -> None:
        """Take the connection down where the oldest call has waited for a whole period."""
        oldest = self._waiting[0] if self._waiting else None
        if oldest is not None and oldest is self._oldest_at_last_look:
            log.warning("store.silent", link=self._name)
            self._drop()
            oldest = None
        self._oldest_at_last_look = oldest
        self._watch = asyncio.get_running_loop().call_later(ANSWER_WITHIN / 2, self._look)

    def drop(self) -> None:
        """Cut the connection, which then comes up anew."""
        self._drop()

    def _drop(self) -> None:
        if self._watch and (self._keeper is None or self._keeper.done()):
            self._watch.cancel()
            self._watch = None
        if self._transport is not None:
            self._transport.abort()
            self.connection_lost(None)


def _tls(options: dict[str, Any]) -> ssl.SSLContext:
    """The TLS settings that the store's address asks for."""
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_check_hostname") in (False, "false", "False", "0"):
        context.check_hostname = False
    if options.get("ssl_cert_reqs") in ("none", "None", None) and "ssl_cert_reqs" in options:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.get("ssl_certfile"):
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    return context
