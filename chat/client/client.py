"""One person's session over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from chat.client.coding import MOST_BYTES, Frame, decode, encode
from chat.client.events import Events
from chat.client.line import may_return, wait
from chat.protocol.wire import Format, Unreadable
from chat.room.state import Place, View

_PASSING = frozenset({"unavailable", "rate_limited"})
"""Refusals of `hello` and `join` that a later try may not meet."""
_SPAN = (0.5, 5.0)
"""Seconds over which returns are spread until the server names its own."""
_PATIENCE = 30.0
"""Seconds in which a command must be answered."""


class CommandError(Exception):
    """The server's `error`; `reply` is the whole frame."""

    def __init__(self, code: str, text: str, reply: Frame) -> None:
        super().__init__(code)
        self.code = code
        self.text = text
        self.reply = reply


class Lost(Exception):
    """The connection went before the answer came: not known whether the command was done."""


class Ended(Exception):
    """The session is over. `code` is the close code, `refused` why `hello` was refused, if it was."""

    def __init__(self, code: int, refused: CommandError | None = None) -> None:
        super().__init__(f"{code} {refused.code}" if refused else str(code))
        self.code = code
        self.refused = refused


def new_key() -> str:
    """A key that no other command has, so that sending it again stores nothing twice."""
    return secrets.token_urlsafe(16)


class Client:
    """Says hello, joins, sends and hears; comes back by itself, and then to where it was in each room.

    `views` has each joined room as it stands. `name`, `country` and `language` are told once, `options` go to
    `websockets.connect`. Opening raises `Ended` where the server cannot be reached or does not let one in;
    after that only a close code that says so ends the session.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        form: Format = Format.MSGPACK,
        name: str | None = None,
        country: str | None = None,
        language: str | None = None,
        **options: Any,
    ) -> None:
        self.token = token
        """The newest that the server gave, to keep for another time."""
        self.welcome: Frame = {}
        self.views: dict[str, View] = {}
        self._url = url
        self._form = form
        # The key makes an invite one person, however often it has to be sent.
        self._chosen = {"name": name, "country": country, "language": language, "key": new_key()}
        self._options = options
        self._listeners: WeakSet[Events] = WeakSet()
        self._wire: ClientConnection | None = None
        self._asked: dict[int, asyncio.Future[Frame]] = {}
        self._early: dict[str, list[Frame]] = {}
        self._last_id = 0
        self._turned = asyncio.Event()
        """Set while commands can be sent, and once they never can be again."""
        self._end: Ended | None = None
        self._is_leaving = False
        self._is_again = False
        self._asked_wait: float | None = None
        self._tries = 0
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        await self._turned.wait()
        if self._end is not None:
            await self.close()
            raise self._end
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session for good."""
        self._is_leaving = True
        if self._wire is not None:
            await self._wire.close()
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None
        self._finish(Ended(1000))

    # ── what one does ────────────────────────────────────────────────────────────────────────────

    async def request(self, type_: str, **fields: Any) -> Frame:
        """Send a command and return its reply.

        Raises CommandError where it is refused, Ended where the session is over, and Lost where the
        connection went meanwhile; a command with a `key` is sent again instead, until it is answered.
        """
        is_safe = fields.get("key") is not None
        while True:
            await self._opened()
            try:
                return await self._ask(type_, fields)
            except Lost:
                if not is_safe:
                    raise
            except CommandError as refused:
                if not is_safe or refused.code != "unavailable":
                    raise
                await asyncio.sleep(float(refused.reply.get("retry_after") or 1.0))

    async def tell(self, type_: str, **fields: Any) -> None:
        """Send a command that has no reply, such as `typing`. Nobody is told where it was lost."""
        await self._opened()
        if self._wire is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._wire.send(encode({"type": type_, **fields}, self._form))

    async def join(self, room: str, *, agree: int | None = None) -> View:
        """Enter a room; its view follows what happens from here on."""
        await self.request("join", room=room, agree=agree)
        return self.views[room]

    async def leave(self, room: str) -> None:
        """Leave a room; it is not joined again on coming back."""
        await self.request("leave", room=room)
        self.views.pop(room, None)

    async def post(self, room: str, text: str, *, key: str | None = None, **fields: Any) -> Frame:
        """Say something, once, however often it has to be sent; return the `posted` reply."""
        return await self.request("post", room=room, key=key or new_key(), text=text, **fields)

    async def history(self, room: str, **fields: Any) -> list[Frame]:
        """A page of the log, `before` or `after` a seq, put into the room's view as well."""
        page = await self.request("history", room=room, **fields)
        events: list[Frame] = page["events"]
        self.views[room].add(events)
        return events

    def events(self) -> Events:
        """Listen from now on to every event that is new in its log, and to those that are in none.

        A `joined` reply comes first whenever a room was entered, also after coming back: it says whether what
        was missed follows.
        """
        listener = Events()
        if self._end is not None:
            listener.finish(self._end)
        self._listeners.add(listener)
        return listener

    @property
    def is_open(self) -> bool:
        """Whether there is a connection on which everything was joined."""
        return self._turned.is_set() and self._end is None

    def drop(self) -> None:
        """Cut the connection as a broken network does; the client comes back by itself."""
        if self._wire is not None:
            self._wire.transport.abort()

    # ── the line ─────────────────────────────────────────────────────────────────────────────────

    async def _opened(self) -> None:
        while self._end is None and not self._turned.is_set():
            await self._turned.wait()
        if self._end is not None:
            raise self._end

    async def _run(self) -> None:
        was_open = False
        while True:
            self._is_again = False
            end = await self._session()
            was_open = was_open or bool(self.welcome)
            if self._is_leaving or not was_open or not (self._is_again or may_return(end.code)):
                self._finish(end)
                return
            server = self.welcome.get("server", {})
            low, high = server.get("reconnect", _SPAN)
            pause = wait(self._tries, (low, high), self._asked_wait, random.random())
            self._tries += 1
            self._asked_wait = None
            await asyncio.sleep(pause)

    async def _session(self) -> Ended:
        """One connection from its opening to its end."""
        try:
            wire = await connect(
                self._url,
                subprotocols=[Subprotocol(self._form.value)],
                compression=None,
                max_size=MOST_BYTES,
                **self._options,
            )
        except InvalidStatus as closed_door:
            return Ended(1013 if closed_door.response.status_code in (429, 503) else 1008)
        except (OSError, TimeoutError, InvalidHandshake):
            return Ended(1006)
        self._wire = wire
        opening = asyncio.create_task(self._open(wire))
        try:
            async for data in wire:
                self._hear(decode(data))
        except Unreadable:
            await wire.close(1007)
        except ConnectionClosed:
            pass
        finally:
            self._lose()
            [opened] = await asyncio.gather(opening, return_exceptions=True)
        await wire.close()
        return Ended(wire.close_code or 1006, opened if isinstance(opened, CommandError) else None)

    def _lose(self) -> None:
        """Without a connection nothing is answered any more."""
        self._wire = None
        if self._end is None:
            self._turned.clear()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(Lost())
                answer.exception()  # who still sends does not wait for it yet

    async def _open(self, wire: ClientConnection) -> None:
        """Say hello, and enter every room again."""
        try:
            hello = {"token": self.token, **self._chosen, "client": "hearth-python"}
            self.welcome = await self._ask("hello", hello)
            self.token = self.welcome.get("token", self.token)
            self._chosen = {}
            for room in list(self.views):
                await self._rejoin(room)
        except Exception as error:
            if isinstance(error, CommandError) and error.code in _PASSING:
                self._is_again, self._asked_wait = True, error.reply.get("retry_after")
            self._is_again = self._is_again or isinstance(error, TimeoutError)
            await wire.close()
            raise
        self._tries = 0
        self._turned.set()

    async def _rejoin(self, room: str) -> None:
        """Enter a room from where one is in it. A room that does not let one in again is left."""
        view = self.views[room]
        fields = {"room": room, "since": view.head, "epoch": view.epoch, "usince": view.uhead}
        try:
            await self._ask("join", fields)
        except CommandError as refused:
            if refused.code in _PASSING:
                raise
            self.views.pop(room, None)
            self._tell({**refused.reply, "room": room})

    def _finish(self, end: Ended) -> None:
        if self._end is None:
            self._end = end
        self._turned.set()
        for listener in list(self._listeners):
            listener.finish(StopAsyncIteration() if self._is_leaving else self._end)

    # ── frames ───────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, type_: str, fields: Frame) -> Frame:
        """Send one command on this connection and wait for its answer."""
        if self._wire is None:
            raise Lost
        self._last_id += 1
        number = self._last_id
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._wire.send(encode({"type": type_, "id": number, **fields}, self._form))
                reply = await answer
        except ConnectionClosed:
            raise Lost from None
        finally:
            del self._asked[number]
        if reply["type"] == "error":
            raise CommandError(reply["code"], reply["text"], reply)
        return reply

    def _hear(self, frame: Frame) -> None:
        """Take in one frame. A `joined` is entered before any event that follows it is looked at."""
        if frame["type"] == "joined":
            self._enter(frame)
        answer = self._asked.get(frame.get("id", 0))
        if answer is not None:
            if not answer.done():
                answer.set_result(frame)
            return
        if frame["type"] == "draining":
            self._asked_wait = float(frame["reconnect_after"])
        if frame["type"] != "joined":
            self._event(frame)

    def _enter(self, joined: Frame) -> None:
        room = joined["room"]
        view = self.views.get(room)
        is_back = view is not None
        view = view or self.views.setdefault(room, View(room))
        fresh = view.enter(joined)
        self._tell(joined)
        for event in fresh if is_back and joined["recovered"] else ():
            self._tell(dict(event))
        for event in self._early.pop(room, ()):
            self._event(event)

    def _event(self, event: Frame) -> None:
        view = self.views.get(event.get("room", ""))
        if view is None or event["type"] == "error":
            self._tell(event)
            return
        place = view.place(event)
        if place is Place.GAP:
            self._mend(view.room, event)
        elif place is not Place.SEEN:
            view.apply(event)
            self._tell(event)

    def _mend(self, room: str, event: Frame) -> None:
        """Something is missing before this event: ask for it, and keep what comes meanwhile."""
        is_asked = room in self._early
        self._early.setdefault(room, []).append(event)
        if not is_asked and self._turned.is_set():
            task = asyncio.create_task(self._mended(room))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _mended(self, room: str) -> None:
        try:
            await self._rejoin(room)
        except (CommandError, Lost, TimeoutError):
            self.drop()

    def _tell(self, event: Frame) -> None:
        for listener in list(self._listeners):
            listener.put(event)
