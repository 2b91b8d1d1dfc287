"""How soon staff hear of a signal while everybody comes back at once and rooms talk.

`python -m chat.bench.signals` reads its task as JSON from standard input and prints one JSON line. A crowd sits in
rooms and loses its line at one moment; each comes back after a wait within the range that the server named, as clients
do. Meanwhile rooms talk, and authors who stayed write texts with a signal, at fixed rates whatever the server does.
The time is taken from the write of such a text to the flag's frame at each socket of staff.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from chat.bench.load import LoadError, cpu, handshake, masked, text_of

STAFF = 4
"""Moderators who watch all rooms."""
SETTLE = 2.0
LATE = 30.0
"""Seconds after which a flag that has not come is missing."""
GATE = 32
"""Handshakes under way at once while the crowd first comes."""
SIGNAL = "I want to die and I can not see another way"


def frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Whole frames of a server's stream, as opcode and payload, and what is left."""
    found, at, size = [], 0, len(data)
    while size - at >= 2:
        length, body = data[at + 1], at + 2
        wide = {126: 2, 127: 8}.get(length, 0)
        if size - body < wide:
            break
        if wide:
            length, body = int.from_bytes(data[body : body + wide], "big"), body + wide
        if size - body < length:
            break
        found.append((data[at] & 15, data[body : body + length]))
        at = body + length
    return found, data[at:]


class Socket(asyncio.Protocol):
    """One connection; `hear` gets each frame."""

    def __init__(self, port: int, hear: Callable[[bytes], None]) -> None:
        self.port, self.hear = port, hear
        self.rest = b""
        self.is_open = False
        self.waits: dict[str, asyncio.Future[dict[str, Any]]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(handshake(self.port, "/ws"))

    def connection_lost(self, _: Exception | None) -> None:
        """Whoever waits for an answer gets none."""
        for wait in self.waits.values():
            if not wait.done():
                wait.set_exception(LoadError("a connection was closed"))

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        self.rest += data
        if not self.is_open:
            head, found, rest = self.rest.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head[:20]:
                self.transport.abort()
                return
            self.is_open, self.rest = True, rest
        got, self.rest = frames(self.rest)
        for opcode, payload in got:
            if opcode == 9:
                self.transport.write(b"\x8a\x80\0\0\0\0")
            elif opcode == 1:
                self._take(payload)

    def _take(self, payload: bytes) -> None:
        self.hear(payload)
        kind = payload[9 : payload.find(b'"', 9)].decode("ascii", "replace")
        if kind == "error" and self.waits:  # one is asked at a time
            kind = next(iter(self.waits))
        if kind in self.waits:
            self.waits.pop(kind).set_result(json.loads(payload))

    def say(self, frame: dict[str, Any]) -> None:
        """Send a command."""
        self.transport.write(masked(json.dumps(frame, separators=(",", ":")).encode()))

    async def ask(self, frame: dict[str, Any], answer: str) -> dict[str, Any]:
        """Send one and wait for its answer. Raises LoadError where it is another."""
        self.waits[answer] = wait = asyncio.get_running_loop().create_future()
        self.say(frame)
        found: dict[str, Any] = await wait
        if found["type"] != answer:
            raise LoadError(f"{frame['type']} was answered {found.get('code', found['type'])}")
        return found


def _ignore(_: bytes) -> None:
    """Nobody reads what the crowd is told."""


class Guest:
    """Somebody who comes, is cut off, and comes back to where they were."""

    def __init__(self, port: int, token: str, room: str) -> None:
        self.port, self.token, self.room = port, token, room
        self.position: dict[str, Any] = {}
        self.range = (0.5, 5.0)
        self.socket: Socket

    async def come(self, hear: Callable[[bytes], None] = _ignore) -> None:
        """Connect, say hello, and join from the position known."""
        _, self.socket = await asyncio.get_running_loop().create_connection(
            lambda: Socket(self.port, hear), "127.0.0.1", self.port
        )
        # What is written before the handshake's answer waits in the server's buffer.
        welcome = await self.socket.ask({"type": "hello", "id": 1, "token": self.token}, "welcome")
        low, high = welcome["server"]["reconnect"]
        self.range = (low, high)
        if self.room:
            joined = await self.socket.ask(
                {"type": "join", "id": 2, "room": self.room, **self.position}, "joined"
            )
            self.position = {
                "since": joined["head"],
                "epoch": joined["epoch"],
                "usince": joined["private"]["head"],
            }

    async def come_back(self, dice: random.Random) -> int:
        """Lose the line, wait as the server said, and come back; how often that had to be tried again."""
        tries = 0
        self.socket.transport.abort()
        while True:
            await asyncio.sleep(dice.uniform(*self.range) * 2**tries)
            try:
                await self.come()
            except (LoadError, OSError):
                self.socket.transport.abort()
                tries += 1
            else:
                return tries


class Evening:
    """One run: the crowd, those who talk, those who are in need, and staff."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        port, rooms = task["port"], task["rooms"]
        size = len(task["tokens"]) // len(rooms)
        self.crowd = [Guest(port, token, rooms[at // size]) for at, token in enumerate(task["tokens"])]
        self.authors = [Guest(port, token, room) for token, room in zip(task["authors"], rooms, strict=True)]
        self.staff = [Guest(port, token, "") for token in task["staff"]]
        self.sent: dict[str, float] = {}
        self.heard: list[dict[str, float]] = [{} for _ in self.staff]
        self.number = 0
        self.again = 0
        """Tries to come back that failed."""
        self.label = os.urandom(6).hex()
        self.dice = random.Random(task["seed"])

    def _ear(self, at: int) -> Callable[[bytes], None]:
        heard = self.heard[at]

        def hear(payload: bytes) -> None:
            if b'"type":"flag"' in payload:  # the store's script settles the order of its fields
                text = json.loads(payload).get("text") or ""
                if text in self.sent and text not in heard:
                    heard[text] = time.perf_counter() - self.sent[text]

        return hear

    async def gather(self) -> None:
        """Let everybody come, and staff watch."""
        gate = asyncio.Semaphore(GATE)

        async def let_in(guest: Guest) -> None:
            async with gate:
                await guest.come()

        for at, guest in enumerate(self.staff):
            await guest.come(self._ear(at))
            await guest.socket.ask({"type": "watch", "id": 3}, "queue")
        await asyncio.gather(*(let_in(guest) for guest in (*self.authors, *self.crowd)))
        await asyncio.sleep(SETTLE)

    def _post(self, guest: Guest, text: str) -> None:
        frame = {"type": "post", "id": self.number, "room": guest.room, "text": text}
        guest.socket.say({**frame, "key": f"{self.label}-{self.number}"})

    async def _say(self, rate: float, *, is_signal: bool) -> None:
        """Write at a rate, in one room after the other, until cancelled."""
        loop = asyncio.get_running_loop()
        began, done = loop.time(), 0
        while True:
            self.number += 1
            author, text = self.authors[self.number % len(self.authors)], text_of(self.number)
            if is_signal:
                text = f"{SIGNAL}, {text.rpartition(', ')[2]}"
                self.sent[text] = time.perf_counter()
            self._post(author, text)
            done += 1
            await asyncio.sleep(max(0.0, began + done / rate - loop.time()))

    async def wave(self) -> float:
        """Everybody loses the line and comes back, while rooms talk; seconds until the last is there."""
        began = time.perf_counter()
        saying = [
            asyncio.create_task(self._say(self.task["talk"], is_signal=False)),
            asyncio.create_task(self._say(self.task["signals"], is_signal=True)),
        ]
        try:
            async with asyncio.timeout(self.task["within"]):
                tries = await asyncio.gather(*(guest.come_back(self.dice) for guest in self.crowd))
                self.again += sum(tries)
        finally:
            for task in saying:
                task.cancel()
        return time.perf_counter() - began

    async def run(self) -> dict[str, Any]:
        """All waves, and what they showed."""
        await self.gather()
        began, spent = time.perf_counter(), cpu(self.task["pids"][0])
        back = [await self.wave() for _ in range(self.task["rounds"])]
        core = (cpu(self.task["pids"][0]) - spent) / (time.perf_counter() - began)
        deadline = time.perf_counter() + LATE
        while any(len(heard) < len(self.sent) for heard in self.heard):
            if time.perf_counter() > deadline:
                raise LoadError("a signal did not reach every one of staff")
            await asyncio.sleep(0.05)
        took = sorted(one for heard in self.heard for one in heard.values())
        return {
            "signals": len(self.sent),
            "median": took[len(took) // 2] * 1000,
            "99th": took[min(len(took) - 1, len(took) * 99 // 100)] * 1000,
            "most": took[-1] * 1000,
            "back": max(back),
            "again": self.again,
            "core": core,
        }


async def main() -> int:
    """Run the task of standard input. 0: measured; 1: something was missing, told in `fault`."""
    try:
        print(json.dumps(await Evening(json.loads(sys.stdin.read())).run()))
    except (LoadError, TimeoutError, OSError) as fault:
        print(json.dumps({"fault": str(fault) or "not all came back in time"}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
