"""Two moderators and one flag.

One decision, the loser is told, and what is released has a new number (I11, I12).
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.conftest import Reach
from tests.faults.rig import ROOM, Client, Frame, audit_of, behind, flags_of, log_of, two_nodes, words
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

HELD = "i took all the pills an hour ago, goodbye everyone, {}"


async def test_of_two_moderators_one_decides_and_the_other_is_told(tmp_path: Path, reach: Reach) -> None:
    """They claim and decide at once on two nodes.

    One decision, one release at most, and the loser hears by whom.
    """
    dice = reach.dice()
    async with (
        two_nodes(tmp_path) as (a, b, _),
        a.client() as author,
        a.client("moderator") as one,
        b.client("moderator") as two,
    ):
        for number in range(reach(60, 1_000)):
            posted = await author.ask("post", room=ROOM, key=f"k{number}", text=HELD.format(words(number)))
            assert posted["verdict"] == "held"
            head = max(log_of(a), default=0) if number % 20 == 0 else None
            flag = posted["flag"]
            actions = [dice.choice(("approve", "retract", "warn")) for _ in range(2)]

            async def take(client: Client, action: str) -> tuple[Frame, Frame | None]:
                claim = await client.ask("claim", flag=flag, anyway=True)  # noqa: B023
                await asyncio.sleep(dice.random() * 0.002)
                done = await client.ask(
                    "decide",
                    flag=flag,  # noqa: B023
                    action=action,
                    note="seen",
                    warning="goodbyes",
                )
                return claim, done

            results = await asyncio.gather(take(one, actions[0]), take(two, actions[1]))
            claims = [claim for claim, _ in results]
            assert sorted(claim["type"] for claim in claims) == ["claimed", "error"]
            loser = next(claim for claim in claims if claim["type"] == "error")
            assert loser["code"] == "conflict"
            assert loser["by"]
            done = [frame for _, frame in results if frame is not None]
            assert sorted(frame["type"] for frame in done) == ["error", "ok"]
            assert {frame.get("code") for frame in done if frame["type"] == "error"} == {"conflict"}
            ok = next(frame for frame in done if frame["type"] == "ok")
            won = actions[[frame is ok for _, frame in results].index(True)]
            assert ("seq" in ok) is (won != "retract")
            if head is not None and "seq" in ok:
                assert ok["seq"] > head
            again = await author.ask("post", room=ROOM, key=f"k{number}", text=HELD.format(words(number)))
            assert again["flag"] == flag
            assert again["decision"]["action"] == won
        flags = flags_of(a)
        released = [entry["text"] for entry in log_of(a).values() if entry["type"] == "message"]
        assert len(released) == len(set(released))
        assert not any("text" in flag for flag in flags), "a decided text is put aside"
        seqs = {flag["seq"] for flag in flags if flag["decision"]["action"] in ("approve", "warn")}
        assert seqs == {seq for seq, entry in log_of(a).items() if entry["type"] == "message"}
        with behind(a) as store:
            assert store.zcard(f"hearth:{{{ROOM}}}:queue") == 0


async def test_eight_moderators_at_one_queue(tmp_path: Path, reach: Reach) -> None:
    """They take what they see first, on two nodes, and the next where somebody was faster: one decision each flag."""
    dice = reach.dice()
    many = reach(100, 1_000)
    async with two_nodes(tmp_path) as (a, b, _), AsyncExitStack() as stack:
        author = await stack.enter_async_context(a.client())
        desks = [await stack.enter_async_context((a, b)[n % 2].client("moderator")) for n in range(8)]
        for client in desks:
            await client.call("watch", rooms=[ROOM])
        for number in range(many):
            await author.post(HELD.format(words(number)), f"k{number}")
        decided: list[str] = []
        problems: list[Frame] = []

        async def work(client: Client) -> None:
            """What this one saw of each flag, and takes next: one of the first that seem free."""
            seen = {flag: frame["state"] for frame in client.got("flag") for flag in [frame["flag"]]}
            client.on_frame = lambda frame: (
                seen.update({frame["flag"]: frame["state"]}) if frame["type"] == "flag" else None
            )
            while left := [flag for flag, state in seen.items() if state != "decided"]:
                free = [flag for flag in left if seen[flag] == "open"]
                flag = dice.choice((free or left)[:3])
                claim = await client.ask("claim", flag=flag, anyway=True)
                if claim["type"] == "error":
                    problems.append(claim)
                    continue
                done = await client.ask("decide", flag=flag, action="retract", note="seen")
                if done["type"] == "ok":
                    decided.append(flag)
                else:
                    problems.append(done)

        await wait_until(lambda: all(len(client.got("flag")) >= many for client in desks), 60)
        await asyncio.gather(*map(work, desks))
        assert len(decided) == len(set(decided)) == many
        assert {(frame["code"], bool(frame["by"])) for frame in problems} <= {("conflict", True)}
        flags = flags_of(a)
        assert {flag["flag"] for flag in flags} == set(decided)
        assert {flag["state"] for flag in flags} == {"decided"}
        trail = [entry for entry in audit_of(a) if entry["action"] == "decide"]
        assert sorted(entry["flag"] for entry in trail) == sorted(decided)
        for client in desks:  # who watched saw each of them decided
            await wait_until(
                lambda client=client: (
                    {  # type: ignore[misc]  # the loop's own client
                        frame["flag"] for frame in client.got("flag") if frame["state"] == "decided"
                    }
                    == set(decided)
                )
            )


async def test_a_lease_ends_with_its_connection_and_with_its_node(tmp_path: Path) -> None:
    """Whoever claimed and vanished holds nothing.

    A node that was killed holds it until the lease runs out.
    """
    short = {"HEARTH_REVIEW__LEASE_SECONDS": "2"}
    async with two_nodes(tmp_path, first=short) as (a, b, _), b.client("moderator") as two:
        for way in ("drop", "kill"):
            async with a.client() as author, a.client("moderator") as one:
                flag = (await author.ask("post", room=ROOM, key=way, text=HELD.format(way)))["flag"]
                await one.call("claim", flag=flag)
                assert (await two.ask("claim", flag=flag))["code"] == "conflict"
                if way == "drop":
                    await one.drop()
                else:
                    a.kill()

                async def is_free() -> bool:
                    claim = await two.ask("claim", flag=flag, anyway=True)  # noqa: B023
                    return bool(claim["type"] == "claimed")

                await wait_until(is_free, 15)
                done = await two.call("decide", flag=flag, action="approve", note="seen")
                assert done["seq"] in log_of(b)
