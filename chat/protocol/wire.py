"""Bytes to commands and frames to bytes, in both formats, and the WebSocket header that goes before them. No I/O.

msgspec decodes at the edge: it validates while it reads, bounds what a hostile frame can cost, and is several
times faster than a decoder and a validation after it. Log entries are msgpack maps in the store; `transcode`
makes a JSON frame of one.
"""

from __future__ import annotations

import re
import struct
from enum import StrEnum
from typing import Any

import msgspec

from chat.protocol.commands import COMMANDS, Command
from chat.protocol.fields import MAX_INT, Frame, Id


class Format(StrEnum):
    """How frames are written; the value is the WebSocket subprotocol."""

    MSGPACK = "hearth.v1.msgpack"
    JSON = "hearth.v1.json"


class Unreadable(Exception):
    """A frame that does not decode to a map with a `type`."""


class BadCommand(Exception):
    """A map with a `type` that is no command: `id` for the answer, and a text that quotes nothing."""

    def __init__(self, id: Id, text: str) -> None:
        super().__init__("bad command")
        self.id = id
        self.text = text


_json_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_msgpack_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_json_encoder = msgspec.json.Encoder()
_msgpack_encoder = msgspec.msgpack.Encoder()
_any_msgpack = msgspec.msgpack.Decoder()


def decode(data: bytes, form: Format) -> Command:
    """Read one command. Raises Unreadable or BadCommand, nothing else, whatever the bytes are."""
    try:
        if form is Format.JSON:
            return _json_decoder.decode(data)
        return _msgpack_decoder.decode(data)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        return _decode_loosely(data, form, error)
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError):
        raise Unreadable from None


def _decode_loosely(data: bytes, form: Format, error: Exception) -> Command:
    """Tell a frame that is no map with a `type` from a command with a wrong field; the last of a repeated key wins."""
    try:
        frame = msgspec.json.decode(data) if form is Format.JSON else _any_msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError, TypeError):
        raise Unreadable from None
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise Unreadable from None
    id = _usable_id(frame.get("id"))
    if frame["type"] not in COMMANDS:
        raise BadCommand(id, "We do not know a command of that type. Please check its spelling.") from None
    try:
        return msgspec.convert(frame, COMMANDS[frame["type"]])
    except (msgspec.ValidationError, RecursionError):
        raise BadCommand(id, _explain(error)) from None


def _usable_id(id: object) -> Id:
    if isinstance(id, bool):
        return None
    if isinstance(id, int) and abs(id) <= MAX_INT:
        return id
    return id if isinstance(id, str) and len(id) <= 64 else None


_INVALID = "Invalid enum value"
_FIELD = re.compile(r"`\$\.?([^`]*)`$")


def _explain(error: Exception) -> str:
    """The field and what it should be, without what the client wrote there."""
    told = str(error)
    at = _FIELD.search(told)
    # That one message alone quotes what was sent, which may hold quotes of any kind.
    what = _INVALID if told.startswith(_INVALID) else told.split(" - at ", maxsplit=1)[0].rstrip(".")
    if at and at.group(1):
        return f"The field `{at.group(1)}` is not as it should be: {what}. Please correct it and send again."
    return f"{what}. Please correct it and send again."


def encode(frame: Frame, form: Format) -> bytes:
    """Write a reply or event."""
    return _json_encoder.encode(frame) if form is Format.JSON else _msgpack_encoder.encode(frame)


def pack(frame: object) -> bytes:
    """Write a log entry: always msgpack, since the store's scripts read it."""
    return _msgpack_encoder.encode(frame)


def unpack(entry: bytes) -> dict[str, Any]:
    """Read a log entry."""
    value: dict[str, Any] = _any_msgpack.decode(entry)
    return value


def unpack_or_none(entry: bytes) -> dict[str, Any] | None:
    """The same where it may be none: nothing that is stored there ends the caller."""
    try:
        value = _any_msgpack.decode(entry)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def transcode(entry: bytes, form: Format) -> bytes:
    """A log entry as a frame: the same bytes in msgpack, written anew in JSON."""
    return entry if form is Format.MSGPACK else _json_encoder.encode(_any_msgpack.decode(entry))


def framed(payload: bytes, form: Format) -> bytes:
    """One unmasked WebSocket data frame, as a server sends it (RFC 6455, section 5.2)."""
    first = 0x81 if form is Format.JSON else 0x82
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload
