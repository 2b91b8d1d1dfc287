"""The rooms' logs over the store: scripts and reads on one pipelined link, channels on another."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hiredis
import msgpack
import structlog

from chat.node.ports import Args, Hear, Snapshot, Unavailable
from chat.store.keys import IDENTITY, NODES, ROOMS, canary, in_room, is_room_id, ready
from chat.store.link import Link, Word
from chat.store.scripts import Script, Scripts, Seal, raw

log = structlog.get_logger(__name__)

CANARY_EVERY = 1.0
DEAF_AFTER = 3.0
"""Seconds without one's own canary after which a node is not ready and subscribes anew."""

_NUMBER = struct.Struct(">Q")


class Broker:
    """Implements `chat.node.ports.Broker`."""

    def __init__(self, url: str, node: str, seal: Seal) -> None:
        self.node = node
        self._calls = Link(url, "hearth-calls")
        self._ear = Link(url, "hearth-ear", on_push=self._hear)
        self._scripts = Scripts(self._calls, seal)
        self._channels: dict[bytes, tuple[Hear, Callable[[], None]]] = {}
        self._heard_at = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self.on_up: Callable[[], None] = lambda: None
        self._canary = canary(node)
        self._background: set[asyncio.Task[None]] = set()

    async def open_to_read(self) -> None:
        """Connect for reads alone: nothing is loaded, kept or heard. Raises Unavailable."""
        await self._calls.open()

    async def open(self) -> None:
        """Connect both links. Raises Unavailable where the store does not answer."""
        self._calls.on_up = self._calls_up
        self._ear.on_up = self._ear_up
        self._channels[self._canary.encode()] = (self._canary_heard, lambda: None)
        await self._calls.open()
        await self._ear.open()
        self._tasks = [asyncio.create_task(self._sing())]

    async def close(self) -> None:
        """Disconnect."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Unavailable):
            await self.ask("HDEL", NODES, self.node)
        await self._ear.close()
        await self._calls.close()

    @property
    def is_healthy(self) -> bool:
        """Whether both links are up and the canary was heard of late."""
        return self._calls.is_up and self._ear.is_up and time.monotonic() - self._heard_at < DEAF_AFTER

    async def ask(self, *words: Word) -> Any:
        """One plain command of the store. Raises Unavailable."""
        return await self._calls.ask(*words)

    # ── scripts ──────────────────────────────────────────────────────────────────────────────────

    def accept(self, room: str, args: Args, heard: Callable[[Args | Unavailable], None]) -> None:
        """See lua/accept.lua; `answer` comes back as bytes, `decision` as a map."""

        def answered(reply: Args | Unavailable) -> None:
            if isinstance(reply, dict):
                if "answer" in reply:
                    reply["answer"] = raw(reply["answer"])
                if "decision" in reply:
                    reply["decision"] = msgpack.unpackb(raw(reply["decision"]))
            heard(reply)

        self._scripts.start(Script.ACCEPT, room, args, answered)

    async def act(self, room: str, args: Args) -> Args:
        """See lua/act.lua."""
        return await self._scripts.run(Script.ACT, room, args)

    async def decide(self, room: str, args: Args) -> Args:
        """See lua/decide.lua."""
        return await self._scripts.run(Script.DECIDE, room, args)

    async def erase(self, room: str, args: Args) -> Args:
        """See lua/erase.lua."""
        return await self._scripts.run(Script.ERASE, room, args)

    async def presence(self, room: str, args: Args) -> Args:
        """See lua/presence.lua."""
        return await self._scripts.run(Script.PRESENCE, room, args)

    async def clock(self, room: str, args: Args) -> Args:
        """See lua/clock.lua."""
        return await self._scripts.run(Script.CLOCK, room, args)

    async def redeem(self, args: Args) -> Args:
        """See lua/redeem.lua."""
        return await self._scripts.run(Script.REDEEM, "people", args)

    # ── channels ─────────────────────────────────────────────────────────────────────────────────

    def subscribe(self, room: str, kind: str, hear: Hear, caught_up: Callable[[], None]) -> None:
        """Hear a room's channel."""
        self.listen(in_room(room, kind), hear, caught_up)

    def listen(self, channel: str, hear: Hear, caught_up: Callable[[], None]) -> None:
        """Hear any channel."""
        self._channels[channel.encode()] = (hear, caught_up)
        self._ear.tell("SUBSCRIBE", channel)

    def unsubscribe(self, room: str, kind: str) -> None:
        """Hear it no more."""
        channel = in_room(room, kind)
        if self._channels.pop(channel.encode(), None):
            self._ear.tell("UNSUBSCRIBE", channel)

    def publish(self, room: str, kind: str, payload: bytes) -> None:
        """Send what is in no log; lost where the store is away."""
        self._forget(self._calls.call("PUBLISH", in_room(room, kind), _NUMBER.pack(0) + payload))

    @staticmethod
    def _forget(answer: asyncio.Future[Any]) -> None:
        """Nobody waits for this answer, and its failure shows elsewhere."""
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _hear(self, push: list[Any]) -> None:
        kind = push[0]
        if kind == b"message":
            listener = self._channels.get(push[1])
            payload = push[2]
            if listener is not None and len(payload) >= 8:
                try:
                    listener[0](_NUMBER.unpack_from(payload)[0], payload[8:])
                except Exception as error:  # one room's fault must not end the subscription of all
                    log.exception("hear.failed", error=type(error).__name__)
        elif kind == b"subscribe":
            listener = self._channels.get(push[1])
            if listener is not None:
                listener[1]()

    def _ear_up(self) -> None:
        """All channels anew: each confirmation means "read the log from where you are"."""
        if self._channels:
            self._ear.tell("SUBSCRIBE", *self._channels)

    def _calls_up(self) -> None:
        for answer in self._scripts.load():
            self._forget(answer)
        self.on_up()

    # ── the canary ───────────────────────────────────────────────────────────────────────────────

    def _canary_heard(self, _number: int, _payload: bytes) -> None:
        self._heard_at = time.monotonic()

    async def _sing(self) -> None:
        """Publish to oneself: a subscription that died in silence is noticed within three seconds."""
        while True:
            self._forget(self._calls.call("PUBLISH", self._canary, _NUMBER.pack(0)))
            self._forget(self._calls.call("HSET", NODES, self.node, int((time.time() + 30) * 1000)))
            await asyncio.sleep(CANARY_EVERY)
            if time.monotonic() - self._heard_at > DEAF_AFTER and self._ear.is_up and self._calls.is_up:
                log.warning("store.deaf")
                self._heard_at = time.monotonic() - DEAF_AFTER + 2 * CANARY_EVERY
                self._ear.drop()

    # ── reads ────────────────────────────────────────────────────────────────────────────────────

    async def epoch(self) -> str:
        """The store's epoch."""
        value = await self.ask("HGET", IDENTITY, "epoch")
        if value is None:
            raise Unavailable("no epoch")
        return text(value)

    async def rooms(self) -> Mapping[str, str]:
        """Room to title, in the order made."""
        found = await self.ask("HGETALL", ROOMS)
        rows = sorted((msgpack.unpackb(value), text(room)) for room, value in found.items())
        return {room: title for (_, title), room in rows}

    async def add_room(self, room: str, state: Mapping[str, str], title: str, epoch: str) -> bool:
        """Make a room; False where it stands already."""
        if not is_room_id(room):
            raise ValueError("a room's name is lower-case letters, digits, dots, dashes and underscores")
        key = in_room(room, "room")
        # The epoch last: a room whose making broke off is no room yet, and the next try makes it whole.
        await asyncio.gather(*(self.ask("HSETNX", key, name, value) for name, value in state.items()))
        is_new = bool(await self.ask("HSETNX", key, "epoch", epoch))
        await self.ask("HSETNX", ROOMS, room, msgpack.packb([time.time_ns() // 1000, title]))
        return is_new

    async def together(self, *commands: Sequence[Word]) -> list[Any]:
        """Several reads at one moment. Raises Unavailable."""
        calls = [self._calls.call(*words) for words in (("MULTI",), *commands, ("EXEC",))]
        for answer in calls[:-1]:
            self._forget(answer)
        try:
            return list(await calls[-1])
        except hiredis.HiredisError:
            raise Unavailable from None

    async def drop_room(self, room: str) -> None:
        """List a room no more; what it holds stays."""
        await self.ask("HDEL", ROOMS, room)

    async def snapshot(self, room: str) -> Snapshot:
        """The room at one moment: all reads in one transaction."""
        fields, head, pins, hands, here = await self.together(
            ("HGETALL", in_room(room, "room")),
            ("HGET", in_room(room, "heads"), ":room"),
            ("HGETALL", in_room(room, "pins")),
            ("LRANGE", in_room(room, "hands"), 0, -1),
            ("HVALS", in_room(room, "here")),
        )
        return Snapshot(
            room={text(name): text(value) for name, value in fields.items()},
            head=int(head or 0),
            pins={int(seq): int(till) for seq, till in pins.items()},
            hands=[text(user) for user in hands],
            here=[msgpack.unpackb(at)["who"] for at in here],
        )

    async def read(self, room: str, user: str | None, first: int, last: int) -> list[tuple[int, bytes]]:
        """A stretch of the room's log, or of one person's private log."""
        numbers = range(max(first, 1), last + 1)
        if not numbers:
            return []
        key = in_room(room, "log" if user is None else f"private:{user}")
        found = await self.ask("HMGET", key, *numbers)
        return [
            (number, entry) for number, entry in zip(numbers, found, strict=True) if isinstance(entry, bytes)
        ]

    async def entries(self, room: str, numbers: Sequence[int]) -> list[bytes]:
        """Single entries of the room's log, those that exist."""
        if not numbers:
            return []
        found = await self.ask("HMGET", in_room(room, "log"), *numbers)
        return [entry for entry in found if isinstance(entry, bytes)]

    async def heads(self, rooms: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
        """One round trip for all rooms of this node."""
        names = list(rooms)
        asked = [self._calls.call("HMGET", in_room(room, "heads"), ":room", *rooms[room]) for room in names]
        found = await asyncio.gather(*asked, return_exceptions=True)
        heads = {}
        for room, values in zip(names, found, strict=True):
            if isinstance(values, BaseException):
                raise Unavailable from values
            heads[room] = [int(value or 0) for value in values]
        return heads

    async def head(self, room: str, user: str | None = None) -> int:
        """The last number of one log."""
        return (await self.heads({room: [user] if user else []}))[room][-1]

    async def due(self, rooms: Sequence[str]) -> tuple[int, dict[str, int]]:
        """The store's time, and for each room when its next clock is due; rooms without one are left out."""
        asked = [self._calls.call("ZRANGE", in_room(room, "clocks"), 0, 0, "WITHSCORES") for room in rooms]
        seconds, micros = await self.ask("TIME")
        found = await asyncio.gather(*asked, return_exceptions=True)
        times = {}
        for room, value in zip(rooms, found, strict=True):
            if isinstance(value, BaseException):
                raise Unavailable from value
            if value:
                # One row a member where the server speaks RESP3, member and score in turn where not.
                times[room] = int(float(value[0][1] if isinstance(value[0], list) else value[1]))
        return int(seconds) * 1000 + int(micros) // 1000, times

    async def standing(self, room: str, user: str) -> Mapping[str, str]:
        """A person's standing in a room; empty where they never were in it."""
        found = await self.ask("HGETALL", in_room(room, f"person:{user}"))
        return {text(name): text(value) for name, value in found.items()}

    async def is_writable(self) -> bool:
        """Write and read back, within a second."""
        probe = ready(self.node)
        mark = str(time.monotonic_ns()).encode()
        try:
            async with asyncio.timeout(1.0):
                await self._calls.call("SET", probe, mark, "EX", 60)
                return bool(await self._calls.call("GET", probe) == mark)
        except (Unavailable, TimeoutError, hiredis.HiredisError):
            return False


def text(value: object) -> str:
    """What the store keeps as bytes, as text."""
    return str(value, "utf-8") if isinstance(value, bytes) else str(value)
