"""A room that needs staff: opens with them, waits for them, and closes kindly, on two nodes."""

from pathlib import Path

import pytest

from tests.faults.rig import ROOM, Client, behind
from tests.faults.test_clocks import audit_of, notices, quick
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

PLAIN = "Good evening, everyone."


def changes(client: Client, **fields: object) -> int:
    """How often the room was heard to change so."""
    return sum(
        all(frame.get(name) == value for name, value in fields.items())
        for frame in client.got("room_changed")
    )


async def test_it_opens_with_staff_waits_for_them_and_closes_kindly(tmp_path: Path) -> None:
    """The first step after the grace time, the next after another; each once, whichever node takes it."""
    needs = {
        "needs_staff": "true", "grace_seconds": "4", "unstaffed_slow_mode": "20", "unstaffed_close_seconds": "1",
    }  # fmt: skip
    async with quick(tmp_path, **needs) as (a, b, _), a.client(join=None) as early:
        refused = await early.ask("join", room=ROOM)
        assert (refused["code"], refused["retry_after"]) == ("room_closed", 30)
        assert "one of our team" in refused["text"]
        assert (await early.ask("help", room=ROOM))["type"] == "ok"
        async with b.client("facilitator") as fay, a.client() as ana, b.client() as ben:
            await early.join()
            await ana.post(PLAIN, "k1")
            await fay.call("leave", room=ROOM)
            # Within the grace time people still come.
            async with a.client() as late:
                assert late.joined["state"]["slow_mode"] == 0
            await wait_until(lambda: bool(notices(ana, "unstaffed")) and bool(notices(ben, "unstaffed")), 15)
            assert changes(ana, slow_mode=20) == changes(ben, slow_mode=20) == 1
            async with a.client(join=None) as newcomer:
                assert (await newcomer.ask("join", room=ROOM))["code"] == "room_closed"
            await wait_until(lambda: bool(notices(ana, "closing")), 15)
            assert changes(ben, closed=True) == 1
            assert (await ana.ask("post", room=ROOM, key="k2", text=PLAIN))["code"] == "room_closed"
            assert (await ben.ask("help", room=ROOM, text="is anybody there"))["type"] == "ok"
            await fay.join()
            await wait_until(lambda: bool(notices(ana, "staffed")) and bool(notices(ben, "staffed")))
            assert changes(ana, slow_mode=0, closed=False) == changes(ben, slow_mode=0, closed=False) == 1
            assert (await ana.post(PLAIN, "k2"))["verdict"] == "delivered"
        acts = [entry["action"] for entry in audit_of(a, "unstaffed", "close_unstaffed")]
        assert acts == ["unstaffed", "close_unstaffed"]


async def test_a_break_counts_as_absence_after_the_grace_time(tmp_path: Path) -> None:
    """They are in the room, but nobody can count on them: until one of staff says otherwise, or another comes."""
    needs = {"needs_staff": "true", "grace_seconds": "1", "unstaffed_close_seconds": "0"}
    async with quick(tmp_path, **needs) as (a, b, _), b.client("facilitator") as fay, a.client() as ana:
        await fay.call("duty", state="break")
        await fay.call("duty", state="on_duty")
        with behind(a) as store:
            assert store.zscore(f"hearth:{{{ROOM}}}:clocks", "staff:gone") is None
        await fay.call("duty", room=ROOM, state="break")
        await wait_until(lambda: bool(notices(ana, "unstaffed")), 15)
        async with a.client(join=None) as newcomer:
            assert (await newcomer.ask("join", room=ROOM))["code"] == "room_closed"
            async with b.client("facilitator") as gus:
                await wait_until(lambda: bool(notices(ana, "staffed")))
                await newcomer.join()
                await gus.call("duty", state="off")
                await wait_until(lambda: len(notices(ana, "unstaffed")) == 2, 15)
        await fay.call("duty", state="on_duty")
        await wait_until(lambda: len(notices(ana, "staffed")) == 2)
        assert changes(ana, slow_mode=0) == 2


async def test_whoever_was_there_may_come_back_while_it_waits(tmp_path: Path) -> None:
    """A lost line is no reason to be left outside; and staff who return in time change nothing."""
    needs = {"needs_staff": "true", "grace_seconds": "1", "unstaffed_close_seconds": "0"}
    async with quick(tmp_path, **needs) as (a, b, _), b.client("facilitator") as fay:
        async with a.client() as ana, a.client() as ben:
            await fay.call("leave", room=ROOM)
            await fay.join()
            await fay.call("leave", room=ROOM)
            await wait_until(lambda: bool(notices(ben, "unstaffed")), 15)
            await ana.drop()
            async with b.client(user=ana.user) as back:
                assert back.joined["state"]["slow_mode"] == 30
            with behind(a) as store:
                assert store.zscore(f"hearth:{{{ROOM}}}:clocks", "staff:gone") is None
        assert len(audit_of(a, "unstaffed")) == 1


async def test_rooms_that_need_no_staff_never_change(tmp_path: Path) -> None:
    async with quick(tmp_path, grace_seconds="0") as (a, b, _), a.client() as ana:
        async with b.client("facilitator"):
            pass
        await ana.post(PLAIN, "k")
        with behind(a) as store:
            assert store.zcard(f"hearth:{{{ROOM}}}:clocks") == 0
            assert not store.hexists(f"hearth:{{{ROOM}}}:room", "unstaffed")
