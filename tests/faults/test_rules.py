"""A pipeline that fails, overruns or is reloaded lets nothing through unjudged, and bad rules change nothing.

I2 and I21. The node is a whole one over its own store and sockets: in this process where its pipeline has to
be made to fail, and in one of its own where its configuration does it.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chat.assembly import node_of, read_content
from chat.node.node import Node
from chat.server.app import App
from chat.settings import Limits, Settings
from chat.tokens import load_key, sign
from moderation import Pipeline, load
from tests.faults.conftest import Reach
from tests.faults.rig import (
    AWAY,
    ROOM,
    Client,
    Refused,
    calm,
    copy_config,
    dial,
    flags_of,
    log_of,
    messages_of,
    new_user,
    serving,
    words,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

HELD = "i took all the pills an hour ago, goodbye everyone, {}"


@asynccontextmanager
async def _inside(data: Path) -> AsyncIterator[tuple[Node, int]]:
    """A node in this process, and its port."""
    limits = Limits(rate_seconds=0, connections=0)
    settings = Settings(data=data, port=0, config=calm(), limits=limits, drain_seconds=2)
    async with node_of(settings, read_content(calm())) as (node, _):
        app = App(node)
        port = await app.start()
        yield node, port
        await app.drain()


@asynccontextmanager
async def _person(data: Path, port: int, role: str = "participant") -> AsyncIterator[Client]:
    async with dial(port) as client:
        client.user = new_user(role)
        name = "Fern " + "".join(char for char in client.user if char.isalpha())
        token = sign(load_key(data), user=client.user, name=name, grants={"*": role}, ttl=600)
        await client.hello(token)
        await client.join()
        yield client


class Failing(Pipeline):
    """A pipeline in which some step fails, on some of its calls."""

    dice = Random(1)
    fault = "raise"

    def _judge(self, *args: Any, **options: Any) -> Any:
        if self.dice.random() < 0.5:
            if self.fault == "raise":
                raise self.dice.choice(
                    (ValueError, RecursionError, MemoryError, KeyError, ZeroDivisionError)
                )("x")
            options["limit"] = -1.0
        else:
            options["limit"] = 1.0
        return super()._judge(*args, **options)


@pytest.mark.parametrize("fault", ["raise", "overrun"])
async def test_a_failing_pipeline_delays_and_lets_nothing_through(
    fault: str, tmp_path: Path, reach: Reach
) -> None:
    """Each text is delivered as judged, or held.

    Its author is told, staff see it, and nobody else ever does.
    """
    async with _inside(tmp_path / "data") as (node, port):
        failing = object.__new__(Failing)
        failing.__dict__.update(vars(load(calm())))
        failing.dice, failing.fault = reach.dice(), fault
        node.pipeline = failing
        async with (
            _person(tmp_path / "data", port) as author,
            _person(tmp_path / "data", port) as other,
            _person(tmp_path / "data", port, "moderator") as staff,
        ):
            await staff.call("watch")
            held: set[str] = set()
            delivered: set[str] = set()
            for number in range(reach(150, 5_000)):
                text = f"{words(number)} indeed"
                frame = await author.post(text, f"k{number}")
                (held if frame["verdict"] == "held" else delivered).add(text)
                assert frame["verdict"] in ("held", "delivered")
                if frame["verdict"] == "held":
                    assert frame["reasons"]
            assert held
            assert delivered
            await wait_until(lambda: {flag["text"] for flag in staff.got("flag")} >= held)
            await wait_until(lambda: {event["text"] for event in author.got("held")} >= held)
            await wait_until(lambda: {event.get("text") for event in other.events()} >= delivered)
            heard = str(other.trail)
            assert not any(text in heard for text in held)
            assert node.counts.pipeline_failed >= len(held)
            flags = [flag for flag in staff.got("flag") if flag["text"] in held]
            assert {flag["severity"] for flag in flags} == {"moderate"}, "a clock runs for each"
            keys = {event["key"] for event in author.got("held")}
            assert {event["key"] for event in author.got("support") if event["helplines"]} == keys


async def test_held_text_reaches_only_its_author_and_staff_whatever_happens(  # noqa: PLR0915 - one tale
    tmp_path: Path, reach: Reach
) -> None:
    """Disclosures with a method are held under SIGHUP, kills and reconnects.

    No socket of the room ever has them.
    """
    dice = reach.dice()
    async with serving(tmp_path / "data") as server:
        seen: list[str] = []
        held: set[str] = set()
        is_over = False

        async def listen() -> None:
            while not is_over:
                try:
                    async with server.client(form=dice.choice(("json", "msgpack"))) as client:
                        client.on_frame = lambda frame: seen.append(str(frame))
                        await client.call("history", room=ROOM, limit=200)
                        await wait_until(lambda: client.code is not None or is_over, 3_600)
                        seen.extend(map(str, client.trail))
                except AWAY:
                    await asyncio.sleep(0.05)
                except Refused as refused:
                    if refused.code != "unavailable":
                        raise
                    await asyncio.sleep(0.05)

        listeners = [asyncio.create_task(listen()) for _ in range(3)]
        total, number = reach(120, 50_000), 0
        user = new_user("participant")
        while number < total:
            try:
                async with server.client(user=user) as author:
                    while number < total:
                        text = HELD.format(words(number))
                        frame = await author.ask("post", room=ROOM, key=f"k{number}", text=text)
                        if frame.get("code") == "unavailable":
                            continue
                        assert frame["verdict"] == "held"
                        held.add(text)
                        number += 1
                        if number % 3 == 0:
                            await author.post(f"{words(number)} again", f"calm{number}")
                        if number % 17 == 0:
                            server.signal(signal.SIGHUP)
                        if number % max(40, total // 50) == 0:
                            server.kill()
                            await server.start()
            except AWAY:
                await asyncio.sleep(0.02)
        is_over = True
        await asyncio.gather(*listeners)
        assert any("again" in frame for frame in seen), "the listeners did hear the room"
        loud = "\n".join(seen)
        assert "pills" not in loud
        assert not [entry for entry in log_of(server).values() if "pills" in str(entry)]
        assert {flag["text"] for flag in flags_of(server) if flag["author"]["id"] == user} == held


_RULE = """[[rule]]
id = 'x.y'
kind = 'room'
action = 'hold'
text = 't'
tier = 1
source = 's'
date = 2026-01-01
patterns = ['{pattern}']
match = ['{example}']
"""

BAD = (
    ("contact.toml", "[[rule]\nid = 1"),
    ("contact.toml", "[[rule]]\nid = 'x.y'\n"),
    ("suicide.toml", "[[rule]]\nid = 'x.y'\nkind = 'signal'\nseverity = 'huge'\n"),
    ("harm.toml", _RULE.format(pattern="(unclosed", example="a")),
    ("harm.toml", _RULE.format(pattern="aaa", example="bbb")),
    ("harm.toml", _RULE.format(pattern="(?<=a)b", example="ab")),
    ("profiles.toml", "[profile.default]\n'no.such.rule' = 'live'\n"),
    ("contact.toml", "\x00\xff"),
)
"""What is written at the end of a file of rules, each wrong in another way."""


async def test_bad_rules_are_refused_whole_and_the_old_ones_stay(tmp_path: Path, reach: Reach) -> None:
    """SIGHUP with one fault or another, then with a good change.

    Only the good one counts, and each is said.
    """
    config = copy_config(tmp_path / "config", **{"room.flood": "off", "room.repeat": "off"})
    async with serving(tmp_path / "data", config=config) as server, server.client() as one:
        number = 0

        async def is_as_before() -> bool:
            nonlocal number
            number += 1
            plain = await one.post(f"{words(number)} marzipan", f"p{number}")
            hard = await one.ask("post", room=ROOM, key=f"h{number}", text=HELD.format(words(number)))
            return (plain["verdict"], hard["verdict"]) == ("delivered", "held")

        assert await is_as_before()
        for round_ in range(reach(len(BAD), 30)):
            name, fault = BAD[round_ % len(BAD)]
            path = config / "rules" / name
            good = path.read_bytes()
            path.write_bytes(good + b"\n" + fault.encode("latin-1"))
            refused = server.log.read_bytes().count(b"rules.refused")
            server.signal(signal.SIGHUP)
            await wait_until(lambda: server.log.read_bytes().count(b"rules.refused") == refused + 1, 20)  # noqa: B023
            assert await is_as_before(), (name, fault)
            path.write_bytes(good)
        gone = (config / "lexicons").rename(tmp_path / "moved")
        refused = server.log.read_bytes().count(b"rules.refused")
        server.signal(signal.SIGHUP)
        await wait_until(lambda: server.log.read_bytes().count(b"rules.refused") == refused + 1, 20)
        assert await is_as_before()
        gone.rename(config / "lexicons")
        rule = _RULE.format(pattern="marzipan", example="marzipan").replace("x.y", "room.sweets")
        path = config / "rules" / "contact.toml"
        path.write_text(f"{path.read_text()}\n{rule}")
        server.signal(signal.SIGHUP)
        await wait_until(lambda: b"rules.loaded" in server.log.read_bytes(), 20)
        assert (await one.post("more marzipan", "last"))["verdict"] == "held"
        assert "more marzipan" not in [entry.get("text") for entry in messages_of(server)]
