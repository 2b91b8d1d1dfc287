"""`hearth invite` makes a link that lets people in, lists what was made, and ends one."""

import json
import sys
from pathlib import Path

import pytest

from chat.assembly import Content
from chat.cli.invite import state
from chat.store.people import Invite, digest
from tests.cli.conftest import Done, Run, beside
from tests.server.served import ROOM, say, served
from tests.stored import Scene

loop = pytest.mark.asyncio


def code_of(done: Done) -> str:
    """The code in the one link on standard output."""
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    return done.out.strip().rpartition("#invite=")[2]


def listed(run: Run) -> dict[str, dict[str, object]]:
    """All invites by id."""
    done = run("invite", "list", "--json")
    assert done.code == 0, done.err
    return {str(row["id"]): row for row in json.loads(done.out)}


def test_a_link_alone_with_the_code_in_its_fragment(alone: Run) -> None:
    done = alone("invite", ROOM)
    code = code_of(done)
    assert done.out == f"http://127.0.0.1:8765/#invite={code}\n"
    assert len(code) == 22
    assert "25 people" in done.err
    assert f"hearth invite revoke {digest(code)[:12]}" in done.err
    assert code not in done.err
    assert listed(alone).keys() == {digest(code)}


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        ("https://chat.example.org", "https://chat.example.org/#invite="),
        ("https://example.org/group/", "https://example.org/group/#invite="),
        ("http://localhost:9000", "http://localhost:9000/#invite="),
    ],
)
def test_the_link_begins_as_asked(here: Run, url: str, begins: str) -> None:
    assert here("invite", ROOM, "--url", url).out.startswith(begins)


def test_uses_days_role_and_label_are_kept(here: Run) -> None:
    code = code_of(here("invite", ROOM, "--uses", "3", "--days", "0", "--label", "spring group"))
    row = listed(here)[digest(code)]
    assert row == {
        "id": digest(code), "room": ROOM, "role": "participant", "label": "spring group", "used": 0,
        "most": 3, "expires": 0, "state": "open",
    }  # fmt: skip
    code = code_of(here("invite", ROOM, "--role", "facilitator"))
    staff = listed(here)[digest(code)]
    assert (staff["role"], staff["most"]) == ("facilitator", 1)


@loop
async def test_the_link_lets_in_as_many_as_it_says_beside_a_running_server(
    here: Run, store: str, content: Content, keys_folder: Path
) -> None:
    async with served(store, content, keys_folder) as site:
        code = code_of(await beside(here, "invite", ROOM, "--uses", "1"))
        async with site.connected() as connection:
            welcome = await say(connection, type="hello", token=code, name="Willow Tree")
            assert [(room["room"], room["role"]) for room in welcome["rooms"]] == [(ROOM, "participant")]
            assert (await say(connection, type="join", room=ROOM))["type"] == "joined"
        async with site.connected() as connection:
            late = await say(connection, type="hello", token=code, name="Willow Two")
            assert late["code"] == "unauthenticated"
        second = code_of(await beside(here, "invite", ROOM))
        assert (await beside(here, "invite", "revoke", digest(second)[:12])).code == 0
        async with site.connected() as connection:
            late = await say(connection, type="hello", token=second, name="Willow Three")
            assert late["code"] == "unauthenticated"
    assert (await beside(here, "invite", "revoke", digest(code)[:12])).code == 0


def test_an_invite_is_ended_by_its_id_its_code_or_its_link(here: Run) -> None:
    for word in (
        lambda code: digest(code)[:6].upper(),
        str,
        lambda code: f"https://x.example/#invite={code}",
    ):
        code = code_of(here("invite", ROOM))
        done = here("invite", "revoke", word(code))
        assert (done.code, done.err) == (0, "")
        assert digest(code)[:12] in done.out
        assert listed(here)[digest(code)]["state"] == "revoked"


def test_an_id_that_names_none_or_several_ends_none(here: Run) -> None:
    codes = [digest(code_of(here("invite", ROOM))) for _ in range(20)]
    assert here("invite", "revoke", "zzzzzz").code == 1
    assert here("invite", "revoke", codes[0][:3]).code == 1
    assert "at least 4" in here("invite", "revoke", "a").err
    assert all(listed(here)[one]["state"] == "open" for one in codes)


def test_the_list_is_rows_between_tabs_and_columns_on_a_terminal(
    alone: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = alone("invite", "list")
    assert (done.code, done.out) == (0, "")
    assert "No invites yet" in done.err
    code = code_of(alone("invite", ROOM, "--label", "spring"))
    cells = alone("invite", "list").out.rstrip("\n").split("\t")
    assert (cells[0], cells[1:4], cells[5:]) == (
        digest(code)[:12], [ROOM, "participant", "0/25"], ["open", "spring"],
    )  # fmt: skip
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    heads, row = alone("invite", "list").out.splitlines()
    assert heads.split() == ["id", "room", "role", "used", "until", "state", "label"]
    assert row.index(ROOM) == heads.index("room")


@loop
async def test_no_room_no_invite(scene: Scene, here: Run) -> None:
    done = await beside(here, "invite", "no-such-room")
    assert (done.code, done.out) == (1, "")
    assert "hearth room add" in done.err
    await scene.set(closed="1")
    done = await beside(here, "invite", scene.room)
    assert (done.code, done.out) == (1, "")
    assert "closed" in done.err


@pytest.mark.parametrize(
    "words",
    [
        [], ["revoke"], [ROOM, "extra"], ["list", "extra"], [ROOM, "--role", "admin"], [ROOM, "--uses", "-1"],
        [ROOM, "--uses", "many"], [ROOM, "--days", "-1"], [ROOM, "--days", "nan"], [ROOM, "--days", "999"],
        [ROOM, "--label", "a\nb"], [ROOM, "--url", "example.org"], [ROOM, "--url", "https://x/#a"],
    ],
)  # fmt: skip
def test_asked_wrongly(anywhere: Run, words: list[str], tmp_path: Path) -> None:
    done = anywhere("invite", *words, "--data", str(tmp_path / "data"))
    assert (done.code, done.out) == (2, "")
    assert not (tmp_path / "data").exists()


def test_a_store_that_is_away_is_told_in_a_line(anywhere: Run, tmp_path: Path) -> None:
    done = anywhere("invite", ROOM, "--store", f"unix://{tmp_path}/none", "--data", str(tmp_path / "data"))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("hearth: the store")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [({}, "open"), ({"used": 5}, "used up"), ({"most": 0, "used": 99}, "open"), ({"expires": 9}, "expired"),
     ({"expires": 11}, "open"), ({"is_revoked": True, "used": 5}, "revoked")],
)  # fmt: skip
def test_whether_somebody_can_still_come_in(change: dict[str, int], word: str) -> None:
    fields = {"used": 0, "most": 5, "expires": 0, "is_revoked": False} | change
    invite = Invite("d", ROOM, "participant", "", fields["used"], fields["most"], fields["expires"],
                    bool(fields["is_revoked"]))  # fmt: skip
    assert state(invite, 10) == word
