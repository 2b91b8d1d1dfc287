"""`hearth staff` gives and takes roles by the store's word, at once and whatever tokens say."""

import json
import sys
import time
from pathlib import Path

import pytest

from chat.assembly import Content
from chat.store.people import People
from chat.store.review import Review
from chat.tokens import Claims, load_key, verify
from tests.cli.conftest import Done, Run, beside
from tests.server.served import ROOM, say, served
from tests.stored import ANN, Scene, Who
from tests.waiting import wait_until

loop = pytest.mark.asyncio


def claims_of(done: Done, keys: Path) -> Claims:
    """What the token in the one link on standard output says."""
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    assert done.out.startswith("http://127.0.0.1:8765/#token=")
    return verify(load_key(keys), done.out.strip().rpartition("=")[2], time.time_ns() // 1_000_000)


def test_somebody_new_gets_a_link_alone(alone: Run, tmp_path: Path) -> None:
    done = alone("staff", "add", "--role", "moderator", "--name", "Mia Oak")
    claims = claims_of(done, tmp_path / "data")
    assert (claims.name, claims.grants) == ("Mia Oak", {"*": "moderator"})
    assert f"{claims.user} is moderator in all rooms" in done.err
    (row,) = json.loads(alone("staff", "list", "--json").out)
    assert (row["user"], row["name"], row["grants"]) == (claims.user, "Mia Oak", {"*": "moderator"})
    assert alone("staff", "list").out.split("\t")[:3] == [claims.user, "Mia Oak", "moderator in all rooms"]


def test_nobody_yet(alone: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = alone("staff", "list")
    assert (done.code, done.out) == (0, "")
    assert "Nobody" in done.err
    alone("staff", "add", "--role", "admin", "--name", "Ada Elm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    heads, row = alone("staff", "list").out.splitlines()
    assert heads.split() == ["user", "name", "roles", "since"]
    assert "admin in all rooms" in row


@loop
async def test_what_was_given_before_stays(
    scene: Scene, here: Run, keys_folder: Path, people: People
) -> None:
    user = f"u_{scene.room}"
    other = f"{scene.room}-b"
    await beside(here, "room", "add", other)
    add = ("staff", "add", "--user", user, "--name", f"Fay {scene.room}")
    for room, role in ((scene.room, "facilitator"), (other, "moderator")):
        await beside(here, *add, "--role", role, "--room", room)
    done = await beside(here, *add, "--role", "moderator", "--room", scene.room)
    assert claims_of(done, keys_folder).grants == {scene.room: "moderator", other: "moderator"}
    done = await beside(here, "staff", "revoke", user, "--room", other)
    assert (done.code, done.out) == (0, f"{user} is moderator in {scene.room} now.\n")
    assert (await people.person(user)).grants == {scene.room: "moderator"}
    assert (await beside(here, "staff", "revoke", user, "--room", other)).code == 1
    done = await beside(here, "staff", "revoke", user)
    assert (done.code, done.out) == (0, f"{user} has no role here any more.\n")
    assert user not in (await beside(here, "staff", "list")).out


@loop
async def test_a_grant_is_in_each_rooms_record_and_its_trail(scene: Scene, here: Run, review: Review) -> None:
    user = f"u_{scene.room}"
    add = ("staff", "add", "--user", user, "--name", f"Fay {scene.room}", "--role", "facilitator")
    await beside(here, *add, "--room", scene.room)
    them = Who(user)
    await scene.set(locked="1")
    assert "answer" in await scene.post(them), "the room's script knows the newest word"
    await beside(here, "staff", "revoke", user)
    old = Who(user, "admin")
    assert (await scene.post(old, "k2"))["code"] == "not_found"
    assert (await scene.act(old, "set_room", least=2, changes={}, stored={}))["code"] == "not_found"
    entries = await review.audit(scene.room, 0, 9)
    assert [(entry["action"], entry["user"], entry.get("role")) for entry in entries] == [
        ("grant", user, "facilitator"), ("grant", user, None),
    ]  # fmt: skip
    assert {entry["by"]["id"] for entry in entries} == {":operator"}


@loop
async def test_rooms_that_somebody_has_no_part_in_are_left_alone(
    scene: Scene, here: Run, review: Review
) -> None:
    other = f"{scene.room}-b"
    await beside(here, "room", "add", other)
    await beside(
        here, "staff", "add", "--name", f"Fay {scene.room}", "--role", "facilitator", "--room", other
    )
    assert await review.audit(scene.room, 0, 9) == []
    assert len(await review.audit(other, 0, 9)) == 1


@loop
async def test_what_came_by_an_invite_is_not_taken(scene: Scene, here: Run, people: People) -> None:
    code = await people.invite(scene.room, role="participant", most=1, expires=0)
    user = f"u_{scene.room}"
    assert not isinstance(await people.redeem(code, user, f"Ann {scene.room}", "", ""), str)
    other = f"{scene.room}-b"
    await beside(here, "room", "add", other)
    await beside(here, "staff", "add", "--user", user, "--role", "facilitator", "--room", other)
    done = await beside(here, "staff", "revoke", user)
    assert done.out == f"{user} is participant in {scene.room} now.\n"
    assert "answer" in await scene.post(Who(user))


@loop
async def test_open_connections_feel_it_at_once(
    here: Run, store: str, content: Content, keys_folder: Path
) -> None:
    async with served(store, content, keys_folder) as site, site.connected() as connection:
        user = "u_felt"
        assert (await say(connection, type="hello", token=site.token(user=user)))["type"] == "welcome"
        assert (await say(connection, type="watch"))["code"] == "forbidden"
        add = ("staff", "add", "--user", user, "--role", "moderator")
        assert (await beside(here, *add)).code == 0

        async def watches() -> bool:
            return bool((await say(connection, type="watch"))["type"] == "queue")

        await wait_until(watches)
        assert (await say(connection, type="join", room=ROOM))["you"]["role"] == "moderator"
        assert (await beside(here, "staff", "revoke", user)).code == 0

        async def is_out() -> bool:
            answer = await say(connection, type="post", room=ROOM, key="k", text="hello")
            return bool(answer["type"] == "error" and answer["code"] == "not_found")

        await wait_until(is_out)
        assert (await say(connection, type="watch"))["code"] == "forbidden"
        assert site.node.hub.rooms.get(ROOM) is None or user not in site.node.hub.rooms[ROOM].mailboxes


@loop
async def test_an_older_token_yields_and_a_newer_one_wins(
    here: Run, store: str, content: Content, keys_folder: Path
) -> None:
    async with served(store, content, keys_folder) as site:
        user = "u_yields"
        old = site.token("admin", user=user)
        done = await beside(here, "staff", "revoke", user)
        assert (done.code, done.out) == (0, f"{user} has no role here any more.\n")
        async with site.connected() as connection:
            assert (await say(connection, type="hello", token=old))["rooms"] == []
        async with site.connected() as connection:
            token = site.token("facilitator", user=user)
            welcome = await say(connection, type="hello", token=token)
            assert {room["role"] for room in welcome["rooms"]} == {"facilitator"}


@loop
async def test_what_can_not_be(scene: Scene, here: Run) -> None:
    name = f"Oak {scene.room}"
    everywhere = await beside(
        here, "staff", "add", "--name", name, "--role", "admin", "--user", f"u_{scene.room}"
    )
    assert everywhere.code == 0
    for words, why in (
        (("add", "--name", name.upper(), "--role", "admin"), "that name"),
        (("add", "--role", "admin"), "--name"),
        (("add", "--name", "x" * 41, "--role", "admin"), "at most 40"),
        (("add", "--name", "Ok", "--role", "admin", "--room", "no-such-room"), "no room no-such-room"),
        (("revoke", f"u_{scene.room}", "--room", scene.room), "all rooms"),
        (("revoke", "u_never_was", "--room", scene.room), "nothing was given"),
    ):
        done = await beside(here, "staff", *words)
        assert (done.code, done.out) == (1, "")
        assert why in done.err
    assert "answer" in await scene.post(ANN)


@pytest.mark.parametrize(
    "words",
    [
        [], ["add"], ["add", "--name", "A"], ["add", "--name", "A", "--role", "participant"], ["revoke"],
        ["revoke", "a b"], ["revoke", ":operator"],
        ["add", "--name", "A", "--role", "admin", "--ttl", "soon"], ["add", "--name", " ", "--role", "admin"],
        ["add", "--name", "A", "--role", "admin", "--user", "a:b"],
    ],
)  # fmt: skip
def test_asked_wrongly(anywhere: Run, words: list[str], tmp_path: Path) -> None:
    done = anywhere("staff", *words, *(["--data", str(tmp_path / "data")] if words else []))
    assert (done.code, done.out) == (2, "")
    assert not (tmp_path / "data").exists()
