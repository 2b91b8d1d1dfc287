"""`hearth room` lists rooms, makes one at once for everybody, and closes one in one act."""

import json
import sys
from pathlib import Path

import pytest

from chat.assembly import Content
from chat.store.broker import Broker
from chat.store.review import Review
from tests.cli.conftest import Run, beside
from tests.server.served import say, served
from tests.stored import ANN, FAY, Scene
from tests.waiting import wait_until

loop = pytest.mark.asyncio


def test_a_new_directory_has_no_rooms_until_one_is_added(alone: Run) -> None:
    done = alone("room", "list")
    assert (done.code, done.out) == (0, "")
    assert "No rooms yet" in done.err
    done = alone("room", "add", "blue-room", "--title", "The  Blue Room", "--topic", "Quiet")
    assert (done.code, done.out) == (0, "blue-room is there.\n")
    assert alone("room", "list").out == "blue-room\tThe Blue Room\topen\t0\t0\n"
    (row,) = json.loads(alone("room", "list", "--json").out)
    assert row == {"room": "blue-room", "title": "The Blue Room", "state": "open", "here": 0, "entries": 0}


def test_on_a_terminal_there_are_columns(alone: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    alone("room", "add", "blue-room")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    heads, row = alone("room", "list").out.splitlines()
    assert heads.split() == ["room", "title", "state", "here", "entries"]
    assert row.split()[0] == "blue-room"


def test_a_room_that_the_configuration_names_is_made_as_it_says(alone: Run) -> None:
    assert alone("room", "add", "open-circle").code == 0
    assert alone("room", "list").out.startswith("open-circle\tOpen Circle\t")


@loop
async def test_a_room_is_there_once(scene: Scene, here: Run) -> None:
    await scene.post(ANN)
    done = await beside(here, "room", "add", scene.room)
    assert (done.code, done.out) == (1, "")
    assert "already" in done.err
    assert await scene.texts() == ["hello"]


@loop
async def test_closing_is_one_act_with_event_and_audit_entry(
    scene: Scene, here: Run, broker: Broker, review: Review
) -> None:
    await scene.post(ANN)
    assert (await beside(here, "room", "close", scene.room)).code == 0
    assert (await scene.post(ANN, "k2"))["code"] == "room_closed"
    assert (await scene.post(FAY, "k2"))["code"] == "room_closed"
    assert (await scene.enter(ANN))["code"] == "room_closed"
    assert "code" not in await scene.enter(FAY)
    assert "answer" in await scene.post(ANN, "h", op="help", verdict="none", severity="moderate")
    (event,) = (await scene.log())[1:]
    assert (event["type"], event["closed"]) == ("room_changed", True)
    (entry,) = await review.audit(scene.room, 0, 9)
    assert (entry["action"], entry["changes"], entry["by"]["name"]) == (
        "set_room",
        {"closed": True},
        "Operator",
    )
    again = await beside(here, "room", "close", scene.room)
    assert (again.code, again.out) == (1, "")
    assert f"{scene.room}\tBlue\tclosed\t1\t2\n" in (await beside(here, "room", "list")).out
    opened = await beside(here, "room", "add", scene.room)
    assert (opened.code, opened.out) == (0, f"{scene.room} is open again.\n")
    assert "answer" in await scene.post(ANN, "k3")
    assert len(await review.audit(scene.room, 0, 9)) == 2
    await scene.set(locked="1")
    assert f"{scene.room}\tBlue\tlocked\t" in (await beside(here, "room", "list")).out


@loop
async def test_those_who_are_there_are_told(
    scene: Scene, here: Run, store: str, content: Content, keys_folder: Path
) -> None:
    async with served(store, content, keys_folder) as site, site.connected() as connection:
        assert (await say(connection, type="hello", token=site.token()))["type"] == "welcome"
        room = f"{scene.room}-new"
        assert (await beside(here, "room", "add", room)).code == 0

        async def is_joined() -> bool:
            return bool((await say(connection, type="join", room=room))["type"] == "joined")

        await wait_until(is_joined)
        await beside(here, "room", "close", room)
        heard: list[dict[str, object]] = []
        while not {"room_changed", "notice"} <= {str(event["type"]) for event in heard}:
            heard.append(json.loads(await connection.recv()))
        (notice,) = [event for event in heard if event["type"] == "notice"]
        assert notice["code"] == "room_closed"
        assert "help" in str(notice["text"]).lower()
        answer = await say(connection, type="post", room=room, key="k", text="hello")
        assert answer["code"] == "room_closed"


def test_no_room_no_closing(alone: Run) -> None:
    done = alone("room", "close", "blue-room")
    assert (done.code, done.out) == (1, "")
    assert "there is no room 'blue-room'" in done.err


@pytest.mark.parametrize(
    "words",
    [
        [], ["open", "a"], ["add"], ["add", "Blue"], ["add", "a b"], ["add", "a:b"], ["add", "{a}"],
        ["add", "x" * 65],
        ["add", "list"], ["add", "revoke"], ["close", "list"], ["add", "a", "--title", "x" * 101],
        ["add", "a", "--title", " "], ["add", "a", "--topic", "a\x07b"],
    ],
)  # fmt: skip
def test_asked_wrongly(anywhere: Run, words: list[str], tmp_path: Path) -> None:
    done = anywhere("room", *words, *(["--data", str(tmp_path / "data")] if words[1:] else []))
    assert (done.code, done.out) == (2, "")
    assert not (tmp_path / "data").exists()
