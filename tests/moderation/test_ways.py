from __future__ import annotations

from pathlib import Path

from moderation import Pipeline
from moderation.gate import WordGate
from moderation.lexicon import CLOSING, OPENING
from moderation.needs import ways_of
from moderation.ways import key_of, load_ways, pack_ways

SEA = f"{OPENING}sea{CLOSING}"


def test_the_ways_that_are_shipped_are_those_of_the_rules_that_are_shipped(pipeline: Pipeline) -> None:
    """`.ci/prove` writes them anew."""
    known = load_ways()
    assert known == {key_of(pattern): ways_of(pattern) for pattern in pipeline.rules.patterns}


def test_a_pattern_that_the_file_does_not_know_is_worked_out(tmp_path: Path) -> None:
    file = tmp_path / "ways.bin"
    assert load_ways(file) == {}
    file.write_bytes(pack_ways([SEA]))
    gate = WordGate({0: SEA, 1: SEA.replace("sea", "lake")}, load_ways(file))
    assert [*gate.places(b"the sea")] == [0]
    assert [*gate.places(b"the lake")] == [1]
