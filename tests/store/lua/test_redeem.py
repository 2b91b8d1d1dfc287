"""An invite code makes a new person of its room."""

import asyncio
import hashlib

import pytest
from redis.asyncio import Redis

from chat.store.keys import user_key
from chat.store.people import REDEEM_AGAIN, People
from tests.stored import Scene

pytestmark = pytest.mark.asyncio


async def test_an_invite_lets_in_as_many_as_it_says(scene: Scene, people: People) -> None:
    code = await people.invite(scene.room, role="participant", most=3, expires=0)
    tries = [people.redeem(code, f"u_{scene.room}.{n}", f"{scene.room} {n}", "", "") for n in range(10)]
    replies = await asyncio.gather(*tries)
    assert sum(not isinstance(reply, str) for reply in replies) == 3
    assert set(replies[3:]) == {"unauthenticated"}


async def test_an_invite_ends(scene: Scene, people: People) -> None:
    now = await scene.now()
    past = await people.invite(scene.room, role="participant", most=0, expires=now - 1)
    ahead = await people.invite(scene.room, role="participant", most=0, expires=now + 60_000)
    assert await people.redeem(past, "u_1", f"{scene.room} one", "", "") == "unauthenticated"
    assert not isinstance(await people.redeem(ahead, "u_2", f"{scene.room} two", "IE", "en"), str)
    (revoked,) = await people.revoke_invite(hashlib.sha256(ahead.encode()).hexdigest()[:20])
    assert await people.redeem(ahead, "u_3", f"{scene.room} three", "", "") == "unauthenticated"
    assert await people.redeem("no such code", "u_4", f"{scene.room} four", "", "") == "unauthenticated"
    assert revoked == hashlib.sha256(ahead.encode()).hexdigest()


async def test_whoever_was_not_told_asks_again_and_is_the_same_person(
    scene: Scene, people: People, client: Redis
) -> None:
    """Also where the invite is used up by then; after an hour, a new grant or a ban it lets nobody in."""
    code = await people.invite(scene.room, role="participant", most=1, expires=0)
    other = await people.invite(scene.room, role="participant", most=1, expires=0)
    user, name = f"u_{scene.room}", f"Heron {scene.room}"
    first = await people.redeem(code, user, name, "IE", "en")
    assert await people.redeem(code, user, f"{name} Two", "", "") == first
    assert not isinstance(first, str)
    assert {one.used for one in await people.invites() if one.room == scene.room} == {0, 1}
    assert await people.redeem(other, user, name, "", "") == "unauthenticated"
    assert await people.redeem(code, f"{user}.2", name, "", "") == "unauthenticated"
    assert await people.redeem(other, f"{user}.2", name, "", "") == "conflict"

    await client.hset(user_key(user), "granted_at", first.at - REDEEM_AGAIN - 1)
    assert await people.redeem(code, user, name, "", "") == "unauthenticated"
    await client.hset(user_key(user), mapping={"granted_at": first.at, "banned": 0})
    assert await people.redeem(code, user, name, "", "") == "banned"
    await client.hdel(user_key(user), "banned")
    assert await people.redeem(code, user, name, "", "") == first
    await people.grant(user, None)
    assert await people.redeem(code, user, name, "", "") == "unauthenticated"


async def test_a_name_is_one_persons_and_a_taken_one_uses_nothing_up(scene: Scene, people: People) -> None:
    code = await people.invite(scene.room, role="participant", most=2, expires=0)
    name = f"Blue Heron {scene.room}"
    assert not isinstance(await people.redeem(code, f"u_{scene.room}.1", name, "", ""), str)
    assert await people.redeem(code, f"u_{scene.room}.2", name.upper(), "", "") == "conflict"
    assert not isinstance(await people.redeem(code, f"u_{scene.room}.2", name + " Two", "", ""), str)
    person = await people.person(f"u_{scene.room}.1")
    assert (person.name, person.grants) == (name, {scene.room: "participant"})
