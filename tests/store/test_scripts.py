"""What holds of all scripts."""

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from chat.room.trail import Seals
from chat.store import keys
from chat.store.broker import Broker
from chat.store.keys import in_room
from chat.store.review import Review
from chat.store.scripts import DIGESTS, SOURCES, Script
from chat.tokens import load_key
from tests.stored import ADA, ANN, BEN, FAY, HELD, MIA, Scene
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio


async def test_every_staff_act_is_audited_in_a_chain(
    scene: Scene, review: Review, client: Redis, keys_folder: Path
) -> None:
    for who in (ANN, ADA):
        await scene.enter(who)
    await scene.post(ANN, "a", "one")
    held = await scene.post(ANN, "b", **HELD)
    await scene.act(FAY, "warn", least=2, seq=1, warning="loss")
    await scene.act(FAY, "mute", least=2, user="ann", seconds=5, reason="r")
    await scene.act(FAY, "unmute", least=2, user="ann")
    await scene.act(ADA, "grant", least=4, user="ben", grant="facilitator")
    await scene.act(FAY, "mute", least=2, user="ada", seconds=5)
    await scene.decide(MIA, held["answer"]["flag"], "retract")
    entries = await review.audit(scene.room, 0, 100)
    assert [entry["action"] for entry in entries] == ["warn", "mute", "unmute", "grant", "claim", "decide"]
    assert entries[1]["reason"] == "r", "a reason stands beside its entry"
    raw: dict[Any, Any] = await client.hgetall(in_room(scene.room, "audit"))
    assert not any(b"reason" in entry for entry in raw.values())
    seals, before = Seals(load_key(keys_folder).secret), ""
    for number, entry in enumerate(entries, 1):
        assert (entry["n"], entry["prev"], entry["room"]) == (number, before, scene.room)
        assert entry["by"]["id"]
        before = seals.of_entry(scene.room, raw[str(number).encode()])
    assert await client.hget(in_room(scene.room, "heads"), ":chain") == before.encode()


async def test_what_is_published_is_what_is_kept(scene: Scene, broker: Broker) -> None:
    heard: list[tuple[int, bytes]] = []
    subscribed = asyncio.Event()
    broker.subscribe(scene.room, "all", lambda number, entry: heard.append((number, entry)), subscribed.set)
    await subscribed.wait()
    await scene.post(ANN, "a")
    await scene.post(ANN, "b", "two", op="edit", target=1)
    await scene.post(BEN, "c")
    await wait_until(lambda: len(heard) == 3)
    assert [number for number, _ in heard] == [1, 2, 3]
    assert heard[1:] == await broker.read(scene.room, None, 2, 3)
    broker.unsubscribe(scene.room, "all")


async def test_scripts_are_known_by_their_digests(client: Redis) -> None:
    assert await client.script_exists(*DIGESTS.values()) == [True] * len(Script)
    for script, text in SOURCES.items():
        assert hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() == DIGESTS[script]


KEYS = [
    re.compile(re.sub(r"[A-Z]+", ".+", re.escape(row)))
    for row in re.findall(r"^\| `(hearth:[^`]+)`", keys.__doc__ or "", re.MULTILINE)
]


async def test_no_key_is_used_that_the_table_does_not_name(
    scene: Scene, client: Redis, broker: Broker
) -> None:
    """Whatever the tests of this session have done."""
    await scene.post(ANN, "k", "dark", severity="high")
    await scene.post(ANN, "h", **HELD)
    await scene.act(FAY, "pin", least=2, seq=1, seconds=0, most=3)
    await scene.act(BEN, "react", seq=1, reaction="+", on=True, burst=9, interval=5)
    await scene.act(BEN, "hand", up=True)
    await scene.enter(ANN)
    assert await broker.is_writable()
    found = {key.decode() async for key in client.scan_iter()}
    assert len(found) > 10
    assert [key for key in found if not any(row.fullmatch(key) for row in KEYS)] == []
