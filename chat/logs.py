"""What a server says about itself: one line an event, listed keys, never what people say or who they are."""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

KEYS: Final = frozenset(
    {
        "at", "attempt", "bytes", "close", "code", "command", "count", "digest", "epoch", "error", "event",
        "fault", "flag", "kind", "level", "link", "logger", "ms", "node", "pid", "port", "restarts", "room",
        "rule", "script", "seconds", "seq", "severity", "signal", "stage", "store", "subprotocol", "user",
        "version", "wait", "where",
    }
)  # fmt: skip
"""Every key that a line may have. Adding one is a decision: its values are ids, codes, counts or times."""

QUIET: Final = ("websockets", "redis", "asyncio", "apprise")
"""Libraries whose own lines hold addresses, frames or the text of exceptions."""

_ID: Final = re.compile(r"[A-Za-z0-9_.:*~<>/-]{1,80}")
_OURS: Final = ("chat", "moderation")

Line = MutableMapping[str, Any]


def configure(level: str = "info", stream: TextIO | None = None, *, colours: bool | None = None) -> None:
    """Send every line to `stream` (else standard error): key=value on a terminal, JSON elsewhere."""
    out = sys.stderr if stream is None else stream
    on_terminal = out.isatty() if colours is None else colours
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _place_exception,
            _keep_allowed,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.dev.ConsoleRenderer(colors=True, timestamp_key="at")
            if on_terminal
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_names: structlog.PrintLogger(out),
        cache_logger_on_first_use=False,
    )
    _take_in_libraries()


def take_over_crashes() -> None:
    """Say what ends a thread or the process by type and place: a traceback repeats the exception's text."""

    def crashed(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        structlog.get_logger().critical("crashed", exc_info=(kind, error, trace))

    sys.excepthook = crashed
    threading.excepthook = lambda args: crashed(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: crashed(args.exc_type, args.exc_value, args.exc_traceback)


def _keep_allowed(_logger: object, _method: str, line: Line) -> Line:
    """Only allowed keys, and of texts only those that look like an id: a sentence is somebody's."""
    kept: dict[str, Any] = {"event": line.pop("event", "")}
    for key, value in line.items():
        if key not in KEYS:
            kept["dropped"] = kept.get("dropped", 0) + 1
        elif value is None or isinstance(value, bool | int | float):
            kept[key] = value
        else:
            text = str(value)
            kept[key] = text if _ID.fullmatch(text) else "?"
    return kept


def _place_exception(_logger: object, _method: str, line: Line) -> Line:
    """An exception as its type and the last line of ours that it passed; its message may quote people."""
    error = line.pop("exc_info", None)
    line.pop("stack_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, BaseException):
        error = (type(error), error, error.__traceback__)
    if isinstance(error, tuple) and error[0] is not None:
        line["error"] = error[0].__name__
        line["where"] = _where(error[2])
    return line


def _where(trace: TracebackType | None) -> str:
    """`chat/node/hub.py:120`: the innermost frame in our own code, else the innermost of all."""
    frames = traceback.extract_tb(trace)
    if not frames:
        return "?"
    root = Path(__file__).parent.parent
    for frame in reversed(frames):
        path = Path(frame.filename)
        if path.is_relative_to(root) and path.relative_to(root).parts[0] in _OURS:
            return f"{path.relative_to(root).as_posix()}:{frame.lineno}"
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"


class _Libraries(logging.Handler):
    """Lines of libraries, reduced to who spoke and what was raised: their sentences may quote people."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(max(record.levelno, logging.DEBUG), logging.CRITICAL)
        structlog.get_logger().log(level, "library", logger=record.name, exc_info=record.exc_info)


def _take_in_libraries() -> None:
    root = logging.getLogger()
    for handler in [found for found in root.handlers if isinstance(found, _Libraries)]:
        root.removeHandler(handler)
    root.addHandler(_Libraries(logging.WARNING))
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL if name != "asyncio" else logging.ERROR)
