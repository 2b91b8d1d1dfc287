"""Who people are: names, choices, grants, bans, connections, invites."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from chat.store.broker import Broker
from chat.store.keys import NODES
from chat.store.people import People, digest, fold_name
from tests.stored import Scene, no_seal
from tests.waiting import wait_until

loop = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(store: str) -> AsyncIterator[People]:
    """The same people, as another node knows them."""
    broker = Broker(store, "n9", no_seal)
    await broker.open()
    yield People(broker)
    await broker.close()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Blue Heron", "blueheron"),
        ("Zoë", "ZOE\u0308"),
        ("\uff22lue", "blue"),
        ("a-b", "A B"),
        ("Straße", "STRASSE"),
    ],
)
def test_names_that_read_alike_are_one(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


def test_names_without_letters_are_not_all_one() -> None:
    assert fold_name("🙂") != fold_name("🌱")


@given(st.text(min_size=1))
def test_folding_a_folded_name_changes_nothing_and_none_is_empty(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name) != ""


@loop
async def test_a_stranger_is_an_id_alone(people: People) -> None:
    person = await people.person("u_stranger")
    assert (person.id, person.name, person.grants, person.banned) == ("u_stranger", "", None, None)


@loop
async def test_what_people_choose_is_kept(people: People) -> None:
    await people.remember("u_chooser", {"country": "IE", "language": "en", "hidden": ["u_1", "u_2"]})
    person = await people.person("u_chooser")
    assert (person.country, person.language, person.hidden) == ("IE", "en", ("u_1", "u_2"))


@loop
async def test_a_name_is_taken_once_and_free_again_when_left(people: People) -> None:
    assert await people.take_name("u_n1", "River Stone")
    assert await people.take_name("u_n1", "river stone")
    assert not await people.take_name("u_n2", "RIVER-STONE")
    assert (await people.person("u_n2")).name == ""
    assert await people.take_name("u_n1", "Other Stone")
    assert await people.take_name("u_n2", "River Stone")
    assert (await people.person("u_n1")).name == "Other Stone"


@loop
async def test_of_many_who_want_a_name_one_gets_it(people: People) -> None:
    got = await asyncio.gather(*(people.take_name(f"u_many{n}", "Wanted") for n in range(20)))
    assert sum(got) == 1


@loop
async def test_a_grant_is_heard_on_every_node(people: People, elsewhere: People) -> None:
    heard: list[str] = []
    elsewhere.on_change(heard.append)
    await wait_until(lambda: heard == [""])
    before = time.time_ns() // 1_000_000
    await people.grant("u_g1", {"*": "moderator"}, name="Mia")
    await wait_until(lambda: heard[1:] == ["u_g1"])
    person = await elsewhere.person("u_g1")
    assert (person.grants, person.name) == ({"*": "moderator"}, "Mia")
    assert before <= person.granted_at <= time.time_ns() // 1_000_000
    assert "u_g1" in [one.id for one in await people.staff()]
    await people.grant("u_g1", None)
    assert (await people.person("u_g1")).grants == {}
    assert "u_g1" not in [one.id for one in await people.staff()]


@loop
async def test_what_takes_two_is_heard_on_every_node_and_stays_readable_once_confirmed(
    people: People, elsewhere: People
) -> None:
    heard: list[Mapping[str, str]] = []
    elsewhere.on_request(heard.append)
    by, second = {"id": "u_ada"}, {"id": "u_mo"}
    name, _ = await people.ask("break_glass", "u_ana", by, "a child may be at risk")

    async def is_heard() -> bool:
        await people.tell_request("second_person", "u_ana", "u_ada")
        return bool(heard)

    await wait_until(is_heard)
    assert heard[0] == {"code": "second_person", "user": "u_ana", "by": "u_ada"}
    assert await people.confirm(name, second)
    found = [one for one in await elsewhere.requests() if one["request"] == name]
    assert [(one["by"], one["with"]) for one in found] == [(by, second)]


@loop
async def test_a_participants_grant_makes_no_staff(people: People) -> None:
    await people.grant("u_g2", {"a": "participant"})
    assert "u_g2" not in [one.id for one in await people.staff()]


@loop
async def test_a_ban_lasts_until_its_end_or_until_lifted(people: People) -> None:
    now = int(time.time() * 1000)
    for till, found in ((0, 0), (now + 60_000, now + 60_000), (now - 1, None)):
        await people.ban("u_b1", till)
        assert (await people.person("u_b1")).banned == found
    await people.ban("u_b1", 0)
    await people.ban("u_b1", None)
    assert (await people.person("u_b1")).banned is None


@loop
async def test_connections_are_counted_over_all_nodes(
    people: People, elsewhere: People, client: Redis
) -> None:
    await wait_until(lambda: client.hexists(NODES, "n9"))
    assert await people.connected("u_c1", 1, 3)
    assert await elsewhere.connected("u_c1", 1, 3)
    assert await people.connected("u_c1", 2, 3)
    assert not await elsewhere.connected("u_c1", 2, 3)
    await elsewhere.counted("u_c1", 0)
    assert await people.connected("u_c1", 3, 3)
    assert await people.connected("u_c2", 99, 0)


@loop
async def test_connections_of_a_dead_node_do_not_count(
    people: People, elsewhere: People, client: Redis
) -> None:
    await wait_until(lambda: client.hexists(NODES, "n9"))
    assert await elsewhere.connected("u_c3", 1, 1)
    assert not await people.connected("u_c3", 1, 1)
    await client.hset("hearth:{people}:sessions:u_c4", "n9-dead", 1)
    await client.hset(NODES, "n9-dead", int(time.time() * 1000) - 1)
    assert await people.connected("u_c4", 1, 1)


@loop
async def test_of_many_at_once_no_more_than_the_limit_stay(people: People, elsewhere: People) -> None:
    """Both nodes count up together; whichever way their calls fall, no more than four are let in."""
    tries = [each.connected("u_c5", here, 4) for here in range(1, 9) for each in (people, elsewhere)]
    assert sum(await asyncio.gather(*tries)) <= 4


@loop
async def test_a_code_is_shown_once_and_kept_as_its_digest(
    people: People, scene: Scene, client: Redis
) -> None:
    code = await people.invite(scene.room, role="participant", most=2, expires=5, label="spring")
    (invite,) = [one for one in await people.invites() if one.room == scene.room]
    assert (invite.digest, invite.label, invite.used, invite.most) == (digest(code), "spring", 0, 2)
    assert not invite.is_revoked
    assert "spring" not in repr(invite)
    async for key in client.scan_iter(match="hearth:{people}:invite*"):
        kind = await client.type(key)
        found = await (client.hgetall(key) if kind == b"hash" else client.smembers(key))
        assert code not in str(found) + str(key)
    assert await people.revoke_invite(invite.digest) == [invite.digest]
    assert [one.is_revoked for one in await people.invites() if one.room == scene.room] == [True]
    assert await people.revoke_invite("no such") == []
