"""What `hearth bench judge` prints."""

from __future__ import annotations

from chat.bench.judging import HOSTILE, judging
from chat.settings import default_config
from moderation import load


def test_each_shape_has_a_row() -> None:
    """Texts, the middle length, 500 characters, and hostile ones of two sizes, each with its figures."""
    pipeline = load(default_config())
    rows = judging(pipeline, ["a quiet evening with soup", "a walk by the sea " * 10, "and rain " * 60], 1)
    assert [row["texts"].split()[0] for row in rows] == ["each", "150", "500", "hostile,", "hostile,"]
    assert [row["number"] for row in rows] == [3, 1, 1, len(HOSTILE), len(HOSTILE)]
    assert all(0 < row["median µs"] <= row["99th µs"] <= row["most µs"] for row in rows)
    assert all(row["times NFKC and casefold"] > 0 for row in rows)


def test_no_texts_leave_the_hostile_ones() -> None:
    """Without texts there is still something to measure."""
    assert len(judging(load(default_config()), [], 1)) == 2
