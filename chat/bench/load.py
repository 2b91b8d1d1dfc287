"""The load: rooms full of receivers, one sender in each, so many messages in flight; all check every frame.

`python -m chat.bench.load` reads its task as JSON from standard input and prints one JSON line. A message is
in flight until each receiver of its room has it. The first receiver of a room reads each frame whole: it must
be the next message, with the text that was sent. Every other must get the same bytes in the same order; so
nothing is lost, doubled, out of order or changed unnoticed.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MASK = b"\0\0\0\0"
"""Clients have to mask; a mask of zeros is one, and costs the generator nothing."""
SENTENCES = (
    "I went for a walk by the river this morning and it helped me to settle a little before work.",
    "Thank you for asking about my week, it has been slow, but I cooked twice and called my sister.",
    "What helps me on quiet evenings is tea, a warm blanket and the radio on low in the kitchen.",
    "I finally slept well, and the garden looked lovely today with all the rain we have been having.",
    "It was hard to come today, and now that I am here I am glad that I did, so hello to everyone.",
    "My neighbour brought soup, and we sat on the steps for an hour and talked about nothing much.",
)
PADDING = "and that is how it was for me"
WINDOW_STARTS = 0.3
"""Share of the messages of a run that are sent before the measuring begins."""


class LoadError(Exception):
    """A receiver got something else than it should."""


@dataclass(slots=True)
class Stage:
    """One room of the load."""

    name: str
    size: int
    receivers: list[Receiver] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    whole: int = 0
    """Messages that every receiver has."""
    missing: deque[int] = field(default_factory=deque)
    """For each message in flight, oldest first, how many receivers lack it."""


def text_of(number: int) -> str:
    """The text of a message: a sentence, told apart by a tail of plain words."""
    words = " ".join(
        ("pine", "oak", "elm", "ash", "birch", "lime", "beech", "rowan")[int(d)] for d in f"{number:o}"
    )
    return f"{SENTENCES[number % len(SENTENCES)]} {PADDING}, {words}."


def event_of(room: str, seq: int, text: str) -> dict[str, Any]:
    """A message as long as the server would make it of this text: what a bare server sends on unread."""
    who = {"id": "u_bench-0", "name": "Bench 0", "role": "participant"}
    event = {"type": "message", "room": room, "from": who, "text": text}
    return {**event, "seq": seq, "at": time.time_ns() // 1_000_000}


def masked(payload: bytes) -> bytes:
    """A client's text frame."""
    size = len(payload)
    head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
    return head + MASK + payload


def handshake(port: int, path: str) -> bytes:
    """What asks for a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


class Receiver(asyncio.Protocol):
    """One connection: handshake, a script of frames to send and answers to await, then messages."""

    def __init__(self, load: Load, stage: Stage, script: list[tuple[str, str]], path: str) -> None:
        self.load, self.stage, self.script, self.path = load, stage, list(script), path
        self.buffer = b""
        self.got = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(handshake(self.load.port, self.path))

    def connection_lost(self, _: Exception | None) -> None:
        """A connection that ends before the load does is a fault."""
        self.load.fail("a connection was closed")

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        buffer = self.buffer + data if self.buffer else data
        if not self.is_open:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self.buffer = buffer
                return
            if b" 101 " not in buffer[:20]:
                self.load.fail("a handshake was refused")
                return
            self.is_open = True
            buffer = buffer[end + 4 :]
            self._go_on("")
        at, size = 0, len(buffer)
        while size - at >= 2:
            length, body = buffer[at + 1], at + 2
            if length == 126:
                if size - at < 4:
                    break
                length, body = buffer[at + 2] << 8 | buffer[at + 3], at + 4
            elif length == 127:
                if size - at < 10:
                    break
                length, body = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if size < body + length:
                break
            self.take(buffer[at] & 15, buffer[body : body + length])
            at = body + length
        self.buffer = buffer[at:]

    def take(self, opcode: int, payload: bytes) -> None:
        """One whole frame."""
        if payload.startswith(b'{"type":"message"'):
            try:
                self.load.deliver(self, payload)
            except LoadError as wrong:
                self.load.fail(str(wrong))
        elif opcode == 9:
            self.transport.write(b"\x8a\x80" + MASK)
        elif payload.startswith(b'{"type":"error"'):
            self.load.fail(f"a command was refused: {json.loads(payload)['code']}")
        elif payload.startswith(b'{"type":"posted"') and b'"verdict":"delivered"' not in payload:
            self.load.fail("a message was held")
        elif self.script and payload.startswith(f'{{"type":"{self.script[0][1]}"'.encode()):
            self.script.pop(0)
            self._go_on(payload.decode())

    def _go_on(self, _: str) -> None:
        if self.script:
            self.transport.write(masked(self.script[0][0].encode()))
        elif not self.ready.done():
            self.ready.set_result(None)


class Load:
    """A run of one case against one server."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        self.port: int = task["port"]
        self.stages = [Stage(name, task["receivers"]) for name in task["rooms"]]
        self.messages: int = task["messages"]
        self.window: int = task["window"]
        self.delivered = 0
        self.number = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_over = False
        self.label = os.urandom(6).hex()
        """Begins each key: one that was used before would get its first answer, and no message."""

    def fail(self, why: str) -> None:
        """End the run: what it measured counts for nothing."""
        if not self.is_over and not self.over.done():
            self.over.set_exception(LoadError(why))

    def deliver(self, receiver: Receiver, payload: bytes) -> None:
        """Check a message frame; the last receiver of a message lets the next one be sent."""
        stage = receiver.stage
        place = receiver.got
        if place < len(stage.frames):
            if payload != stage.frames[place]:
                raise LoadError("a receiver got another message than the others, or in another order")
        elif place < len(stage.sent):
            if json.loads(payload)["text"] != stage.sent[place]:
                raise LoadError("a message arrived changed, out of order or twice")
            stage.frames.append(payload)
        else:
            raise LoadError("a message arrived that was not sent")
        receiver.got += 1
        self.delivered += 1
        left = stage.missing[place - stage.whole] = stage.missing[place - stage.whole] - 1
        if left == 0:
            while stage.missing and stage.missing[0] == 0:
                stage.missing.popleft()
                stage.whole += 1
                self.send(stage)
            is_sent = self.number >= self.messages
            if is_sent and not self.over.done() and not any(one.missing for one in self.stages):
                self.over.set_result(None)

    def send(self, stage: Stage) -> None:
        """Post the next message of a room, while there are more to send."""
        if self.number >= self.messages:
            return
        if self.number == int(self.messages * WINDOW_STARTS):
            self.begun = (time.perf_counter(), self.delivered, [cpu(pid) for pid in self.task["pids"]])
        text = text_of(self.number)
        self.number += 1
        stage.sent.append(text)
        stage.missing.append(stage.size)
        frame = {"type": "post", "id": self.number, "room": stage.name, "text": text}
        frame["key"] = f"{self.label}-{self.number}"
        if self.task["is_bare"]:
            frame = event_of(stage.name, len(stage.sent), text)
        stage.receivers[0].transport.write(masked(json.dumps(frame, separators=(",", ":")).encode()))

    async def connect_all(self) -> None:
        """Connect and join every receiver. Raises LoadError where one is refused."""
        tokens = iter(self.task["tokens"])
        gate = asyncio.Semaphore(32)

        async def connect(stage: Stage) -> None:
            script: list[tuple[str, str]] = []
            if not self.task["is_bare"]:
                script = [
                    (json.dumps({"type": "hello", "id": 1, "token": next(tokens)}), "welcome"),
                    (json.dumps({"type": "join", "id": 2, "room": stage.name}), "joined"),
                ]
            path = f"/{stage.name}" if self.task["is_bare"] else "/ws"
            async with gate:
                receiver = Receiver(self, stage, script, path)
                await asyncio.get_running_loop().create_connection(lambda: receiver, "127.0.0.1", self.port)
                stage.receivers.append(receiver)
                await asyncio.wait([receiver.ready, self.over], return_when=asyncio.FIRST_COMPLETED)

        await asyncio.gather(*(connect(stage) for stage in self.stages for _ in range(stage.size)))
        if self.over.done():
            await self.over

    async def run(self) -> dict[str, Any]:
        """Connect all, send all, and tell the CPU of each process for each delivery within the window."""
        await self.connect_all()
        await asyncio.sleep(1.0)  # arrivals are told to everybody: they are no part of what is measured
        for stage in self.stages:
            for _ in range(self.window):
                self.send(stage)
        async with asyncio.timeout(self.task["within"]):
            await self.over
        self.is_over = True
        began, before, spent = self.begun
        seconds, deliveries = time.perf_counter() - began, self.delivered - before
        frames = [frame for stage in self.stages for frame in stage.frames]
        used = [cpu(pid) - was for pid, was in zip(self.task["pids"], spent, strict=True)]
        return {
            "deliveries": deliveries,
            "bytes": round(sum(map(len, frames)) / len(frames)),
            "deliveries_s": round(deliveries / seconds),
            "us": [round(one / deliveries * 1e6, 3) for one in used],
            "us_message": [round(one / deliveries * 1e6 * self.task["receivers"], 1) for one in used],
        }


def cpu(pid: int) -> float:
    """Seconds of processor time that all threads of a process have used."""
    spent = 0.0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            spent += int((thread / "schedstat").read_text("ascii").split()[0]) / 1e9
        except OSError:
            continue
    return spent


async def main() -> int:
    """Run the task of standard input. 0: measured; 1: a receiver found a fault, told in `fault`."""
    try:
        print(json.dumps(await Load(json.loads(sys.stdin.read())).run()))
    except (LoadError, TimeoutError) as fault:
        print(json.dumps({"fault": str(fault) or "the load did not end in time: a message is missing"}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
