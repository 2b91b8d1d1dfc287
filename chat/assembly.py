"""Putting a node together: settings, rules, words, store and parts. The one place that knows all of them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from chat.node.asides import watch_aside
from chat.node.claims import SWEEP_EVERY, return_leases
from chat.node.clocks import Clocks
from chat.node.entrance import enter_anew
from chat.node.node import Node, now_ms
from chat.node.ports import Unavailable
from chat.notify.pager import pager_of
from chat.room.care import Care, load_care
from chat.room.trail import Seals, heads_of
from chat.settings import RoomPolicy, Rooms, Settings, load_rooms
from chat.store.address import Client, StoreRefused, connect
from chat.store.anchors import Anchors
from chat.store.broker import Broker
from chat.store.checks import check_store
from chat.store.embedded import EmbeddedStore, open_store
from chat.store.erasing import Erasing
from chat.store.people import People
from chat.store.review import Review
from chat.store.rewriting import Rewriting
from chat.tokens import Key, load_key, sign, verify
from moderation import Pipeline, load

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Stored:
    """The store as commands and nodes use it."""

    client: Client
    broker: Broker
    people: People
    review: Review
    anchors: Anchors
    epoch: str
    key: Key


@asynccontextmanager
async def store_of(settings: Settings, *, own: EmbeddedStore | None = None) -> AsyncIterator[Stored]:
    """The checked store of these settings: one that exists, `own`, or for one command the folder's."""
    key = load_key(settings.data, settings.key_file)
    if settings.store is not None:
        async with _connected(settings, settings.store, key, None) as stored:
            yield stored
    elif own is not None:
        async with _connected(settings, own.url, key, own.epoch) as stored:
            yield stored
    else:
        async with (
            open_store(settings.data, fsync=settings.fsync, server=settings.store_server) as running,
            _connected(settings, running.url, key, running.epoch) as stored,
        ):
            yield stored


@asynccontextmanager
async def _connected(settings: Settings, url: str, key: Key, embedded: str | None) -> AsyncIterator[Stored]:
    client = connect(url)
    # A name of this run alone: what an earlier one said of itself ends with its own lease.
    node = f"{settings.node or 'n'}_{secrets.token_hex(6)}"
    seals = Seals(key.secret)
    broker = Broker(url, node, seals.pads)
    try:
        epoch = await check_store(
            client, fingerprint=key.fingerprint, embedded_epoch=embedded, durable=settings.external_durable
        )
        try:
            await broker.open()
        except Unavailable:
            raise StoreRefused(
                "the store does not answer; see that it runs, and that its address is right"
            ) from None
        anchors = Anchors(broker, settings.data, lambda at, ends: seals.anchor(at, heads_of(ends)))
        yield Stored(client, broker, People(broker), Review(broker), anchors, epoch, key)
    finally:
        await broker.close()
        await client.aclose()


async def seed_rooms(broker: Broker, rooms: Rooms) -> bool:
    """Make the rooms that the configuration names; whether the store had none before."""
    is_fresh = not await broker.rooms()
    for policy in rooms.seed:
        await make_room(broker, policy)
    return is_fresh


async def make_room(broker: Broker, policy: RoomPolicy) -> bool:
    """Make one room as its policy starts it; False where it stands already."""
    state = {
        "title": policy.title or policy.room,
        "topic": policy.topic,
        "phase": str(policy.phases[0]) if policy.phases else "",
        "slow_mode": str(int(policy.slow_mode)),
        "locked": "0",
        "turns": "1" if policy.turns else "0",
        "hold": str(policy.hold),
        "closed": "0",
    }
    return await broker.add_room(policy.room, state, policy.title or policy.room, secrets.token_hex(6))


@dataclass(slots=True)
class Content:
    """What the configuration folder holds, read and proved."""

    rooms: Rooms
    pipeline: Pipeline
    care: Care


def read_content(folder: Path) -> Content:
    """Read rooms, rules, words and helplines.

    Raises ConfigError or RuleError with everything that is wrong.
    """
    return Content(load_rooms(folder), load(folder), load_care(folder))


@asynccontextmanager
async def node_of(settings: Settings, content: Content) -> AsyncIterator[tuple[Node, bool]]:
    """A whole node over its store, and whether the store was fresh.

    It notices by itself when positions are lost.
    """
    if settings.store is not None:
        async with store_of(settings) as stored, _running(settings, content, stored, None) as found:
            yield found
        return
    own = EmbeddedStore(settings.data, fsync=settings.fsync, server=settings.store_server)
    async with own, store_of(settings, own=own) as stored, _running(settings, content, stored, own) as found:
        yield found


@asynccontextmanager
async def _running(
    settings: Settings, content: Content, stored: Stored, own: EmbeddedStore | None
) -> AsyncIterator[tuple[Node, bool]]:
    rewriting = Rewriting(stored.broker, settings.review.rewrite_seconds)
    is_fresh = await seed_rooms(stored.broker, content.rooms)
    node = Node(
        settings,
        content.rooms,
        broker=stored.broker,
        people=stored.people,
        review=stored.review,
        erasing=Erasing(stored.broker, stored.people, rewriting),
        pipeline=content.pipeline,
        care=content.care,
        cards={name: card.model_dump(mode="json") for name, card in content.care.toolbox.items()},
        verify=lambda token: verify(stored.key, token, now_ms()),
        sign=lambda user, name, grants, ttl: sign(stored.key, user=user, name=name, grants=grants, ttl=ttl),
        epoch=stored.epoch,
    )

    async def look_at_epoch() -> None:
        """The store was away: its positions may not be those that clients know."""
        try:
            epoch = await check_store(
                stored.client,
                fingerprint=stored.key.fingerprint,
                embedded_epoch=own.epoch if own else None,
                durable=settings.external_durable,
            )
        except StoreRefused as refused:
            log.error("store.refused", error=type(refused).__name__)  # noqa: TRY400  its kind says all, a trace no more
            return
        if epoch != node.epoch:
            log.warning("store.new_epoch", epoch=epoch)
            node.epoch = epoch
            await node.hub.on_new_epoch()

    stored.broker.on_up = lambda: node.hub.soon(look_at_epoch())
    if own is not None:
        rewriting.follow()
        own.on_restart = lambda _: node.hub.soon(look_at_epoch())
    node.hub.on_missing = lambda room, session: enter_anew(node, room, session)
    node.hub.also(stored.anchors.write, settings.review.anchor_seconds)
    node.hub.also(lambda: return_leases(node), SWEEP_EVERY)
    clocks = Clocks(node, pager_of(settings.outbound))
    node.on_flag = clocks.heard
    node.on_aside = lambda room, side: node.hub.soon(watch_aside(node, room, side))
    node.start()
    clocks.start()
    try:
        yield node, is_fresh
    finally:
        rewriting.stop()
        await clocks.stop()
        await node.hub.stop()
        with contextlib.suppress(Unavailable):
            await stored.anchors.write()
