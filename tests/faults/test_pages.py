"""Calls to people outside: at least once, by one node at a time, through a dead node and a target that fails."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.rig import Server, flags_of, two_nodes
from tests.faults.test_clocks import HIGH, audit_of
from tests.receiver import Receiver, receiving
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

IMMINENT = "i took all the pills an hour ago, goodbye everyone"
YES = b"HTTP/1.1 200 OK\r\n\r\n"
NO = b"HTTP/1.1 503 Busy\r\n\r\n"


def paging(receiver: Receiver, **more: str) -> Mapping[str, str]:
    target = f'[{{"name": "pager", "url": "{receiver.url}", "allow_private": true}}]'
    return {
        "HEARTH_OUTBOUND__TARGETS": target,
        "HEARTH_OUTBOUND__SECRETS__PAGER": "quite-long-and-secret",
        "HEARTH_OUTBOUND__RETRY_SECONDS": "[0.2, 0.2]",
        "HEARTH_OUTBOUND__TIMEOUT_SECONDS": "2",
        "HEARTH_REVIEW__CLOCK_SECONDS__IMMINENT": "[600]",
        "HEARTH_REVIEW__CLOCK_SECONDS__HIGH": "[0.5, 600]",
        **more,
    }


@asynccontextmanager
async def house(folder: Path, **more: str) -> AsyncIterator[tuple[Server, Server, Receiver]]:
    async with receiving() as receiver, two_nodes(folder, first=paging(receiver, **more)) as (a, b, _):
        yield a, b, receiver


async def pages_of(server: Server) -> list[str]:
    """What `hearth pages list` would read."""
    from tests.faults.rig import ROOM, behind

    with behind(server) as store:
        return [
            name.decode() if isinstance(name, bytes) else name
            for name in store.hkeys(f"hearth:{{{ROOM}}}:pages")
        ]


async def test_an_imminent_signal_is_told_outside_at_once_and_once(tmp_path: Path) -> None:
    async with house(tmp_path) as (a, b, receiver), a.client() as author, b.client("moderator") as otto:
        await otto.call("watch")
        await otto.call("duty", state="on_call")
        await author.post(IMMINENT, "k")
        await wait_until(lambda: len(audit_of(a, "page")) == 1)
        [got] = receiver.got
        flag = flags_of(a)[0]["flag"]
        assert (got.told["flag"], got.told["severity"], got.told["step"]) == (flag, "imminent", 0)
        assert got.told["on_call"] == [otto.user]
        assert "pills" not in str(got)
        assert author.user not in str(got)
        assert await pages_of(a) == []


async def test_a_missed_clock_is_told_outside(tmp_path: Path) -> None:
    """A high signal waits for people here first."""
    async with house(tmp_path) as (a, b, receiver), a.client() as author, b.client("facilitator") as fay:
        await fay.call("watch")
        await author.post(HIGH, "k")
        await wait_until(lambda: len(audit_of(a, "page")) == 1, 15)
        assert [got.told["step"] for got in receiver.got] == [1]


async def test_what_fails_is_tried_again_under_the_same_id(tmp_path: Path) -> None:
    async with house(tmp_path) as (a, _, receiver), a.client() as author:
        receiver.answer = lambda number: NO if number < 3 else YES
        await author.post(IMMINENT, "k")
        await wait_until(lambda: len(audit_of(a, "page")) == 1, 20)
        assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
        assert len(receiver.got) == 3
        assert audit_of(a, "page")[0]["tries"] == 3


async def test_what_never_arrives_is_given_up_and_said(tmp_path: Path) -> None:
    """Admins get a notice, the command shows it and tries it again; nothing is lost."""
    async with house(tmp_path) as (a, b, receiver), a.client() as author, b.client("admin") as ada:
        receiver.answer = lambda _: NO
        await ada.call("watch")
        await author.post(IMMINENT, "k")
        await wait_until(lambda: len(audit_of(a, "page_failed")) == 1, 20)
        await wait_until(lambda: any(one["code"] == "page_failed" for one in ada.got("notice")))
        assert len(receiver.got) == 3
        [page] = await pages_of(a)
        receiver.answer = lambda _: YES
        command = ["pages", "again", page, "--store", str(a.store), "--data", str(a.data)]
        await hearth(a, *command)
        await wait_until(lambda: len(audit_of(a, "page")) == 1, 20)
        assert await pages_of(a) == []


async def hearth(server: Server, *words: str) -> None:
    """One command beside the servers."""
    import sys

    from tests.faults.rig import ROOT

    made = await asyncio.create_subprocess_exec(sys.executable, "-m", "chat", *words, cwd=ROOT)
    assert await made.wait() == 0


async def test_a_node_that_dies_over_a_call_leaves_it_to_another(tmp_path: Path) -> None:
    """The target keeps the first one waiting, whose node is killed: the other calls with the same id."""
    async with house(tmp_path, HEARTH_OUTBOUND__TIMEOUT_SECONDS="1") as (a, b, receiver):
        receiver.answer = lambda number: None if number == 1 else YES
        async with a.client() as author:
            await author.post(IMMINENT, "k")
            await wait_until(lambda: len(receiver.got) == 1)
            a.kill()
        await wait_until(lambda: len(audit_of(b, "page")) == 1, 40)
        assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
        assert len(receiver.got) == 2
