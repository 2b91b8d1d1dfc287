import argparse
import json
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from chat.cli import asyncapi as command_line
from chat.protocol.asyncapi import ANSWERS, FORMATS
from chat.protocol.commands import COMMANDS, RESERVED, Command
from chat.protocol.errors import TEXTS, CloseCode, ErrorCode
from chat.protocol.events import EVENTS, REPLIES, PrivateEvent, Reply, RoomEvent, Unlogged
from chat.protocol.fields import Frame
from chat.protocol.wire import Format
from chat.room.permissions import RIGHTS

KINDS: dict[str, type[Frame]] = {
    **{f"command.{name}": kind for name, kind in COMMANDS.items()},
    **{f"reply.{name}": kind for name, kind in REPLIES.items()},
    **{f"event.{name}": kind for name, kind in EVENTS.items()},
}


@pytest.fixture
def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What `hearth asyncapi` prints."""
    parser = argparse.ArgumentParser()
    command_line.register(parser.add_subparsers())
    args = parser.parse_args(["asyncapi"])
    assert args.func(args) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from references(part)


def resolve(document: dict[str, Any], reference: str) -> Any:
    assert reference.startswith("#/")
    node: Any = document
    for part in reference[2:].split("/"):
        node = node[part]
    return node


def test_has_what_asyncapi_3_asks_for(document: dict[str, Any]) -> None:
    known = {
        "asyncapi",
        "id",
        "info",
        "defaultContentType",
        "servers",
        "channels",
        "operations",
        "components",
    }
    assert document["asyncapi"].startswith("3.")
    assert document["info"]["title"]
    assert document["info"]["version"]
    assert all(name in known or name.startswith("x-") for name in document)
    assert all({"host", "protocol"} <= server.keys() for server in document["servers"].values())
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["channel"] == {"$ref": "#/channels/session"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert resolve(document, reference)


def test_operations_use_messages_of_their_channel(document: dict[str, Any]) -> None:
    """An operation, and its reply, may only name messages by way of the channel."""
    for operation in document["operations"].values():
        named = [*operation["messages"], *operation.get("reply", {}).get("messages", [])]
        assert named
        for message in named:
            assert message["$ref"].startswith("#/channels/session/messages/")


def test_every_command_reply_and_event_is_a_message(document: dict[str, Any]) -> None:
    assert document["components"]["messages"].keys() == KINDS.keys()
    assert document["channels"]["session"]["messages"].keys() == KINDS.keys()
    classes = {*get_args(Command), *get_args(Reply), *get_args(RoomEvent), *get_args(PrivateEvent)}
    assert classes | {*get_args(Unlogged)} == {*KINDS.values()}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_payload_says_what_the_class_reads_and_writes(document: dict[str, Any], name: str) -> None:
    """Its fields, which of them must be there, its `type`; and its duty in words."""
    kind = KINDS[name]
    message = document["components"]["messages"][name]
    schema = resolve(document, message["payload"]["$ref"])
    fields = {field.encode_name: field.required for field in msgspec.structs.fields(kind)}
    tag = name.partition(".")[2]
    assert message["name"] == tag
    assert message["summary"]
    assert schema["properties"].keys() == {"type", *fields}
    assert schema["properties"]["type"] == {"enum": [tag]}
    assert {*schema["required"]} == {"type", *(field for field, required in fields.items() if required)}
    assert ("correlationId" in message) is ("id" in fields)


def test_every_command_is_an_operation_with_its_right_and_answer(document: dict[str, Any]) -> None:
    for name in COMMANDS:
        operation = document["operations"][name]
        right = RIGHTS[name]
        assert operation["action"] == "receive"
        assert operation["x-permission"] == {
            "scope": right.scope.value,
            "least": right.least.value,
            "joined": right.is_joined,
        }
        assert operation["x-reserved"] is (name in RESERVED)
        replies = [ref["$ref"].rpartition("/")[2] for ref in operation.get("reply", {}).get("messages", [])]
        if name in RESERVED:
            assert replies == ["reply.error"]
        elif ANSWERS[name] is None:
            assert replies == []
        else:
            assert replies == [f"reply.{ANSWERS[name]}", "reply.error"]


def test_every_command_that_is_built_has_an_answer() -> None:
    assert ANSWERS.keys() == COMMANDS.keys() - RESERVED
    assert {answer for answer in ANSWERS.values() if answer} | {"error"} == REPLIES.keys()


def test_every_event_is_told_in_one_of_three_ways(document: dict[str, Any]) -> None:
    for audience, union in {"room": RoomEvent, "person": PrivateEvent, "unlogged": Unlogged}.items():
        told = document["operations"][f"tell_{audience}"]
        names = {ref["$ref"].rpartition("/")[2] for ref in told["messages"]}
        assert told["action"] == "send"
        assert names == {f"event.{kind.__struct_config__.tag}" for kind in get_args(union)}


def test_both_subprotocols_in_order_of_preference(document: dict[str, Any]) -> None:
    assert list(FORMATS) == list(Format)
    session = document["channels"]["session"]
    assert session["address"] == "/ws"
    assert session["x-subprotocols"] == {
        "hearth.v1.msgpack": {"frames": "binary", "contentType": "application/msgpack"},
        "hearth.v1.json": {"frames": "text", "contentType": "application/json"},
    }


def test_every_error_and_close_code_is_there(document: dict[str, Any]) -> None:
    assert document["x-error-codes"] == {code.value: {"text": TEXTS[code]} for code in ErrorCode}
    codes = document["x-close-codes"]
    assert codes.keys() == {str(int(code)) for code in CloseCode}
    assert {code for code, told in codes.items() if told["mayReturn"]} == {
        str(int(code)) for code in CloseCode if code in {1001, 1011, 1012, 1013} or 4000 <= code < 4500
    }


def test_nothing_a_person_said_is_in_it(document: dict[str, Any]) -> None:
    """The document is made of types alone: it has no examples."""
    assert '"examples"' not in json.dumps(document)
