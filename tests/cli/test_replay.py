"""`hearth replay` tells every decision that a changed rule set makes differently, and shows texts only when asked."""

import json
import shutil
from pathlib import Path

import pytest

from chat.cli.replay import RuleBook, Said
from chat.settings import default_config
from chat.store.broker import Broker
from chat.store.review import Review
from moderation import Severity
from tests.cli.conftest import Run, beside
from tests.stored import ANN, BEN, HELD, Scene

loop = pytest.mark.asyncio

RULE = """
[[rule]]
id = 'room.lighthouse'
kind = 'room'
action = 'hold'
text = 'Here we do not speak of lighthouses.'
tier = 1
source = 'test'
date = 2026-11-24
patterns = ['lighthouses?']
match = ['a lighthouse', 'lighthouses']
spare = ['a light house', 'our house']
"""


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped rules, one more, and none about what was said over several messages."""
    folder = tmp_path_factory.mktemp("changed") / "config"
    shutil.copytree(default_config(), folder)
    (folder / "rules" / "own.toml").write_text(RULE, "utf-8")
    return folder


def log(path: Path, *events: dict[str, object]) -> str:
    path.write_text("\n".join(json.dumps(event) for event in events), "utf-8")
    return str(path)


def test_each_change_with_its_rules_and_how_many_of_a_kind(
    anywhere: Run, changed: Path, tmp_path: Path
) -> None:
    file = log(
        tmp_path / "log.jsonl",
        {"text": "we saw the lighthouse", "from": "ann", "room": "blue", "at": 1000},
        {"type": "reacted", "target": 1, "at": 1500},
        {"text": "how nice", "from": {"id": "ben", "role": "facilitator"}, "room": "blue", "at": 2000},
    )
    done = anywhere("replay", "--config", str(changed), file)
    assert done.code == 0
    heads, row, _, *counts = done.out.splitlines()
    assert heads.split() == ["room", "place", "action", "signal", "rules"]
    assert row.split() == ["blue", "log.jsonl:1", "deliver", "->", "hold", "none", "+room.lighthouse"]
    assert counts == ["action: deliver -> hold: 1", "1 of 2 texts are decided differently."]
    assert "saw" not in done.out
    assert "we saw the lighthouse" in anywhere("replay", "--config", str(changed), file, "--show-text").out


def test_backwards_the_same_rule_is_gone(anywhere: Run, changed: Path, tmp_path: Path) -> None:
    file = log(tmp_path / "log.jsonl", {"text": "a lighthouse"})
    answer = json.loads(anywhere("replay", "--against", str(changed), file, "--json").out)
    (change,) = answer["changes"]
    assert (change["gone"], change["new"]) == (["room.lighthouse"], [])
    assert (change["before"]["action"], change["after"]["action"]) == ("hold", "deliver")
    assert answer["counts"]["action"] == [{"before": "hold", "after": "deliver", "n": 1}]
    assert answer["texts"] == answer["changed"] == 1
    assert "text" not in change


def test_what_was_said_before_counts_in_its_own_room() -> None:
    """The second half of a sentence tells only after its first, and in no other room."""
    book = RuleBook.of(default_config())
    halves = ("the pills are in front of me", "I took them")
    order = [("a", halves[0]), ("b", halves[1]), ("a", halves[1])]
    found = [
        book.judge(Said(room, str(at), "ann", at, staff=False, text=text))
        for at, (room, text) in enumerate(order, 1)
    ]
    assert found[1].severity is Severity.NONE
    assert found[2].severity is Severity.IMMINENT


def test_the_same_rules_change_nothing_and_that_is_said(anywhere: Run, tmp_path: Path) -> None:
    done = anywhere("replay", log(tmp_path / "log.jsonl", {"text": "hello"}))
    assert (done.code, done.out) == (0, "1 texts, and each decision stays as it is.\n")
    assert "both rule sets are the same" in done.err


def test_nothing_to_replay_is_told(anywhere: Run, tmp_path: Path) -> None:
    assert "name a file" in anywhere("replay").err
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "x"}\n{', "utf-8")
    done = anywhere("replay", str(path))
    assert (done.code, done.out) == (1, "")
    assert "bad.jsonl:2" in done.err


@loop
async def test_a_stored_log_is_read_with_what_waits(
    scene: Scene, here: Run, broker: Broker, review: Review, changed: Path
) -> None:
    """Sequence numbers and flags name the places; the trail says when texts were shown."""
    await scene.post(ANN, "k1", text="a quiet evening")
    await scene.post(BEN, "k2", text="by the lighthouse")
    await scene.post(ANN, "k3", text="that lighthouse again", **HELD)
    words = ("replay", scene.room, "--config", str(changed), "--json")
    done = await beside(here, *words)
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert answer["texts"] == 3
    assert answer["changed"] == 2
    assert sorted(one["place"].split()[0] for one in answer["changes"]) == ["2", "waiting"]
    assert not [entry for entry in await review.audit(scene.room, 0, 10) if entry["action"] == "read"]
    assert (await beside(here, *words, "--show-text")).code == 0
    (entry,) = [entry for entry in await review.audit(scene.room, 0, 10) if entry["action"] == "read"]
    assert entry["what"] == "replay"


@loop
async def test_a_room_that_is_not_there_is_told(scene: Scene, here: Run, broker: Broker) -> None:
    done = await beside(here, "replay", "nowhere")
    assert done.code == 1
    assert "there is no room nowhere" in done.err
