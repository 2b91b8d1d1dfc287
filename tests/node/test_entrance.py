"""Coming in where an answer is lost on the way: once, as one person."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chat.assembly import Content, node_of
from chat.node.entrance import hello
from chat.node.node import Node
from chat.node.ports import Unavailable
from chat.node.session import Session
from chat.protocol.commands import Hello
from chat.protocol.errors import Refused
from chat.protocol.wire import Format
from chat.settings import Settings
from tests.node.test_route import Outlet

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def node(store: str, content: Content, keys_folder: Path) -> AsyncIterator[Node]:
    settings = Settings(store=store, data=keys_folder, node="entrance")
    async with node_of(settings, content) as (made, _):
        yield made


def session() -> Session:
    return Session(Outlet(), Format.JSON, asyncio.get_running_loop().time())


def lose_answers(node: Node, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """The store does what it is asked, and its first `count` answers do not arrive."""
    redeem, left = node.people.redeem, [None] * count

    async def unanswered(*args: Any) -> Any:
        done = await redeem(*args)
        if left:
            left.pop()
            raise Unavailable
        return done

    monkeypatch.setattr(node.people, "redeem", unanswered)


async def test_the_same_connection_asks_again_and_is_the_same_person(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a client that knows no key: its name is no other's, and its invite is used up once."""
    code = await node.people.invite("open-circle", role="participant", most=1, expires=0)
    lose_answers(node, monkeypatch, 2)
    here = session()
    command = Hello(token=code, name="Grey Otter Ta")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await hello(node, here, command)
    welcome = await hello(node, here, command)
    assert welcome.user["name"] == "Grey Otter Ta"
    assert welcome.token is not None
    with pytest.raises(Refused) as refused:
        await hello(node, session(), command)
    assert refused.value.code == "unauthenticated"


async def test_another_connection_with_the_key_is_the_same_person(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await node.people.invite("open-circle", role="participant", most=1, expires=0)
    lose_answers(node, monkeypatch, 1)
    command = Hello(token=code, name="Grey Otter Te", key="k" * 16)
    with pytest.raises(Unavailable):
        await hello(node, session(), command)
    first = await hello(node, session(), command)
    again = await hello(node, session(), command)
    assert first.user == again.user
