"""What was acknowledged is in the log, once and in order, whoever is killed and however often it is sent.

I1, I5, I6, and for signals I22 and I27.
"""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from tests.faults.conftest import Reach
from tests.faults.rig import (
    AWAY,
    ROOM,
    Frame,
    Refused,
    Server,
    dial,
    flags_of,
    messages_of,
    new_user,
    serving,
    two_nodes,
    words,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

CRISIS = "i don't want to live any more, and nobody knows {}"


@dataclass(slots=True)
class Author:
    """Somebody who sends each text again, with its key, until it is answered; and what they were told."""

    user: str
    count: int
    text: str = ""
    role: str = "participant"
    sure: dict[str, int] = field(default_factory=dict)
    """Key to the number that was acknowledged."""
    first: list[str] = field(default_factory=list)
    """Keys acknowledged at the first try, in order."""
    refused: set[str] = field(default_factory=set)
    retries: int = 0

    async def talk(self, ports: list[int], token: str, dice: Random, room: str = ROOM) -> None:
        """Say all of it, over as many connections as it takes."""
        done = 0
        while done < self.count:
            try:
                async with dial(dice.choice(ports), form=dice.choice(("json", "msgpack"))) as client:
                    await client.hello(token)
                    await client.join(room)
                    while done < self.count:
                        key = f"{self.user}-{done}"
                        text = (
                            self.text.format(words(done)) if self.text else f"{words(done)} {self.user[-3:]}"
                        )
                        frame = await client.ask("post", room=room, key=key, text=text)
                        if self._note(key, frame):
                            done += 1
            except AWAY:
                self.retries += 1
                await asyncio.sleep(0.02)
            except Refused as refused:
                # At hello or join: the store is away just now.
                if refused.code != "unavailable":
                    raise
                self.retries += 1
                await asyncio.sleep(0.02)

    def _note(self, key: str, frame: Frame) -> bool:
        if frame["type"] == "posted":
            assert frame["verdict"] == "delivered", frame
            self.sure[key] = frame["seq"]
            return True
        if frame["code"] == "unavailable":
            self.retries += 1
            return False
        self.refused.add(key)
        return True


def check(server: Server, authors: list[Author], room: str = ROOM) -> None:
    """Every acknowledged text stands at its number, each text once, and nobody's out of order."""
    log = messages_of(server, room)
    by_seq = {entry["seq"]: entry for entry in log}
    for author in authors:
        mine = [entry for entry in log if entry["from"]["id"] == author.user]
        assert len(author.sure) + len(author.refused) == author.count
        for key, seq in author.sure.items():
            number = int(key.rpartition("-")[2])
            wanted = (
                author.text.format(words(number)) if author.text else f"{words(number)} {author.user[-3:]}"
            )
            assert by_seq[seq]["text"] == wanted
        assert [entry["seq"] for entry in mine] == list(author.sure.values()), "each once, in the order sent"


@pytest.mark.parametrize("whom", ["node", "store"])
async def test_no_acknowledged_message_is_lost_over_kills(whom: str, tmp_path: Path, reach: Reach) -> None:
    """Killed again and again under load; whoever got no answer sends again with the same key."""
    dice = reach.dice()
    kills = reach(4, 50)
    async with serving(tmp_path / "data") as server:
        authors = [Author(new_user("participant"), reach(120, 6_250)) for _ in range(8)]
        talks = [
            asyncio.create_task(
                author.talk([server.port], server.token(user=author.user), Random(dice.random()))
            )
            for author in authors
        ]
        total = sum(author.count for author in authors)
        for kill in range(1, kills + 1):
            # Some way into the load, at a moment that the dice choose.
            mark = int(total * kill / (kills + 1)) + dice.randrange(10)
            await wait_until(lambda: sum(len(author.sure) for author in authors) >= mark, 600)  # noqa: B023
            if whom == "node":
                server.kill()
                await server.start()
            else:
                before = server.store_pid
                os.kill(before, signal.SIGKILL)
                await wait_until(lambda: server.store_pid not in (0, before), 30)  # noqa: B023
        await asyncio.gather(*talks)
        check(server, authors)
        if whom == "store":
            assert server.is_alive


async def test_one_entry_a_key_however_often_and_wherever_it_is_sent(tmp_path: Path, reach: Reach) -> None:
    """The same keys on two nodes at once, some many times: one entry each, and each answer names it."""
    dice = reach.dice()
    async with two_nodes(tmp_path) as (a, b, _):
        user = new_user("participant")
        async with (
            a.client(user=user) as one,
            b.client(user=user) as two,
            a.client(user=user, form="msgpack") as three,
        ):  # fmt: skip
            for number in range(reach(250, 5_000)):
                key, text = f"k{number}", words(number)
                clients = [dice.choice((one, two, three)) for _ in range(dice.randint(2, 6))]
                answers = await asyncio.gather(
                    *(client.begin("post", room=ROOM, key=key, text=text) for client in clients)
                )
                assert len({answer["seq"] for answer in answers}) == 1
        texts = Counter(entry["text"] for entry in messages_of(a) if entry["from"]["id"] == user)
        assert set(texts.values()) == {1}
        assert len(texts) == reach(250, 5_000)


async def test_a_node_that_is_killed_leaves_the_other_serving(tmp_path: Path, reach: Reach) -> None:
    """Two nodes, one killed under load: whoever was on it goes on by the other, and nothing is lost."""
    dice = reach.dice()
    async with two_nodes(tmp_path) as (a, b, _):
        authors = [Author(new_user("participant"), reach(60, 2_000)) for _ in range(6)]
        talks = [
            asyncio.create_task(
                author.talk([a.port, b.port], a.token(user=author.user), Random(dice.random()))
            )
            for author in authors
        ]
        for kill in range(reach(2, 20)):
            mark = (kill + 1) * sum(author.count for author in authors) // (reach(2, 20) + 1)
            await wait_until(lambda: sum(len(author.sure) for author in authors) >= mark, 300)  # noqa: B023
            (a, b)[kill % 2].kill()
            await (a, b)[kill % 2].start()
        await asyncio.gather(*talks)
        check(a, authors)


@pytest.mark.parametrize("whom", ["node", "store"])
async def test_a_signal_has_exactly_one_flag_over_kills(whom: str, tmp_path: Path, reach: Reach) -> None:
    """Texts with a crisis signal, some refused by a locked room, retried over kills.

    Each is in exactly one flag, none is missing; those that were refused in a flood share a few.
    """
    dice = reach.dice()
    async with serving(tmp_path / "data") as server:
        async with server.client("facilitator", rooms=("*",)) as staff:
            await staff.call("set_room", room="evening-circle", locked=True)
        authors = [Author(new_user("participant"), reach(25, 625), text=CRISIS) for _ in range(4)]
        rooms = [ROOM, ROOM, "evening-circle", "evening-circle"]
        talks = [
            asyncio.create_task(
                author.talk([server.port], server.token(user=author.user), Random(dice.random()), room)
            )
            for author, room in zip(authors, rooms, strict=True)
        ]
        kills = reach(3, 40)
        total = sum(author.count for author in authors)
        for kill in range(1, kills + 1):
            mark = total * kill // (kills + 1)
            await wait_until(lambda: sum(len(a.sure) + len(a.refused) for a in authors) >= mark, 300)  # noqa: B023
            if whom == "node":
                server.kill()
                await server.start()
            else:
                before = server.store_pid
                os.kill(before, signal.SIGKILL)
                await wait_until(lambda: server.store_pid not in (0, before), 30)  # noqa: B023
        await asyncio.gather(*talks)
        check(server, authors[:2])
        for author, room in zip(authors, rooms, strict=True):
            flags = [flag for flag in flags_of(server, room) if flag["author"]["id"] == author.user]
            texts = Counter(text["text"] for flag in flags for text in (flag, *flag.get("also", ())))
            assert texts == Counter({author.text.format(words(number)): 1 for number in range(author.count)})
            if room != ROOM and not reach.is_long:
                assert len(flags) < author.count
        assert all(flag["severity"] in ("moderate", "high") for flag in flags_of(server))
