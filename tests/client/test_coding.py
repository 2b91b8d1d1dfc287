from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.client.coding import decode, encode
from chat.protocol.commands import Post
from chat.protocol.events import Pong
from chat.protocol.wire import Format, Unreadable
from chat.protocol.wire import decode as read
from chat.protocol.wire import encode as write

FORMATS = pytest.mark.parametrize("form", Format)


@FORMATS
def test_the_server_reads_what_the_client_writes(form: Format) -> None:
    """A field that is None is as good as not there."""
    frame: dict[str, Any] = {"type": "post", "room": "r", "key": "k", "text": "é 😀", "reply_to": None}
    data = encode(frame, form)
    assert isinstance(data, str) is (form is Format.JSON)
    raw = data.encode() if isinstance(data, str) else data
    assert read(raw, form) == Post(room="r", key="k", text="é 😀")


@FORMATS
def test_the_client_reads_what_the_server_writes(form: Format) -> None:
    data = write(Pong(id=3, time=7), form)
    assert decode(data.decode() if form is Format.JSON else data) == {"type": "pong", "id": 3, "time": 7}


@given(st.text() | st.binary())
def test_anything_else_is_unreadable(data: str | bytes) -> None:
    with suppress(Unreadable):
        assert isinstance(decode(data)["type"], str)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"type": 3}',
        "[" * 100_000,
        b"\x81\xa4type\x03",
        b"\x91" * 100_000,
        b"\x82\xa4type\xa1x\xa1y\xd7\xff\x00\x00\x00\x00\x00\x00\x00\x01",
        b"\x82\xa4type\xa1x\xa1y\xdd\xff\xff\xff\xff",
        msgpack.packb({"type": "x", "y": b"bytes"}),
        msgpack.packb({"type": "x", 3: 4}),
    ],
)
def test_what_no_server_sends_is_unreadable(data: str | bytes) -> None:
    with pytest.raises(Unreadable):
        decode(data)
