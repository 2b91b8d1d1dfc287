"""Nobody waits for us unheard: calls when nobody comes, on two nodes, with one of them killed.

Each call is made once, none is lost, and the author has an honest state after each missed clock.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest

from chat.tokens import load_key
from tests.faults.conftest import Reach
from tests.faults.rig import (
    ROOM,
    Client,
    Frame,
    OutsideStore,
    Server,
    behind,
    copy_config,
    flags_of,
    outside_store,
    two_nodes,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

HIGH = "I want to kill myself. I can't see any other way."
LOW = "I feel completely hopeless"
SHORT = {
    "HEARTH_REVIEW__CLOCK_SECONDS__HIGH": "[0.6, 1.2]",
    "HEARTH_REVIEW__CLOCK_SECONDS__MODERATE": "[0.6, 1.2, 1.8]",
}
NEVER = {
    "HEARTH_REVIEW__CLOCK_SECONDS__HIGH": "[600]",
    "HEARTH_REVIEW__CLOCK_SECONDS__MODERATE": "[600]",
}


def audit_of(server: Server, *actions: str) -> list[dict[str, Any]]:
    """What the room's audit trail holds of these actions, in order."""
    with behind(server) as store:
        rows = store.hgetall(f"hearth:{{{ROOM}}}:audit")
    entries = [msgpack.unpackb(row) for _, row in sorted(rows.items(), key=lambda row: int(row[0]))]
    return [entry for entry in entries if entry["action"] in actions]


def calls_of(server: Server, flag: str) -> list[int]:
    """The numbers of the calls that were made for a flag, in order."""
    return [entry["step"] for entry in audit_of(server, "call") if entry["flag"] == flag]


async def watching(stack: AsyncExitStack, server: Server, role: str) -> Client:
    """Somebody of staff who watches the queue."""
    client = await stack.enter_async_context(server.client(role))
    await client.call("watch")
    return client


def notices(client: Client, code: str) -> list[Frame]:
    return [frame for frame in client.got("notice") if frame["code"] == code]


def cards(client: Client, key: str) -> list[Frame]:
    return [frame for frame in client.got("support") if frame["key"] == key]


@asynccontextmanager
async def quick(folder: Path, **rooms: str) -> AsyncIterator[tuple[Server, Server, OutsideStore]]:
    """Two nodes whose clocks never fire by themselves, with some of the rooms' settings changed."""
    config = copy_config(folder / "config", **{"room.flood": "off", "room.repeat": "off"})
    path = config / "rooms.toml"
    text = path.read_text()
    for name, value in rooms.items():
        text = "\n".join(
            f"{name} = {value}" if line.startswith(f"{name} = ") else line for line in text.split("\n")
        )
    path.write_text(text)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(outside_store(folder / "shared"))
        nodes = [Server(folder / name, store=store.url, env=NEVER, config=config) for name in "ab"]
        load_key(nodes[0].data)
        nodes[1].data.mkdir()
        (nodes[1].data / "token.key").write_bytes((nodes[0].data / "token.key").read_bytes())
        try:
            for node in nodes:
                await node.start()
            yield nodes[0], nodes[1], store
        finally:
            for node in nodes:
                if node.is_alive:
                    node.kill()


async def test_somebody_outside_the_room_is_told_too_that_nobody_has_come(tmp_path: Path) -> None:
    """Who was removed, and who never came in: each hears it on the connection from which they asked."""
    async with AsyncExitStack() as stack:
        a, b, _ = await stack.enter_async_context(two_nodes(tmp_path, first=SHORT))
        fay = await watching(stack, a, "facilitator")
        removed = await stack.enter_async_context(b.client())
        never = await stack.enter_async_context(b.client(join=None))
        await fay.call("remove", room=ROOM, user=removed.user, seconds=0, reason="a pause")
        await wait_until(lambda: bool(removed.got("removed")))
        for number, author in enumerate((removed, never)):
            reply = await author.call("help", room=ROOM, text=HIGH, key=f"h{number}")
            first = reply["support"]["text"]
            await wait_until(lambda: any(card["text"] != first for card in cards(author, f"h{number}")))  # noqa: B023
        # What is said in the room meanwhile is not for them.
        await fay.post("good evening", "g")
        await wait_until(lambda: bool(fay.got("message")))
        assert not removed.got("message")
        assert not never.got("message")


async def test_who_comes_back_outside_the_room_hears_what_care_said_meanwhile(tmp_path: Path) -> None:
    """Removed, asked for help, lost the line: the next connection, on either node, is told without asking again."""
    async with AsyncExitStack() as stack:
        a, b, _ = await stack.enter_async_context(two_nodes(tmp_path, first=SHORT))
        fay = await watching(stack, a, "facilitator")
        author = await stack.enter_async_context(b.client())
        await fay.call("remove", room=ROOM, user=author.user, seconds=0, reason="a pause")
        await wait_until(lambda: bool(author.got("removed")))
        first = (await author.call("help", room=ROOM, text=HIGH, key="h"))["support"]["text"]
        await author.drop()
        flag = next(one["flag"] for one in flags_of(a) if one["kind"] == "help")  # the removal has one too
        await wait_until(lambda: len(calls_of(a, flag)) >= 2, 30)
        back = await stack.enter_async_context(a.client(user=author.user, join=None))
        assert (await back.ask("join", room=ROOM))["code"] == "removed"
        await wait_until(lambda: bool(cards(back, "h")))
        assert cards(back, "h")[0]["text"] != first, "one card a key, as it stands now"
        assert not cards(back, "h")[0]["seen"]
        await fay.call("attend", flag=flag)
        await wait_until(lambda: cards(back, "h")[-1]["seen"])
        again = await stack.enter_async_context(b.client(user=author.user, join=None, rooms=(ROOM,)))
        await wait_until(lambda: bool(cards(again, "h")))
        assert cards(again, "h")[0]["seen"]
        assert {frame["type"] for frame in again.frames if frame.get("room") == ROOM} == {"support"}


async def test_each_missed_clock_calls_the_next_once_over_two_nodes(tmp_path: Path, reach: Reach) -> None:
    """All of staff hear the opening, then each link its own call; the author is told at each missed one."""
    async with AsyncExitStack() as stack:
        a, b, _ = await stack.enter_async_context(two_nodes(tmp_path, first=SHORT))
        fay = await watching(stack, a, "facilitator")
        mia = await watching(stack, b, "moderator")
        ada = await watching(stack, b, "admin")
        author = await stack.enter_async_context(a.client())
        for number in range(reach(3, 200)):
            key = f"k{number}"
            posted = await author.post(HIGH, key)
            assert posted["support"]["seen"] is False
            flag = next(one["flag"] for one in flags_of(a) if one["seq"] == posted["seq"])
            await wait_until(lambda: calls_of(a, flag) == [0, 1, 2], 15)  # noqa: B023
            await wait_until(lambda: len(cards(author, key)) == 3)  # noqa: B023
            assert [card["seen"] for card in cards(author, key)] == [False] * 3
            assert all(card["helplines"] for card in cards(author, key))
            assert "wait for us" in cards(author, key)[1]["text"]
            for client, codes in ((fay, ["call"]), (mia, ["call", "missed"]), (ada, ["missed"])):
                heard = [frame for frame in client.got("notice") if frame["flag"] == flag]
                assert [frame["code"] for frame in heard] == codes
                assert author.user not in str(heard)
            await fay.call("attend", flag=flag)
            await wait_until(lambda: cards(author, key)[-1]["seen"])  # noqa: B023
        with behind(a) as store:
            assert store.zrange(f"hearth:{{{ROOM}}}:clocks", 0, -1) == [
                f"reply:{one['seq']}".encode() for one in sorted(flags_of(a), key=lambda one: one["seq"])
            ]
        assert author.got("notice") == []


async def test_a_dead_nodes_clocks_move_to_another(tmp_path: Path) -> None:
    """The node that took the message is killed while its clock runs: the other one calls, each step once."""
    async with AsyncExitStack() as stack:
        a, b, _ = await stack.enter_async_context(two_nodes(tmp_path, first=SHORT))
        ada = await watching(stack, b, "admin")
        async with a.client() as author:
            posted = await author.post(HIGH, "k")
            a.kill()
            flag = flags_of(b)[0]["flag"]
            assert posted["verdict"] == "delivered"
        await wait_until(lambda: calls_of(b, flag)[-1:] == [2], 15)
        assert calls_of(b, flag) == [0, 1, 2]
        await wait_until(lambda: len(notices(ada, "missed")) == 2)
        with behind(b) as store:
            told = store.hvals(f"hearth:{{{ROOM}}}:private:{author.user}")
        assert sum(msgpack.unpackb(entry)["type"] == "support" for entry in told) == 3


async def test_an_empty_chain_is_said_at_once(tmp_path: Path) -> None:
    """Nobody is there, or whoever is says that they are on a break: the author is not left waiting."""
    async with quick(tmp_path) as (a, _, _), AsyncExitStack() as stack:
        author = await stack.enter_async_context(a.client())
        await author.post(HIGH, "alone")
        await wait_until(lambda: len(cards(author, "alone")) == 2)
        assert "nobody on our team here" in cards(author, "alone")[1]["text"]
        fay = await watching(stack, a, "facilitator")
        rota = await fay.call("duty", state="break", room=ROOM)
        assert [(one["id"], one["duty"], one["is_here"]) for one in rota["staff"]] == [
            (fay.user, "break", True)
        ]
        await author.post(HIGH, "break")
        await wait_until(lambda: len(cards(author, "break")) == 2)
        assert notices(fay, "call") == []
        # Whoever comes is called for what reached nobody until then.
        await fay.call("duty", state="on_duty")
        await wait_until(lambda: len(notices(fay, "call")) == 2)
        await author.post(HIGH, "there")
        await wait_until(lambda: len(notices(fay, "call")) == 3)
        assert len(cards(author, "there")) == 1
        assert [entry["state"] for entry in audit_of(a, "duty")] == ["break", "on_duty"]


async def test_a_flag_on_staff_goes_past_their_peers(tmp_path: Path) -> None:
    """A moderator is called; a colleague learns only that the room needs them, and sees no flag."""
    async with quick(tmp_path) as (a, b, _), AsyncExitStack() as stack:
        mia = await watching(stack, b, "moderator")
        gus = await watching(stack, b, "facilitator")
        fay = await watching(stack, a, "facilitator")
        await fay.join()
        await fay.post(HIGH, "mine")
        await wait_until(lambda: len(notices(mia, "call")) == 1)
        await wait_until(lambda: len(notices(gus, "cover")) == 1)
        assert "flag" not in notices(gus, "cover")[0]
        assert gus.got("flag") == fay.got("flag") == fay.got("notice") == []
        assert cards(fay, "mine")[0]["helplines"]


async def test_whoever_attends_or_decides_stops_the_clock(tmp_path: Path) -> None:
    """And after a decision somebody asks after the person; it stays until it is done."""
    async with AsyncExitStack() as stack:
        a, b, _ = await stack.enter_async_context(two_nodes(tmp_path, first=SHORT))
        mia = await watching(stack, b, "moderator")
        author = await stack.enter_async_context(a.client())
        await author.post(HIGH, "k")
        flag = flags_of(a)[0]["flag"]
        await mia.call("attend", flag=flag)
        assert "next_at" not in flags_of(a)[0]
        await mia.call("claim", flag=flag)
        await mia.call("decide", flag=flag, action="escalate", note="please take over")
        await wait_until(lambda: calls_of(a, flag) == [0, 1])
        assert "next_at" not in flags_of(a)[0]
        await mia.call("claim", flag=flag)
        await mia.call("decide", flag=flag, action="approve", note="cared for")
        [task] = (await mia.call("follow_up"))["tasks"]
        assert (task["flag"], task["owner"]["id"], task["user"]["id"]) == (flag, mia.user, author.user)
        assert (await author.ask("follow_up"))["code"] == "forbidden"
        assert (await mia.call("follow_up", flag=flag, note="they are better"))["tasks"] == []
        assert (await mia.ask("follow_up", flag=flag))["code"] == "not_found"
        made = audit_of(a, "plan_follow_up", "follow_up")
        assert [(one["action"], one["by"]["id"]) for one in made] == [
            ("plan_follow_up", mia.user),
            ("follow_up", mia.user),
        ]
        assert [card["seen"] for card in cards(author, "k")] == [False, True]


async def test_a_disclosure_that_nobody_answers(tmp_path: Path) -> None:
    """Staff are nudged, and the room by a word that names nobody; one that is answered nudges nobody."""
    async with (
        quick(tmp_path, answer_seconds="1", nudge_peers="true") as (a, b, _),
        AsyncExitStack() as stack,
    ):
        fay = await watching(stack, b, "facilitator")
        author = await stack.enter_async_context(a.client())
        peer = await stack.enter_async_context(b.client())
        lonely = (await author.post(LOW, "lonely"))["seq"]
        await wait_until(lambda: len(notices(fay, "unanswered")) == 1, 15)
        assert notices(fay, "unanswered")[0]["target"] == lonely
        await wait_until(lambda: len(notices(peer, "quiet")) == 1)
        word = str(notices(peer, "quiet"))
        assert all(hint not in word for hint in (author.user, "seq", "flag", "severity"))
        await author.post(LOW, "heard")
        await peer.post("I am glad that you are here.", "reply")

        def is_over() -> bool:
            with behind(a) as store:
                waiting = store.zrange(f"hearth:{{{ROOM}}}:clocks", 0, -1)
                return "reply:" not in str(waiting)

        await wait_until(is_over, 15)
        assert len(notices(fay, "unanswered")) == 1
        assert [entry["seq"] for entry in audit_of(a, "unanswered")] == [lonely]


async def test_a_sudden_leave_is_told_and_a_lost_line_apart_from_it(tmp_path: Path) -> None:
    """Of somebody with an open flag; of nobody else."""
    async with quick(tmp_path) as (a, b, _), AsyncExitStack() as stack:
        fay = await watching(stack, b, "facilitator")
        other = await stack.enter_async_context(a.client())
        await other.end()
        async with a.client() as author:
            await author.post(HIGH, "k")
            flag = flags_of(a)[0]["flag"]
            await author.call("leave", room=ROOM)
            await wait_until(lambda: len(notices(fay, "left")) == 1)
            assert notices(fay, "left")[0]["flag"] == flag
            await author.join()
            await wait_until(lambda: len(notices(fay, "back")) == 1)
            async with a.client(user=author.user) as second:
                await author.drop()
                await second.call("ping")
                assert notices(fay, "lost") == []
                await second.drop()
            await wait_until(lambda: len(notices(fay, "lost")) == 1)
        assert len(notices(fay, "left")) == 1
        assert author.user not in str(fay.got("notice"))
