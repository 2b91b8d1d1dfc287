import json
from typing import Any, get_args

import msgpack
import msgspec
import pytest

from chat.protocol.errors import TEXTS, CloseCode, ErrorCode
from chat.protocol.events import EVENTS, REPLIES, PrivateEvent, Reply, RoomEvent, Unlogged
from chat.protocol.fields import Frame
from chat.protocol.wire import Format, encode

KINDS: set[type[Frame]] = {
    *get_args(RoomEvent),
    *get_args(PrivateEvent),
    *get_args(Unlogged),
    *get_args(Reply),
}
BY_NAME = sorted(KINDS, key=lambda kind: kind.__name__)


def sample(kind: Any) -> Any:
    """A value of any type that events are made of."""
    if isinstance(kind, msgspec.inspect.StructType):
        needed = [field for field in kind.fields if field.required]
        made = {field.name: sample(field.type) for field in needed}
        return kind.cls(**made)
    match kind:
        case msgspec.inspect.UnionType():
            return sample(kind.types[0])
        case msgspec.inspect.ListType():
            return [sample(kind.item_type)]
        case msgspec.inspect.DictType():
            return {"one": 1}
        case msgspec.inspect.StrType() | msgspec.inspect.AnyType():
            return "text"
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.FloatType():
            return 1.5
        case msgspec.inspect.NoneType():
            return None
    return 1


def frame_of(kind: type[Frame]) -> Frame:
    made: Frame = sample(msgspec.inspect.type_info(kind))
    return made


def test_every_event_and_reply_is_known_by_its_type() -> None:
    assert {*EVENTS.values(), *REPLIES.values()} == KINDS
    assert not {kind.__name__ for kind in EVENTS.values()} & {kind.__name__ for kind in REPLIES.values()}


@pytest.mark.parametrize("kind", BY_NAME, ids=lambda kind: kind.__name__)
def test_both_formats_write_the_same_map(kind: type[Frame]) -> None:
    """With a `type`, with every field that must be there, and without those at their default."""
    frame = frame_of(kind)
    written = json.loads(encode(frame, Format.JSON))
    assert msgpack.unpackb(encode(frame, Format.MSGPACK)) == written
    assert written["type"] == kind.__struct_config__.tag
    fields = msgspec.structs.fields(kind)
    assert {field.encode_name for field in fields if field.required} <= written.keys()
    defaulted = {field.encode_name for field in fields if not field.required}
    assert not defaulted & written.keys()


@pytest.mark.parametrize("kind", BY_NAME, ids=lambda kind: kind.__name__)
def test_what_is_written_can_be_read_back(kind: type[Frame]) -> None:
    frame = frame_of(kind)
    assert msgspec.json.decode(encode(frame, Format.JSON), type=kind) == frame


@pytest.mark.parametrize("kind", get_args(RoomEvent), ids=lambda kind: kind.__name__)
def test_events_of_a_room_have_a_place_in_its_log(kind: type[Frame]) -> None:
    assert {"room", "seq", "at"} <= {*kind.__struct_fields__}


@pytest.mark.parametrize("kind", get_args(PrivateEvent), ids=lambda kind: kind.__name__)
def test_events_for_one_person_have_a_place_in_their_log(kind: type[Frame]) -> None:
    assert {"room", "useq", "at"} <= {*kind.__struct_fields__}


@pytest.mark.parametrize("kind", get_args(Unlogged), ids=lambda kind: kind.__name__)
def test_what_is_in_no_log_has_no_place(kind: type[Frame]) -> None:
    """A flag's `seq` names the message that it is about."""
    assert "useq" not in kind.__struct_fields__
    assert "seq" not in kind.__struct_fields__ or kind.__struct_config__.tag == "flag"


@pytest.mark.parametrize("kind", get_args(Reply), ids=lambda kind: kind.__name__)
def test_every_reply_carries_its_commands_id(kind: type[Frame]) -> None:
    assert "id" in kind.__struct_fields__


def test_every_error_has_a_kind_sentence() -> None:
    assert TEXTS.keys() == {*ErrorCode}
    assert all(text.endswith(".") for text in TEXTS.values())


def test_close_codes_say_whether_to_come_back() -> None:
    assert {code for code in CloseCode if code.may_return} == {1001, 1011, 1012, 1013, 4001, 4002}
