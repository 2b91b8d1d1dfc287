"""The protocol as an AsyncAPI 3 document, made from the classes that read and write it.

Who may send what is no part of this folder: the caller hands it in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec

from chat.protocol.commands import COMMANDS, RESERVED
from chat.protocol.errors import TEXTS, CloseCode, ErrorCode
from chat.protocol.events import REPLIES, PrivateEvent, RoomEvent, Unlogged
from chat.protocol.fields import Frame
from chat.protocol.wire import Format

Document = dict[str, Any]

ANSWERS: Mapping[str, str | None] = {
    "hello": "welcome",
    "profile": "ok",
    "join": "joined",
    "leave": "ok",
    "post": "posted",
    "edit": "posted",
    "retract": "ok",
    "react": "ok",
    "history": "page",
    "report": "ok",
    "help": "ok",
    "hand": "ok",
    "whisper": "posted",
    "typing": None,
    "mute": "ok",
    "unmute": "ok",
    "remove": "ok",
    "readmit": "ok",
    "pin": "ok",
    "unpin": "ok",
    "warn": "ok",
    "card": "posted",
    "aside": "ok",
    "set_room": "ok",
    "watch": "queue",
    "attend": "ok",
    "claim": "claimed",
    "unclaim": "ok",
    "decide": "ok",
    "ban": "ok",
    "unban": "ok",
    "appeal": "ok",
    "note": "ok",
    "evidence": "evidence",
    "erase": "requested",
    "break_glass": "revealed",
    "confirm": "requests",
    "audit": "page",
    "duty": "rota",
    "follow_up": "tasks",
    "ping": "pong",
}
"""The reply to each command that is not refused; None where there is none. Reserved ones have no row."""

FORMATS: Mapping[Format, Mapping[str, str]] = {
    Format.MSGPACK: {"frames": "binary", "contentType": "application/msgpack"},
    Format.JSON: {"frames": "text", "contentType": "application/json"},
}
"""How each subprotocol writes frames, in the server's order of preference."""

_AUDIENCES = {"room": RoomEvent, "person": PrivateEvent, "unlogged": Unlogged}
_SUMMARIES = {
    "room": "Events of a room's log: numbered by `seq`, the same for every member.",
    "person": "Events of one person's private log in a room: numbered by `useq`.",
    "unlogged": "Events that are in no log, and are not sent again.",
}
_CHANNEL = "#/channels/session"


def document(version: str, rights: Mapping[str, Mapping[str, Any]]) -> Document:
    """The whole document. `rights` says of each command what it asks of its caller."""
    schemas = _schemas([*COMMANDS.values(), *REPLIES.values(), *_events()])
    messages = {
        **{f"command.{name}": _message(kind, name) for name, kind in COMMANDS.items()},
        **{f"reply.{name}": _message(kind, name) for name, kind in REPLIES.items()},
        **_event_messages(),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hearth",
            "version": version,
            "description": "Moderated group chat for mental-health peer support, wire protocol version 1.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8765", "protocol": "ws"}},
        "channels": {"session": _channel(messages)},
        "operations": {
            **{name: _operation(name, rights[name]) for name in COMMANDS},
            **{f"tell_{audience}": _telling(audience) for audience in _AUDIENCES},
        },
        "components": {"messages": messages, "schemas": schemas},
        "x-error-codes": {code.value: {"text": TEXTS[code]} for code in ErrorCode},
        "x-close-codes": {
            str(code.value): {"name": code.name.lower(), "mayReturn": code.may_return} for code in CloseCode
        },
    }


def _events() -> Iterable[type[Frame]]:
    """Every kind of event, once. A card is in the room's log or in a private one: one class in two unions."""
    return dict.fromkeys(kind for union in _AUDIENCES.values() for kind in get_args(union))


def _schemas(kinds: Iterable[type[Frame]]) -> Document:
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return dict(sorted(schemas.items()))


def _tag(kind: type[Frame]) -> str:
    return str(kind.__struct_config__.tag)


def _message(kind: type[Frame], name: str) -> Document:
    message: Document = {
        "name": name,
        "summary": (kind.__doc__ or "").strip(),
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }
    if "id" in kind.__struct_fields__:
        message["correlationId"] = {"location": "$message.payload#/id"}
    return message


def _event_messages() -> Document:
    return {f"event.{_tag(kind)}": _message(kind, _tag(kind)) for kind in _events()}


def _channel(messages: Document) -> Document:
    return {
        "address": "/ws",
        "description": "One WebSocket. Its first frame is `hello`; every frame is one map with a `type`.",
        "servers": [{"$ref": "#/servers/local"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "ws": {
                "method": "GET",
                "headers": {
                    "type": "object",
                    "properties": {"Sec-WebSocket-Protocol": {"enum": [form.value for form in FORMATS]}},
                },
            }
        },
        "x-subprotocols": {form.value: dict(how) for form, how in FORMATS.items()},
    }


def _refs(names: Iterable[str]) -> list[Document]:
    return [{"$ref": f"{_CHANNEL}/messages/{name}"} for name in names]


def _operation(name: str, right: Mapping[str, Any]) -> Document:
    operation: Document = {
        "action": "receive",
        "channel": {"$ref": _CHANNEL},
        "summary": (COMMANDS[name].__doc__ or "").strip(),
        "messages": _refs([f"command.{name}"]),
        "x-permission": dict(right),
        "x-reserved": name in RESERVED,
    }
    answer = ANSWERS.get(name)
    if answer is not None or name in RESERVED:
        replies = ["reply.error"] if answer is None else [f"reply.{answer}", "reply.error"]
        operation["reply"] = {"channel": {"$ref": _CHANNEL}, "messages": _refs(replies)}
    return operation


def _telling(audience: str) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": _CHANNEL},
        "summary": _SUMMARIES[audience],
        "messages": _refs(f"event.{_tag(kind)}" for kind in get_args(_AUDIENCES[audience])),
    }
