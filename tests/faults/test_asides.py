"""A private talk over two nodes: entered on one, moderated from the other, and nobody else's."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.rig import ROOM, behind, flags_of, two_nodes
from tests.faults.test_clocks import NEVER, audit_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

HIGH = "I want to kill myself. I can't see any other way."
PLAIN = "It is about my brother."


async def test_a_talk_over_two_nodes(tmp_path: Path) -> None:
    """Its people come in where they are; its flags go to whoever watches the group, on any node."""
    async with (
        two_nodes(tmp_path, first=NEVER) as (a, b, _),
        a.client("facilitator") as fay,
        b.client() as ana,
        b.client("moderator", join=None) as mia,
        a.client("admin") as ada,
    ):
        await mia.call("watch")
        side = (await fay.call("aside", room=ROOM, user=ana.user))["room"]
        await wait_until(lambda: bool(ana.got("aside")))
        await fay.join(side)
        await ana.join(side)
        assert ana.got("aside")[0]["with"]["id"] == fay.user
        await ana.post(PLAIN, "k1", side)
        await wait_until(lambda: any(frame.get("text") == PLAIN for frame in fay.got("message")))
        await ana.post(HIGH, "k2", side)
        await wait_until(lambda: any(flag["room"] == side for flag in mia.got("flag")))
        await wait_until(lambda: any(one["code"] == "call" for one in mia.got("notice")))
        [flag] = flags_of(a, side)
        await mia.call("claim", flag=flag["flag"])
        for stranger in (ada, mia):
            for command in ("join", "history", "leave"):
                assert (await stranger.ask(command, room=side))["code"] == "not_found"
        assert side not in str(ada.trail[:-3])
        await fay.call("leave", room=side)
        await wait_until(lambda: any(one.get("is_over") for one in ana.got("aside")))
        assert (await ana.ask("post", room=side, key="k3", text=PLAIN))["code"] == "room_closed"
        assert (await ana.ask("join", room=side))["code"] == "room_closed"
        await ana.post("Good evening.", "k4")
        assert [entry["action"] for entry in audit_of(a, "aside", "aside_over")] == ["aside", "aside_over"]


async def test_a_talk_that_is_over_is_listed_until_nothing_of_it_is_open(tmp_path: Path) -> None:
    """A day later it goes from the list of rooms; with an open flag it stays another day."""
    async with (
        two_nodes(tmp_path, first=NEVER) as (a, b, _),
        a.client("facilitator") as fay,
        a.client("moderator") as mia,
        b.client() as ana,
    ):
        side = (await fay.call("aside", room=ROOM, user=ana.user))["room"]
        await ana.join(side)
        await ana.post(HIGH, "k", side)
        await ana.call("leave", room=side)

        def listed() -> bool:
            with behind(a) as store:
                return bool(store.hexists("hearth:{store}:rooms", side))

        def a_day_passes() -> None:
            with behind(a) as store:
                key = f"hearth:{{{side}}}:clocks"
                due: list[Any] = store.zrange(key, 0, -1)
                store.zadd(key, dict.fromkeys(due, 1))

        def is_taken() -> bool:
            with behind(a) as store:
                at = store.zscore(f"hearth:{{{side}}}:clocks", "aside:over")
                return at is None or float(str(at)) > 1

        a_day_passes()
        await wait_until(is_taken)
        assert listed()
        [flag] = flags_of(a, side)
        await mia.call("claim", flag=flag["flag"])
        await mia.call("decide", flag=flag["flag"], action="approve", note="cared for")
        [task] = (await mia.call("follow_up"))["tasks"]
        await mia.call("follow_up", flag=task["flag"])
        a_day_passes()
        await wait_until(lambda: not listed())
