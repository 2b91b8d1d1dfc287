"""What judging a text costs: processor time of one thread, and as multiples of one NFKC and casefold of it."""

from __future__ import annotations

import statistics
import time
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final

from moderation import Pipeline

LONG: Final = 500
MOST: Final = 4_000
"""Characters that a message may have, as the server is shipped."""
MIDDLE: Final = range(150, 261)
HOSTILE: Final = (
    "i want to die ", "k i l l ", "kys ", "1 2 3 4 5 6 7 8 9 0 ", "a.b@c.", "😂", "😂🔪", "ﷺ", "\u0301", "s*",
    "not ", "http://", "my friend said ", "\ud800\udfff", "I want to ", '"',
)  # fmt: skip


def judging(pipeline: Pipeline, texts: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """A row for all texts, for those of the middle length, for texts of 500 characters, and for hostile ones."""
    long = [one[:LONG] for one in _joined(texts)]
    shapes = {
        "each text": list(texts),
        "150 to 260 characters": [one for one in texts if len(one) in MIDDLE],
        "500 characters": long,
        "hostile, 2,000 characters": [(one * MOST)[: MOST // 2] for one in HOSTILE],
        "hostile, 4,000 characters": [(one * MOST)[:MOST] for one in HOSTILE],
    }
    return [_row(name, shape, pipeline, rounds) for name, shape in shapes.items() if shape]


def _joined(texts: Sequence[str]) -> list[str]:
    """Texts of at least 500 characters, made of those that follow each other."""
    joined: list[str] = []
    open_one = ""
    for text in texts:
        open_one = f"{open_one} {text}".strip()
        if len(open_one) >= LONG:
            joined.append(open_one)
            open_one = ""
    return joined


def _row(name: str, texts: Sequence[str], pipeline: Pipeline, rounds: int) -> dict[str, Any]:
    for text in texts:
        pipeline.judge(text, author="a")  # what is compiled or learned at first is no text's own cost
    spent = sorted(_took(pipeline.judge, text, rounds) for text in texts)
    plain = statistics.median(_took(_plain, text, rounds * 20) for text in texts)
    middle, last = statistics.median(spent), spent[min(len(spent) - 1, len(spent) * 99 // 100)]
    return {
        "texts": name,
        "number": len(texts),
        "median µs": round(middle / 1_000, 1),
        "99th µs": round(last / 1_000, 1),
        "most µs": round(spent[-1] / 1_000, 1),
        "times NFKC and casefold": round(middle / max(plain, 1)),
    }


def _took(call: Callable[[str], object], text: str, times: int) -> float:
    """Nanoseconds of this thread's own time, the mean of some calls."""
    started = time.thread_time_ns()
    for _ in range(times):
        call(text)
    return (time.thread_time_ns() - started) / times


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
