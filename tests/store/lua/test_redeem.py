"""An invite code makes a new person of its room."""

import asyncio
import hashlib

import pytest

from chat.store.people import People
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


async def test_a_name_is_one_persons_and_a_taken_one_uses_nothing_up(scene: Scene, people: People) -> None:
    code = await people.invite(scene.room, role="participant", most=2, expires=0)
    name = f"Blue Heron {scene.room}"
    assert not isinstance(await people.redeem(code, f"u_{scene.room}.1", name, "", ""), str)
    assert await people.redeem(code, f"u_{scene.room}.2", name.upper(), "", "") == "conflict"
    assert not isinstance(await people.redeem(code, f"u_{scene.room}.2", name + " Two", "", ""), str)
    person = await people.person(f"u_{scene.room}.1")
    assert (person.name, person.grants) == (name, {scene.room: "participant"})
