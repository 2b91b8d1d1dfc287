from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat.cli import CommandError
from chat.cli.evaluate import Tally, auc, interval, tally
from chat.cli.main import main
from chat.settings import default_config
from moderation import Severity, load

ROWS = [
    {"text": "I want to kill myself", "label": "crisis", "source": "own"},
    {"text": "I want to die", "label": "crisis", "source": "own"},
    {"text": "good morning all", "label": "calm", "source": "own"},
    {"text": "this traffic is killing me", "label": "calm", "source": "own"},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n", "utf-8")
    return path


def test_groups_are_counted(file: Path) -> None:
    """Each label's texts, by severity and action."""
    groups = tally(load(default_config()), [file], by="label")
    assert list(groups) == ["crisis", "calm"]
    assert groups["crisis"].at_least[Severity.MODERATE] == 2
    assert groups["calm"].at_least[Severity.LOW] == 0
    assert auc(groups, frozenset(["crisis"])) == 1.0


def test_tables(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line a group, a sweep and the AUC; or one JSON object."""
    assert main(["evaluate", str(file), "--positive", "crisis"]) == 0
    shown = capsys.readouterr().out
    assert "crisis" in shown
    assert "AUC 1.000" in shown
    assert main(["evaluate", str(file), "--json", "--by", "file"]) == 0
    assert json.loads(capsys.readouterr().out)["groups"][0]["n"] == 4


@pytest.mark.parametrize("line", ["{", "[]", '{"label": "x"}', '{"text": 3, "label": "x"}'])
def test_a_wrong_line_is_told_with_its_place(tmp_path: Path, line: str) -> None:
    """File and line number."""
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n" + line, "utf-8")
    with pytest.raises(CommandError, match=r"bad\.jsonl:2"):
        tally(load(default_config()), [path], by="label")


def test_figures() -> None:
    """Ties count half; the interval holds the share and stays within 0 and 1."""
    groups = {"a": Tally(scores=[0.5, 0.9]), "b": Tally(scores=[0.5, 0.1])}
    assert auc(groups, frozenset("a")) == 0.875
    assert auc({}, frozenset("a")) == 0.5
    low, high = interval(1, 100)
    assert 0 < low < 0.01 < high < 0.06
    assert interval(0, 0) == (0.0, 1.0)
