"""No line holds what somebody wrote, what they are called, a token or an address."""

import ast
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from chat import logs

SOURCE = Path(logs.__file__).parent
SECRET = "I want to tell you something"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    handlers = list(logging.getLogger().handlers)
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("info", stream)
    return stream


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_where_there_is_no_terminal(out: io.StringIO) -> None:
    structlog.get_logger("chat.x").info("joined", room="open-circle", count=3)
    (line,) = lines(out)
    assert line.pop("at")
    assert line == {"event": "joined", "level": "info", "room": "open-circle", "count": 3}


def test_key_and_value_on_a_terminal() -> None:
    stream = io.StringIO()
    logs.configure("info", stream, colours=True)
    structlog.get_logger().info("joined", room="open-circle")
    assert "\x1b[" in stream.getvalue()
    assert "open-circle" in stream.getvalue()


def test_levels_below_are_not_written(out: io.StringIO) -> None:
    structlog.get_logger().debug("small")
    assert out.getvalue() == ""


@pytest.mark.parametrize("key", ["text", "name", "token", "address", "reason", "note", "body", "frame"])
def test_keys_that_are_not_listed_are_dropped_and_counted(out: io.StringIO, key: str) -> None:
    structlog.get_logger().bind(**{key: "a"}).info("joined", seq=1)
    (line,) = lines(out)
    assert key not in line
    assert (line["seq"], line["dropped"]) == (1, 1)


@pytest.mark.parametrize("value", [SECRET, "a b", "é", "x" * 81, ["a"], {"text": SECRET}, b"a b", ""])
def test_a_sentence_under_an_allowed_key_is_not_written(out: io.StringIO, value: object) -> None:
    """A client chooses the room that it asks for, and may write anything there."""
    structlog.get_logger().info("refused", room=value)
    assert lines(out)[0]["room"] == "?"


def test_an_exception_is_its_type_and_place(out: io.StringIO) -> None:
    try:
        json.loads(SECRET)
    except json.JSONDecodeError as error:
        structlog.get_logger().exception("failed")
        structlog.get_logger().error("failed", exc_info=error)
    for line in lines(out):
        assert line["error"] == "JSONDecodeError"
        assert line["where"].startswith("decoder.py:")
    assert SECRET not in out.getvalue()


def test_the_place_is_the_last_line_of_ours(out: io.StringIO) -> None:
    try:
        logs.configure(level=SECRET)
    except (KeyError, ValueError):
        structlog.get_logger().exception("failed")
    assert lines(out)[0]["where"].startswith("chat/logs.py:")


def test_an_exception_logged_outside_of_one(out: io.StringIO) -> None:
    structlog.get_logger().error("failed", exc_info=True)
    assert "error" not in lines(out)[0]


def test_libraries_are_reduced_to_their_name(out: io.StringIO) -> None:
    """Also asyncio's, whose lines quote a lost exception."""
    logging.getLogger("websockets.server").error("connection from %s", SECRET)
    logging.getLogger("redis").error(SECRET)
    logging.getLogger("somebody").info(SECRET)
    logging.getLogger("somebody").warning(SECRET)
    logging.getLogger("asyncio").error(SECRET, exc_info=RuntimeError(SECRET))
    found = [(line["logger"], line["level"], line.get("error")) for line in lines(out)]
    assert found == [("somebody", "warning", None), ("asyncio", "error", "RuntimeError")]
    assert SECRET not in out.getvalue()


def test_configuring_again_says_things_once(out: io.StringIO) -> None:
    logs.configure("info", out)
    logging.getLogger("somebody").warning(SECRET)
    assert len(lines(out)) == 1


def test_a_crash_repeats_nothing(out: io.StringIO) -> None:
    logs.take_over_crashes()
    error = ValueError(SECRET)
    sys.excepthook(ValueError, error, None)

    def fail() -> None:
        raise error

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert [line["error"] for line in lines(out)] == ["ValueError", "ValueError"]
    assert SECRET not in out.getvalue()


def _log_calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call like `log.info(...)` in the program, with its place."""
    levels = {"debug", "info", "warning", "error", "exception", "critical", "bind"}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in levels
            ):
                owner = node.func.value
                if isinstance(owner, ast.Name) and owner.id in {"log", "logger", "_log"}:
                    yield f"{path.relative_to(SOURCE)}:{node.lineno}", node


def test_every_line_in_the_program_has_a_fixed_event_and_listed_keys() -> None:
    """What would be dropped while running is found here first."""
    wrong = []
    for place, call in _log_calls():
        if call.args and not (len(call.args) == 1 and isinstance(call.args[0], ast.Constant)):
            wrong.append(f"{place}: the event is one constant; what varies goes into keys")
        wrong += [
            f"{place}: {keyword.arg} is not in chat.logs.KEYS"
            for keyword in call.keywords
            if keyword.arg not in logs.KEYS | {"exc_info"}
        ]
    assert wrong == []
