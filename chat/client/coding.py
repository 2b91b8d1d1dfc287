"""Frames to bytes and back, from the client's side. What a server sends is bounded too."""

from __future__ import annotations

import json
from typing import Any

import msgpack

from chat.protocol.wire import Format, Unreadable

Frame = dict[str, Any]

MOST_BYTES = 16 * 1024 * 1024
"""The largest frame that is read: a thousand missed messages of full length fit."""
_MOST_ITEMS = 100_000


def encode(frame: Frame, form: Format) -> str | bytes:
    """Write a command. A field that is None is left out."""
    given = {name: value for name, value in frame.items() if value is not None}
    if form is Format.JSON:
        return json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    packed: bytes = msgpack.packb(given)
    return packed


def decode(data: str | bytes) -> Frame:
    """Read what the server says. Raises Unreadable."""
    try:
        frame = json.loads(data) if isinstance(data, str) else _unpack(data)
    except (ValueError, RecursionError, msgpack.UnpackException):
        raise Unreadable from None
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise Unreadable
    return frame


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(
        data,
        strict_map_key=True,
        max_str_len=MOST_BYTES,
        max_array_len=_MOST_ITEMS,
        max_map_len=_MOST_ITEMS,
        max_bin_len=0,
        max_ext_len=0,
    )
