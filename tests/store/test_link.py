"""A link answers in order, says when an answer is unknown, and comes back by itself."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hiredis
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from chat.node.ports import Unavailable
from chat.store import link as module
from chat.store.embedded import EmbeddedStore
from chat.store.link import Link
from chat.store.scripts import Script, Scripts
from tests.stored import no_seal
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="session")
async def link(store: str) -> AsyncIterator[Link]:
    opened = Link(store, "test-link")
    await opened.open()
    yield opened
    await opened.close()


async def kill(client: Redis, name: str) -> None:
    """Cut the connections of this name at the store's end."""
    for connection in await client.client_list():
        if connection["name"] == name:
            await client.client_kill_filter(_id=connection["id"])


async def test_answers_come_in_the_order_of_the_calls(link: Link, client: Redis) -> None:
    await client.delete("hearth:{t}:n")
    found = await asyncio.gather(*(link.call("INCR", "hearth:{t}:n") for _ in range(500)))
    assert found == list(range(1, 501))
    await client.delete("hearth:{t}:n")


async def test_calls_of_one_turn_leave_together(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    assert link._transport is not None
    send = link._transport.write

    def write(data: Any) -> None:
        writes.append(data)
        send(data)

    monkeypatch.setattr(link._transport, "write", write)
    assert await asyncio.gather(*(link.call("ECHO", str(n)) for n in range(50))) == [
        str(n).encode() for n in range(50)
    ]
    assert len(writes) == 1


async def test_an_error_is_its_own_callers(link: Link) -> None:
    replies = await asyncio.gather(
        link.call("ECHO", "a"), link.call("NO-SUCH"), link.call("ECHO", "b"), return_exceptions=True
    )
    assert (replies[0], replies[2]) == (b"a", b"b")
    assert isinstance(replies[1], hiredis.ReplyError)


async def test_a_caller_that_left_takes_nobodys_answer(link: Link) -> None:
    left = link.call("ECHO", "left")
    left.cancel()
    assert await link.call("ECHO", "stayed") == b"stayed"


async def test_what_is_asked_for_is_any_failures_one_name(link: Link) -> None:
    with pytest.raises(Unavailable, match=r"\AERR\Z"):
        await link.ask("NO-SUCH")


async def test_what_was_under_way_is_unknown_and_the_link_comes_back(link: Link, client: Redis) -> None:
    ups: list[int] = []
    link.on_up = lambda: ups.append(1)
    waiting = link.call("BLPOP", "hearth:{t}:never", 0)
    await kill(client, "test-link")
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await link.call("PING")
    await wait_until(lambda: link.is_up)
    assert ups == [1]
    assert await link.call("ECHO", "back") == b"back"


async def test_there_is_no_link_without_a_store(tmp_path: Path) -> None:
    nowhere = Link(f"unix://{tmp_path}/none", "test-none")
    with pytest.raises(Unavailable):
        await nowhere.open()
    with pytest.raises(Unavailable):
        await nowhere.call("PING")
    await nowhere.close()


async def test_a_store_that_stops_is_unavailable_and_back_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process keeps its connections: only the wait says that it is gone."""
    monkeypatch.setattr(module, "ANSWER_WITHIN", 0.4)
    monkeypatch.setattr(module, "CONNECT_WITHIN", 0.4)
    async with EmbeddedStore(tmp_path / "d", fsync="no") as own:
        link = Link(own.url, "test-silent")
        await link.open()
        os.kill(own.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable):
                await link.call("PING")
            await wait_until(lambda: not link.is_up)
        finally:
            os.kill(own.pid, signal.SIGCONT)
        await wait_until(lambda: link.is_up)
        assert await link.call("PING") == b"PONG"
        await link.close()


async def test_a_store_that_died_is_found_again(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "d", fsync="no") as own:
        link = Link(own.url, "test-dead")
        await link.open()
        os.kill(own.pid, signal.SIGKILL)
        await wait_until(lambda: not link.is_up)
        await wait_until(lambda: link.is_up)
        assert await link.call("PING") == b"PONG"
        await link.close()


async def test_what_the_store_sends_unasked_goes_its_own_way(store: str, client: Redis) -> None:
    pushes: list[list[Any]] = []
    ear = Link(store, "test-ear", on_push=pushes.append)
    ear.on_up = lambda: ear.tell("SUBSCRIBE", "hearth:t")
    await ear.open()
    await wait_until(lambda: len(pushes) == 1)
    await client.publish("hearth:t", b"one")
    assert await ear.call("ECHO", "between") == b"between"
    await wait_until(lambda: len(pushes) == 2)
    await kill(client, "test-ear")
    await wait_until(lambda: len(pushes) == 3)
    await client.publish("hearth:t", b"two")
    await wait_until(lambda: len(pushes) == 4)
    assert [push[0] for push in pushes] == [b"subscribe", b"message"] * 2
    assert [push[2] for push in pushes[1::2]] == [b"one", b"two"]
    await ear.close()
    ear.tell("SUBSCRIBE", "hearth:t")


async def test_scripts_that_the_store_forgot_are_loaded_anew(link: Link, client: Redis) -> None:
    scripts = Scripts(link, no_seal)
    await client.script_flush()
    args = {"op": "leave", "user": "ann", "node": "n", "lost": False}
    replies = await asyncio.gather(*(scripts.run(Script.PRESENCE, "t", dict(args)) for _ in range(3)))
    assert replies == [{"count": 0}] * 3
    await asyncio.gather(*scripts.load())


async def test_a_script_that_fails_says_no_more_than_its_first_word(link: Link) -> None:
    with pytest.raises(Unavailable) as caught:
        await Scripts(link, lambda _: b"seal").run(Script.ACT, "t", {"op": "secret"})
    assert "secret" not in str(caught.value)


async def test_one_callers_fault_costs_the_others_nothing(link: Link) -> None:
    heard: list[Any] = []

    def fail(reply: Any) -> None:
        heard.append(reply)
        raise ZeroDivisionError

    link.send(("ECHO", "a"), fail)
    link.send(("ECHO", "b"), heard.append)
    assert await link.call("ECHO", "c") == b"c"
    assert heard == [b"a", b"b"]


async def test_what_cannot_leave_is_told_after_the_call_has_returned(link: Link) -> None:
    """A caller that is told in the midst of its own call would have to expect it everywhere."""
    heard: list[Any] = []
    await link.close()
    link.send(("ECHO", "a"), heard.append)
    assert heard == []
    await asyncio.sleep(0)
    assert [type(reply) for reply in heard] == [Unavailable]
