"""Sanctions hold from the moment at which they are acknowledged (I9, I10)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Reach
from tests.faults.rig import AWAY, OTHER, ROOM, Client, Refused, log_of, new_user, serving, two_nodes, words
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]


async def _chatter(client: Client, sent: list[str], room: str = ROOM) -> None:
    """Post as fast as the answers come, until the connection ends."""
    number = 0
    while client.code is None:
        number += 1
        key = f"{client.user}-{len(sent)}"
        sent.append(key)
        try:
            await client.ask("post", room=room, key=key, text=words(number))
        except AWAY:
            return


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _after(server: Any, seq: int, user: str) -> list[int]:
    return [
        at for at, entry in log_of(server).items() if at > seq and entry.get("from", {}).get("id") == user
    ]


@pytest.mark.parametrize("act", ["mute", "remove", "locked"])
async def test_nothing_of_the_sanctioned_is_numbered_after_the_acknowledgement(
    act: str, tmp_path: Path, reach: Reach
) -> None:
    """Somebody posts on both nodes while staff act on one: no number of theirs lies past the answer."""
    rounds = reach(8, 670)
    async with two_nodes(tmp_path) as (a, b, _), a.client("facilitator") as staff:
        for _ in range(rounds):
            user = new_user("participant")
            async with a.client(user=user) as here, b.client(user=user, form="msgpack") as there:
                sent: list[str] = []
                tasks = [asyncio.create_task(_chatter(client, sent)) for client in (here, there)]
                await wait_until(lambda: len(sent) > 6)  # noqa: B023 - awaited in the same round
                if act == "locked":
                    done = await staff.call("set_room", room=ROOM, locked=True)
                    mark = done["seq"]
                else:
                    await staff.call(act, room=ROOM, user=user, seconds=0, reason="a pause")
                    # The act itself has no number: a witness's message does, and it comes after the answer.
                    mark = (await staff.post("thank you all", f"mark-{user}"))["seq"]
                more = len(sent) + 6
                await wait_until(lambda: len(sent) > more or all(task.done() for task in tasks))  # noqa: B023
                await _stop(tasks)
                assert _after(a, mark, user) == []
                with pytest.raises(Refused):
                    await here.post("one more", f"late-{user}")
            if act == "locked":
                await staff.call("set_room", room=ROOM, locked=False)


async def test_a_ban_cuts_every_connection_on_both_nodes(tmp_path: Path, reach: Reach) -> None:
    """Within two seconds the banned person has no open connection, and no way in."""
    async with two_nodes(tmp_path) as (a, b, _), a.client("moderator") as staff:
        for _ in range(reach(5, 200)):
            user = new_user("participant")
            async with (
                a.client(user=user) as here,
                b.client(user=user) as there,
                b.client(user=user, join=OTHER) as third,
            ):
                sent: list[str] = []
                tasks = [asyncio.create_task(_chatter(client, sent)) for client in (here, there)]
                await wait_until(lambda: len(sent) > 4)  # noqa: B023
                await staff.call("ban", user=user, reason="harm to others")
                mark = (await staff.post("thank you all", f"mark-{user}"))["seq"]
                codes = [await client.closed(2 * 3) for client in (here, there, third)]
                assert codes == [4503] * 3
                await _stop(tasks)
                assert _after(a, mark, user) == []
                for node in (a, b):
                    with pytest.raises(Refused) as refused:
                        async with node.client(user=user):
                            pass
                    assert refused.value.code == "banned"


async def test_a_ban_never_reaches_upwards(tmp_path: Path) -> None:
    """A moderator bans no admin.

    Not one who was never in a room, and not in part where they were in one of two.
    """
    async with serving(tmp_path / "data") as server, server.client("moderator") as staff:
        for join in (None, OTHER, ROOM):
            async with server.client("admin", join=join) as admin:
                with pytest.raises(Refused) as refused:
                    await staff.call("ban", user=admin.user, reason="a mistake")
                assert refused.value.code == "forbidden"
                for room in (ROOM, OTHER):
                    await admin.join(room)
                    await admin.post("still here", f"here-{admin.user}", room)
