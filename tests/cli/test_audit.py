"""`hearth audit` shows, exports and proves what staff did."""

import csv
import io
import json
from pathlib import Path

import pytest
from redis.asyncio import Redis

from chat.store.keys import in_room
from chat.store.review import Review
from tests.cli.conftest import Run, beside
from tests.stored import ADA, ANN, BEN, FAY, MIA, Scene

loop = pytest.mark.asyncio


async def acted(scene: Scene) -> None:
    """Some entries of several kinds."""
    for who in (ANN, BEN):
        await scene.enter(who)
    await scene.post(ANN, "k", "you idiot", severity="none", risk=False)
    await scene.act(FAY, "mute", least=2, user="ann", seconds=5, reason='too "loud",\nagain')
    flag = await Review(scene.broker).open_flags([scene.room])
    await scene.decide(MIA, flag[0]["flag"], "retract", note="seen")
    await scene.act(ADA, "grant", least=4, user="ben", grant="facilitator")


@loop
async def test_it_lists_what_was_done_and_notes_that_it_was_read(
    scene: Scene, here: Run, review: Review
) -> None:
    await acted(scene)
    rows = json.loads((await beside(here, "audit", "list", "--room", scene.room, "--json")).out)
    assert [row["action"] for row in rows] == ["mute", "claim", "decide", "grant"]
    assert rows[0]["reason"] == 'too "loud",\nagain'
    about = await beside(here, "audit", "list", "--room", scene.room, "--user", "ben", "--limit", "1")
    assert about.out.split("\t")[1:5] == [scene.room, "4", "Ada", "grant"]
    last = (await review.audit(scene.room, 0, 1))[0]
    assert (last["action"], last["what"], last["user"], last["by"]["id"]) == (
        "read",
        "audit",
        "ben",
        ":operator",
    )
    assert (await beside(here, "audit", "list", "--room", "nowhere")).code == 1


@loop
@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_an_export_is_verified_and_holds_all(
    scene: Scene, here: Run, tmp_path: Path, form: str
) -> None:
    await acted(scene)
    path = tmp_path / f"trail.{form}"
    done = await beside(here, "audit", "export", str(path), "--format", form, "--room", scene.room)
    assert done.code == 0, done.err
    assert (await beside(here, "audit", "verify", str(path))).out == "5 entries, 1 anchors: whole.\n"
    text = path.read_text("utf-8")
    if form == "csv":
        read = list(csv.DictReader(io.StringIO(text)))[:-1]
    else:
        read = [json.loads(line) for line in text.splitlines()][:-1]
    assert [row["action"] for row in read] == ["mute", "claim", "decide", "grant", "read"]
    assert read[0]["reason"] == 'too "loud",\nagain'
    path.write_text(text.replace("mute", "card"), "utf-8")
    done = await beside(here, "audit", "verify", str(path))
    assert done.code == 1
    assert "faults" in done.out
    assert done.err.startswith("hearth: ")
    again = await beside(here, "audit", "export", str(path), "--room", scene.room)
    assert again.code == 1, "no file is written over"


@loop
async def test_a_changed_store_is_found_and_not_exported(scene: Scene, here: Run, client: Redis) -> None:
    await acted(scene)
    assert (await beside(here, "audit", "verify")).code == 0
    key = in_room(scene.room, "audit")
    entry = bytes(await client.hget(key, "2") or b"")  # type: ignore[arg-type]  # bytes, as nothing is decoded
    assert entry
    await client.hset(key, "2", entry.replace(b"mia", b"max"))
    try:
        done = await beside(here, "audit", "verify")
        assert (done.code, f"{scene.room}, entry 3" in done.err) == (1, True)
        assert "mia" not in done.err
        assert (await beside(here, "audit", "export", "--room", scene.room)).code == 1
    finally:
        await client.hset(key, "2", entry)
    assert (await beside(here, "audit", "verify")).code == 0


@loop
async def test_anchors_stand_in_the_store_and_beside_it(
    scene: Scene, here: Run, client: Redis, keys_folder: Path
) -> None:
    """A whole trail that was put back to an earlier state, or taken away, is found by either."""
    await acted(scene)
    kept = {name: await client.dump(in_room(scene.room, name)) for name in ("audit", "words", "heads")}
    assert (await beside(here, "audit", "verify")).code == 0
    await client.delete(*(in_room(scene.room, name) for name in kept))
    anchors = keys_folder / "audit.anchors"
    lines = anchors.read_text()
    try:
        assert (await beside(here, "audit", "verify")).code == 1
        anchors.write_text("")
        assert (await beside(here, "audit", "verify")).code == 1, "by the store's"
        anchors.write_text(lines)
        in_store = await client.lrange("hearth:{store}:anchors", 0, -1)
        await client.delete("hearth:{store}:anchors")
        assert (await beside(here, "audit", "verify")).code == 1, "by the file's"
        await client.rpush("hearth:{store}:anchors", *in_store)
    finally:
        anchors.write_text(lines)
        for name, value in kept.items():
            assert value
            await client.restore(in_room(scene.room, name), 0, value, replace=True)
    assert (await beside(here, "audit", "verify")).code == 0
    assert anchors.stat().st_mode & 0o777 == 0o600
