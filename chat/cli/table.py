"""How commands print lists: columns on a terminal, tabs elsewhere, JSON where it is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

GAP = "  "


def show(heads: Sequence[str], rows: Sequence[Sequence[str]], *, none: str) -> None:
    """Print rows. `none` is said on standard error where there are none."""
    if not rows:
        print(none, file=sys.stderr)
    elif sys.stdout.isatty():
        print(columns(heads, rows))
    else:
        print("\n".join("\t".join(row) for row in rows))


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under their heads, each column as wide as it must be."""
    lines = [heads, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    padded = (GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def show_json(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as one JSON array."""
    print(json.dumps(rows, indent=2, ensure_ascii=False))


def printable(text: str, most: int) -> str:
    """Text that a terminal can take: one line, no control characters, not too long."""
    safe = "".join(one if one.isprintable() else " " for one in text)
    return safe if len(safe) <= most else safe[: most - 1] + "…"


def day(at: int) -> str:
    """A time in milliseconds as people write it, in the machine's own zone; nothing for 0."""
    return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone():%Y-%m-%d %H:%M}" if at else ""
