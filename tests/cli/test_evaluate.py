from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat.cli import CommandError
from chat.cli.evaluate import judge, table
from chat.cli.figures import tally
from chat.cli.main import main
from chat.settings import default_config
from moderation import Pipeline, Severity, load

ROWS = [
    {"text": "I want to kill myself", "label": "crisis", "source": "own"},
    {"text": "I want to die", "label": "crisis", "source": "own"},
    {"text": "good morning all", "label": "calm", "source": "own"},
    {"text": "this traffic is killing me", "label": "calm", "source": "own"},
]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return load(default_config())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n", "utf-8")
    return path


def test_every_text_is_judged(pipeline: Pipeline, file: Path) -> None:
    """Each label's texts, by severity; the category is what the signal was about."""
    judged = list(judge(pipeline, [file]))
    groups = tally(judged, "label")
    assert list(groups) == ["crisis", "calm"]
    assert groups["crisis"].at_least[Severity.MODERATE] == 2
    assert groups["calm"].at_least[Severity.LOW] == 0
    assert [one.category for one in judged] == ["suicide", "suicide", "none", "none"]


def test_tables(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table for each way of grouping, thresholds beside what the pipeline told, and the AUC."""
    assert main(["evaluate", str(file), "--positive", "crisis", "--by", "label", "--by", "category"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    tables = shown.out.split("\n\n")
    assert len(tables) == 3
    assert tables[1].split("\n")[1].split()[:2] == ["suicide", "2"]
    assert "AUC 1.000" in tables[2]
    assert "\x1b" not in shown.out
    told = next(line for line in tables[2].split("\n") if line.startswith("as judged"))
    assert "100.0%" in told
    assert "0.00%" in told


def test_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(file), "--json", "--by", "file", "--positive", "crisis"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["groups"][0]["n"] == 4
    assert answer["by"]["file"] == answer["groups"]
    assert answer["auc"] == 1.0
    assert answer["told"]["recall"] == 1.0


def test_a_terminal_gets_colour_and_a_file_none(pipeline: Pipeline, file: Path) -> None:
    groups = tally(judge(pipeline, [file]), "label")
    wanted = frozenset(["crisis"])
    coloured, plain = (table(groups, "label", wanted, colour=colour) for colour in (True, False))
    assert "\x1b[32mcrisis" in coloured
    assert "\x1b" not in plain


def test_the_curve_is_drawn(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only with labels that should be told, and where the file can be written."""
    picture = tmp_path / "roc.svg"
    assert main(["evaluate", str(file), "--positive", "crisis", "--plot", str(picture)]) == 0
    assert picture.read_text("utf-8").startswith("<svg")
    assert main(["evaluate", str(file), "--plot", str(picture)]) == 1
    assert main(["evaluate", str(file), "--positive", "crisis", "--plot", str(tmp_path / "no" / "x")]) == 1
    assert main(["evaluate", str(file), "--positive", "crises"]) == 1
    told = capsys.readouterr().err
    assert "add --positive LABEL" in told
    assert "cannot be written" in told
    assert "no text is labelled crises" in told


@pytest.mark.parametrize("line", ["{", "[]", '{"label": "x"}', '{"text": 3, "label": "x"}'])
def test_a_wrong_line_is_told_with_its_place(pipeline: Pipeline, tmp_path: Path, line: str) -> None:
    """File and line number."""
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n" + line, "utf-8")
    with pytest.raises(CommandError, match=r"bad\.jsonl:2"):
        list(judge(pipeline, [path]))


def test_a_file_that_is_not_there_is_told(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        list(judge(pipeline, [tmp_path / "none.jsonl"]))
