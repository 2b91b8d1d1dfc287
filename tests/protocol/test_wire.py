import json
import struct
from collections.abc import Callable
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.protocol.commands import COMMANDS, Leave, Ping, Post
from chat.protocol.events import Edited, Member, Message, Ok
from chat.protocol.fields import MAX_INT
from chat.protocol.wire import (
    BadCommand,
    Format,
    Unreadable,
    decode,
    encode,
    framed,
    pack,
    transcode,
    unpack,
)

FORMATS = pytest.mark.parametrize("form", Format)
FRAME_LIMIT = 64 * 1024


def packed(*pairs: tuple[Any, Any]) -> bytes:
    """A msgpack map with these keys and values in this order, repeated keys and all."""
    return bytes([0x80 + len(pairs)]) + b"".join(msgpack.packb(part) for pair in pairs for part in pair)


def spelled(*pairs: tuple[str, Any]) -> bytes:
    """The same in JSON."""
    return ("{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}").encode()


WRITERS: dict[Format, Callable[..., bytes]] = {Format.MSGPACK: packed, Format.JSON: spelled}


def outcome(data: bytes, form: Format) -> object:
    """What became of a frame, as something to compare; anything but the two refusals escapes."""
    try:
        return decode(data, form)
    except Unreadable:
        return "unreadable"
    except BadCommand as bad:
        return ("bad", bad.id)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
FIELDS = sorted({field for kind in COMMANDS.values() for field in kind.__struct_fields__})
FRAMES = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(COMMANDS)) | TEXTS},
    optional={field: VALUES | st.integers(0, 5) | st.just("room") | st.booleans() for field in FIELDS},
)


@FORMATS
@given(data=st.binary(max_size=400))
def test_any_bytes_are_a_command_or_one_of_two_refusals(form: Format, data: bytes) -> None:
    outcome(data, form)


@given(VALUES)
def test_any_value_is_a_command_or_one_of_two_refusals(value: Any) -> None:
    outcome(json.dumps(value).encode(), Format.JSON)
    outcome(msgpack.packb(value), Format.MSGPACK)


@FORMATS
@given(frame=FRAMES, at=st.integers(0, 10_000), put=st.binary(max_size=6), cut=st.integers(0, 6))
def test_a_damaged_command_is_a_command_or_one_of_two_refusals(
    form: Format, frame: dict[str, Any], at: int, put: bytes, cut: int
) -> None:
    whole = json.dumps(frame).encode() if form is Format.JSON else msgpack.packb(frame)
    at %= len(whole) + 1
    outcome(whole[:at] + put + whole[at + cut :], form)


@given(FRAMES)
@example({"type": "ping", "id": 1.0})
@example({"type": "ping", "id": MAX_INT + 1})
@example({"type": "join", "room": "r", "since": 2**64 - 1})
def test_both_formats_agree(frame: dict[str, Any]) -> None:
    """The same map has the same outcome in JSON and in msgpack."""
    assert outcome(json.dumps(frame).encode(), Format.JSON) == outcome(msgpack.packb(frame), Format.MSGPACK)


@FORMATS
@given(frame=FRAMES)
def test_a_decoded_command_survives_the_way_back(form: Format, frame: dict[str, Any]) -> None:
    command = outcome(json.dumps(frame).encode(), Format.JSON)
    if isinstance(command, msgspec.Struct):
        assert decode(encode(command, form), form) == command  # type: ignore[arg-type]


@FORMATS
@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("typ", "ping")],
        [("type", None)],
        [("type", 3)],
        [("type", ["ping"])],
        [("type", "ping"), ("type", 3)],
    ],
)
def test_a_map_without_a_type_is_unreadable(form: Format, pairs: list[tuple[str, Any]]) -> None:
    with pytest.raises(Unreadable):
        decode(WRITERS[form](*pairs), form)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"3",
        b'"type"',
        b'["type","ping"]',
        b'{"type":"ping"',
        b'{"type":"ping"} {}',
        b'\xef\xbb\xbf{"type":"ping"}',
        b'{"type":"leave","room":"\\ud800"}',
        b'{"type":"leave","room":"r","\\udfff":1}',
        b'{"type":"leave","room":"\xed\xa0\x80"}',
        b'{"type":"leave","room":"\xff"}',
        b'{"type":"ping","id":NaN}',
    ],
)
def test_json_that_is_no_map_or_no_text_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(data, Format.JSON)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc0",
        b"\xc1",
        b"\x90",
        packed(("type", "ping")) + b"\x00",
        packed(("type", "ping"))[:-1],
        packed((b"type", "ping")),
        b"\x82\xa4type\xa5leave\xa4room\xa3\xed\xa0\x80",
        b"\x82\xa4type\xa5leave\xa4room\xa1\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x82\xa4type\xa4ping\xa1x\xdd\xff\xff\xff\xff",
        b"\x82\xa4type\xa4ping\xa1x\xdb\xff\xff\xff\xff",
        b"\x82\xa4type\xa4ping\xa1x\xc9\xff\xff\xff\xff\x01",
    ],
)
def test_msgpack_that_is_no_map_or_no_text_is_unreadable(data: bytes) -> None:
    """Lengths that promise more than there is are not believed."""
    with pytest.raises(Unreadable):
        decode(data, Format.MSGPACK)


@pytest.mark.parametrize("kind", ["ping", "leave", "no_such_type"])
@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_in_json_is_unreadable(kind: str, opened: bytes, closed: bytes) -> None:
    deep = FRAME_LIMIT // (len(opened) + len(closed)) - 20
    data = b'{"type":"%s","x":' % kind.encode() + opened * deep + b"1" + closed * deep + b"}"
    with pytest.raises(Unreadable):
        decode(data, Format.JSON)


@pytest.mark.parametrize("kind", ["ping", "leave", "no_such_type"])
@pytest.mark.parametrize("opened", [b"\x91", b"\x81\xa1a"])
def test_deep_nesting_in_msgpack_is_unreadable(kind: str, opened: bytes) -> None:
    head = b"\x82" + msgpack.packb("type") + msgpack.packb(kind) + b"\xa1x"
    with pytest.raises(Unreadable):
        decode(head + opened * (FRAME_LIMIT // len(opened) - 20) + b"\x01", Format.MSGPACK)


@pytest.mark.parametrize("field", ["x", "room", "id"])
@pytest.mark.parametrize(
    "extension",
    [
        b"\xd6\xff" + struct.pack(">I", 1),
        b"\xd7\xff" + b"\xff" * 8,
        b"\xc7\x0c\xff" + struct.pack(">Iq", 0, 2**63 - 1),
        b"\xc7\x0c\xff" + struct.pack(">Iq", 2**32 - 1, -(2**63)),
        b"\xc7\x0c\x05" + b"\xff" * 12,
        b"\xc7\x00\x05",
    ],
)
def test_timestamps_and_extensions_are_refused_or_ignored(field: str, extension: bytes) -> None:
    """However far in time: they are no field of ours, and overflow nothing."""
    data = b"\x83\xa4type\xa5leave\xa4room\xa1r" + msgpack.packb(field) + extension
    assert outcome(data, Format.MSGPACK) in ("unreadable", ("bad", None), Leave(room="r"))


@pytest.mark.parametrize(
    "key", [b"\x01", b"\xc0", b"\xc4\x01a", b"\x90", b"\x80", b"\xd6\xff\x00\x00\x00\x01"]
)
@pytest.mark.parametrize("kind", ["ping", "leave", "no_such_type"])
def test_keys_that_are_no_strings_escape_nothing(kind: str, key: bytes) -> None:
    data = b"\x82\xa4type" + msgpack.packb(kind) + key + b"\x01"
    assert outcome(data, Format.MSGPACK) in ("unreadable", ("bad", None))


@FORMATS
@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("type", "leave"), ("room", "a"), ("room", "b")], Leave(room="b")),
        ([("type", "leave"), ("room", 1), ("room", "b")], Leave(room="b")),
        ([("type", "leave"), ("id", True), ("room", "b"), ("id", 7)], Leave(room="b", id=7)),
        ([("type", "leave"), ("room", "b"), ("type", "ping")], Ping()),
        ([("type", "ping"), ("type", "leave"), ("room", "b")], Leave(room="b")),
        ([("type", "no_such_type"), ("type", "ping")], Ping()),
        ([("type", 3), ("type", "ping")], Ping()),
        ([("type", "ping"), ("type", "no_such_type")], ("bad", None)),
        ([("type", "leave"), ("room", "b"), ("room", 1), ("id", "x")], ("bad", "x")),
        ([("type", "leave"), ("id", "x"), ("id", "y"), ("room", 1)], ("bad", "y")),
    ],
)
def test_the_last_of_a_repeated_key_counts(
    form: Format, pairs: list[tuple[str, Any]], expected: object
) -> None:
    assert outcome(WRITERS[form](*pairs), form) == expected


@FORMATS
def test_unknown_fields_are_ignored(form: Format) -> None:
    assert decode(WRITERS[form](("type", "ping"), ("later", {"a": [1]})), form) == Ping()


@FORMATS
@pytest.mark.parametrize("number", [None, 0, -1, MAX_INT, -MAX_INT, "", "a" * 64, "ü" * 64])
def test_a_usable_id_comes_back_with_the_refusal(form: Format, number: int | str | None) -> None:
    with pytest.raises(BadCommand) as caught:
        decode(WRITERS[form](("type", "leave"), ("id", number)), form)
    assert caught.value.id == number


@FORMATS
@pytest.mark.parametrize("number", [True, 1.5, MAX_INT + 1, "a" * 65, [], {}])
def test_an_unusable_id_is_refused_without_one(form: Format, number: Any) -> None:
    with pytest.raises(BadCommand) as caught:
        decode(WRITERS[form](("type", "ping"), ("id", number)), form)
    assert caught.value.id is None


@FORMATS
@pytest.mark.parametrize(
    "secret", ["secret", "it's a secret", 'a "secret" - at `$.note`', "secret' - at `$.x", "`secret`"]
)
@pytest.mark.parametrize(
    ("kind", "field"), [("decide", "action"), ("set_room", "phase"), ("set_room", "hold"), ("secret", "x")]
)
def test_a_refusal_quotes_nothing_that_was_sent(form: Format, kind: str, field: str, secret: str) -> None:
    """What a person wrote into a wrong field comes back to nobody, and gets into no log that way."""
    rest = {"flag": "f", "note": "n", "room": "r", "action": "approve", field: secret}
    with pytest.raises(BadCommand) as caught:
        decode(WRITERS[form](("type", kind), *rest.items()), form)
    assert "secret" not in caught.value.text
    assert "secret" not in str(caught.value)
    assert caught.value.text.endswith(".")


@FORMATS
def test_a_refusal_names_the_field(form: Format) -> None:
    with pytest.raises(BadCommand) as caught:
        decode(WRITERS[form](("type", "profile"), ("hidden", ["u_a", 3])), form)
    assert "`hidden[1]`" in caught.value.text


@FORMATS
def test_any_unicode_text_arrives_as_it_was_sent(form: Format) -> None:
    text = "a\x00b \u202e é 😀 \U0010ffff\ufffe"
    frame = WRITERS[form](("type", "post"), ("room", "r"), ("key", "k"), ("text", text))
    assert decode(frame, form) == Post(room="r", key="k", text=text)


def test_fields_at_their_default_are_left_out() -> None:
    assert json.loads(encode(Ok(id=1), Format.JSON)) == {"type": "ok", "id": 1}
    assert msgpack.unpackb(encode(Ok(id=1), Format.MSGPACK)) == {"type": "ok", "id": 1}


def test_an_entry_says_the_same_in_both_formats() -> None:
    """What the store keeps is the msgpack frame itself; JSON is made of it."""
    message = Message(room="r", from_=Member(id="u_a", name="Ana", role="participant"), text="héllo")
    entry = pack(message)
    assert transcode(entry, Format.MSGPACK) is entry
    assert json.loads(transcode(entry, Format.JSON)) == unpack(entry) == msgpack.unpackb(entry)
    assert unpack(entry)["from"] == {"id": "u_a", "name": "Ana", "role": "participant"}
    assert "text" not in unpack(pack(Edited(target=1)))


@FORMATS
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_a_frame_has_the_header_that_its_size_asks_for(form: Format, size: int) -> None:
    """Whole, unmasked, text for JSON and binary for msgpack; RFC 6455, section 5.2."""
    frame = framed(b"x" * size, form)
    assert frame[0] == (0x81 if form is Format.JSON else 0x82)
    if size < 126:
        assert (frame[1], frame[2:]) == (size, b"x" * size)
    elif size < 65_536:
        assert (frame[1], frame[2:4], frame[4:]) == (126, struct.pack("!H", size), b"x" * size)
    else:
        assert (frame[1], frame[2:10], frame[10:]) == (127, struct.pack("!Q", size), b"x" * size)
