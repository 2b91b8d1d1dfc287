from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.cli.check import answer_lines, explain, profiles
from chat.cli.main import main
from chat.settings import default_config
from moderation import Pipeline, load


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return load(default_config())


def test_a_bad_line_is_told_by_the_exit_code(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the others have been answered."""
    for text, code in (('{"text": "a"}\nno\n{"text": "b"}\n', 1), ('{"text": "a"}\n', 0)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert main(["check", "--json"]) == code
        assert len(capsys.readouterr().out.splitlines()) == text.count("\n")


def _answers(pipeline: Pipeline, *lines: bytes) -> list[Any]:
    out = io.StringIO()
    answer_lines(pipeline, {"": "default", "quiet": "gentle"}, lines, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_answer_a_line(pipeline: Pipeline) -> None:
    """A line that cannot be judged gets an error in its place, and the next one is judged."""
    answers = _answers(
        pipeline,
        b'{"text": "good morning"}\n',
        b"not json\n",
        b"\n",
        b"[" * 5_000 + b"\n",
        b'"text"\n',
        b'{"text": 1}\n',
        b'{"text": "x", "context": [1]}\n',
        b'{"text": "x", "from": []}\n',
        b"\xff\xfe\n",
        b'{"text": "a\\ud800"}\n',
    )
    assert len(answers) == 10
    assert ["error" in answer for answer in answers] == [False, *[True] * 8, False]
    assert answers[0] == {
        "action": "deliver", "severity": "none", "flag": False, "categories": [],
        "score": answers[0]["score"], "reasons": [], "text": "good morning",
        "shadow": [], "context": [], "parts": answers[0]["parts"],
    }  # fmt: skip


def test_context_and_author(pipeline: Pipeline) -> None:
    """What the same author and others said before counts as in the room."""
    said = [{"from": "b", "text": "the pills are in front of me"}]
    own, other = _answers(
        pipeline,
        json.dumps({"text": "I took them", "from": "b", "context": said}).encode(),
        json.dumps({"text": "I took them", "from": "c", "context": said}).encode(),
    )
    assert (own["severity"], own["action"]) == ("imminent", "hold")
    assert other["severity"] == "none"


def test_spans_point_into_the_text(pipeline: Pipeline) -> None:
    """Code points of the original, half-open."""
    (answer,) = _answers(pipeline, '{"text": "💛 Call +44 7700 900123!"}'.encode())
    assert answer["text"] == "💛 Call [removed]!"
    assert answer["reasons"][0]["span"] == [7, 22]


def test_the_room_names_its_profile(pipeline: Pipeline) -> None:
    """A room that is not known is judged by the default."""
    soft, plain = _answers(
        pipeline, b'{"text": "shit", "room": "quiet"}', b'{"text": "shit", "room": "other"}'
    )
    assert (soft["action"], plain["action"]) == ("mask", "deliver")
    assert profiles(default_config())[""] == "default"
    assert profiles(Path("/none"))[""] == "default"


def test_any_length(pipeline: Pipeline) -> None:
    """A text longer than any room takes is judged too."""
    (answer,) = _answers(pipeline, json.dumps({"text": "it was a fine day. " * 20_000}).encode())
    assert answer["action"] == "deliver"


def test_the_explanation_names_everything(pipeline: Pipeline) -> None:
    """Rule, span, what the context read away, the score; and no control character reaches the terminal."""
    text = "I'm not suicidal\x1b[2J but kys"
    shown = explain(text, pipeline.judge(text))
    assert "room.attack.death" in shown
    assert "\x1b" not in shown
    assert "negation" in explain("no thoughts of suicide", pipeline.judge("no thoughts of suicide"))


def test_the_context_that_was_read_is_told(pipeline: Pipeline) -> None:
    """Which rule's words stood there, and how they were read; in JSON too."""
    (answer,) = _answers(pipeline, b'{"text": "no thoughts of suicide"}')
    assert answer["context"]
    assert all(one["rule"].startswith("suicide.") for one in answer["context"])
    assert all("negation" in one["read_as"] for one in answer["context"])


def test_the_strongest_parts_of_the_score_are_told(pipeline: Pipeline) -> None:
    """Each with its weight and head, the strongest first; a terminal is spared control characters."""
    text = "I feel so hopeless tonight"
    parts = pipeline.strongest(text, 3)
    assert len(parts) == 3
    assert [abs(part.weight) for part in parts] == sorted((abs(part.weight) for part in parts), reverse=True)
    shown = explain(text, pipeline.judge(text), parts)
    assert parts[0].text in shown.partition("moved the learned score")[2]
    (answer,) = _answers(pipeline, b'{"text": "I feel so hopeless tonight"}')
    assert [part["text"] for part in answer["parts"][:3]] == [part.text for part in parts]


def test_standard_input_without_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without TEXT the text is read from standard input."""

    class Stdin:
        buffer = io.BytesIO(b"I want to die\n")

        def __iter__(self) -> Iterator[str]:
            return iter(())

    monkeypatch.setattr("sys.stdin", Stdin())
    assert main(["check"]) == 0
    assert "moderate" in capsys.readouterr().out
    assert main(["check", "--json", "good evening"]) == 0
    assert json.loads(capsys.readouterr().out)["action"] == "deliver"
