"""What `hearth bench` is asked wrongly; what it measures is tried in `tests/bench`."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("rounds", ["0", "-1", "x", "1001"])
def test_a_measurement_has_rounds(anywhere: Run, rounds: str) -> None:
    done = anywhere("bench", "fanout", f"--rounds={rounds}")
    assert done.code == 2
    assert "a number from 1 to 1,000" in done.err


@pytest.mark.parametrize("content", ["", "no json", '{"label": "x"}', "[1]"])
def test_texts_are_json_lines(anywhere: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "texts.jsonl").write_text(content, "utf-8")
    done = anywhere("bench", "judge", "--texts", str(tmp_path / "texts.jsonl"))
    assert done.code == 1
    assert "texts" in done.err
