"""Audit trails as a file, JSON Lines or CSV, that proves itself: every byte of it follows from what was sealed.

The file ends with an anchor over all that is in it, so that a file that was cut short has none. Each row carries the
entry's own bytes, beside them what they say; a row that says anything else is found.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from chat.protocol.wire import unpack_or_none
from chat.room.trail import Anchor, Fault, Head, Seals, Trail, check, head_of

Form = Literal["jsonl", "csv"]
FORMS: tuple[Form, ...] = ("jsonl", "csv")
COLUMNS = ("room", "n", "at", "action", "by", "role", "user", "flag", "more", "reason", "entry")
_TOLD = {"room", "n", "at", "action", "by", "user", "flag", "prev", "words"}


def write(seals: Seals, trails: Sequence[Trail], at: int, form: Form) -> Iterator[str]:
    """The lines of a file, each with its end."""
    if form == "csv":
        yield _csv(COLUMNS)
    for trail in sorted(trails, key=lambda trail: trail.room):
        for n, entry in enumerate(trail.entries, 1):
            yield _row(entry or b"", trail.words.get(n), form)
    anchor = seals.anchor(at, {trail.room: head_of(trail) for trail in trails})
    yield _end(anchor, form)


def verify(seals: Seals, text: str, anchors: Iterable[Anchor]) -> tuple[list[Fault], int]:
    """Everything about a file that is not as it was written, and how many entries it holds."""
    form: Form = "csv" if text.startswith(COLUMNS[0] + ",") else "jsonl"
    lines, faults = _lines(text, form)
    end = seals.read_anchor(_anchor_in(lines.pop(), form)) if lines else None
    if end is None:
        return [*faults, Fault("", 0, "the end is missing or changed: the file may have been cut off")], len(
            lines
        )
    entries: dict[str, list[bytes]] = {}
    words: dict[str, dict[int, str]] = {}
    order = [""]
    for number, line in enumerate(lines, 1):
        read = _read(line, form)
        if read is None or _row(*read, form) != line + "\n":
            faults.append(Fault("", number, "this line of the file says something else than was sealed"))
        if read is None:
            continue
        entry, reason = read
        room = str((unpack_or_none(entry) or {}).get("room", ""))
        entries.setdefault(room, []).append(entry)
        if reason is not None:
            words.setdefault(room, {})[len(entries[room])] = reason
        if order[-1] != room:
            order.append(room)
    if order[1:] != [room for room, head in end.heads.items() if head.n]:
        faults.append(Fault("", 0, "the file's rooms are not those that were written, or in another order"))
    for room, head in end.heads.items():
        # The head is the file's own anchor; of others, those count that are not younger than the file.
        known = [end, *(anchor for anchor in anchors if anchor.heads.get(room, head).n <= head.n)]
        found = entries.get(room, [])
        sealed = seals.of_head(room, Head(len(found), head.chain)) if found else ""
        faults += check(seals, Trail(room, found, words.get(room, {}), head.n, head.chain, sealed), known)
    return faults, len(lines)


def _lines(text: str, form: Form) -> tuple[list[str], list[Fault]]:
    """The rows without their ends: in CSV one may hold line breaks, so its quotes are counted."""
    rows, row, is_open = [], "", False
    for line in text.split("\n"):
        row += line
        is_open ^= form == "csv" and line.count('"') % 2 == 1
        if is_open:
            row += "\n"
        else:
            rows.append(row)
            row = ""
    faults = []
    if is_open or rows.pop() != "":
        faults.append(Fault("", len(rows), "the file's last line is not whole"))
    if form == "csv" and (not rows or rows.pop(0) + "\n" != _csv(COLUMNS)):
        faults.append(Fault("", 0, "the file's heads were changed"))
    return rows, faults


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────


def told(entry: bytes, reason: str | None) -> dict[str, Any]:
    """What an entry says, by column."""
    event = unpack_or_none(entry) or {}
    who = event.get("by")
    by = who if isinstance(who, dict) else {}
    more = {name: value for name, value in event.items() if name not in _TOLD}
    plain = {name: event.get(name) for name in ("room", "n", "at", "action")}
    return {
        **plain,
        "by": by.get("id"),
        "role": by.get("role"),
        "user": event.get("user"),
        "flag": event.get("flag"),
        "more": more,
        "reason": reason,
        "entry": base64.b64encode(entry).decode(),
    }


def _row(entry: bytes, reason: str | None, form: Form) -> str:
    row = told(entry, reason)
    if form == "jsonl":
        return json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=str) + "\n"
    row["more"] = (
        json.dumps(row["more"], ensure_ascii=False, sort_keys=True, default=str) if row["more"] else ""
    )
    return _csv(["" if row[name] is None else str(row[name]) for name in COLUMNS])


def _end(anchor: str, form: Form) -> str:
    return anchor + "\n" if form == "jsonl" else _csv(["anchor", anchor])


def _csv(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _anchor_in(line: str, form: Form) -> str:
    """The anchor that a file's last row holds; nothing where the row holds anything else."""
    if form == "jsonl":
        return line
    try:
        anchor = next(csv.reader([line], strict=True), ["", ""])[-1]
    except csv.Error:
        return ""
    return anchor if _end(anchor, form) == line + "\n" else ""


def _read(line: str, form: Form) -> tuple[bytes, str | None] | None:
    """An entry's bytes and its reason, from its row."""
    try:
        if form == "csv":
            cells = next(csv.reader([line], strict=True), [])
            row: Mapping[str, Any] = dict(zip(COLUMNS, cells, strict=True))
        else:
            row = json.loads(line)
        reason = row["reason"] or None
        entry = base64.b64decode(row["entry"], validate=True)
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error):
        return None
    return (entry, reason) if reason is None or isinstance(reason, str) else None
