"""The store's scripts: each file of lua/ behind the shared part, run by digest, loaded where unknown."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from enum import StrEnum
from importlib.resources import files
from typing import Any

import hiredis
import msgpack

from chat.node.ports import Unavailable
from chat.store.keys import in_room
from chat.store.link import Heard, Link, into

Seal = Callable[[str], bytes]
"""A room's key for its audit trail, as HMAC's inner and outer block."""


class Script(StrEnum):
    """What is one step in the store; the contract stands at the head of lua/NAME.lua."""

    ACCEPT = "accept"
    ACT = "act"
    CLOCK = "clock"
    DECIDE = "decide"
    ERASE = "erase"
    PRESENCE = "presence"
    REDEEM = "redeem"


_LUA = files("chat.store") / "lua"


def source(script: Script) -> str:
    """The script as the store runs it."""
    return (_LUA / "common.lua").read_text("utf-8") + (_LUA / f"{script}.lua").read_text("utf-8")


SOURCES = {script: source(script) for script in Script}
DIGESTS = {
    script: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for script, text in SOURCES.items()
}

AUDITING = frozenset(script for script in Script if "audit" in (_LUA / f"{script}.lua").read_text("utf-8"))
"""Scripts that may write an audit entry, and need the room's key for it."""

_pack = msgpack.Packer(use_bin_type=False).pack


class Scripts:
    """Runs scripts on a link."""

    def __init__(self, link: Link, seal: Seal) -> None:
        self._link = link
        self._seal = seal

    def load(self) -> list[asyncio.Future[Any]]:
        """Make the store know all scripts."""
        return [self._link.call("SCRIPT", "LOAD", text) for text in SOURCES.values()]

    async def run(self, script: Script, room: str, args: dict[str, Any]) -> dict[str, Any]:
        """Run a script on a room and wait for its answer.

        Raises Unavailable where it is not known whether the script ran.
        """
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.start(script, room, args, into(answer))
        return await answer

    def start(self, script: Script, room: str, args: dict[str, Any], heard: Heard) -> None:
        """Run a script on a room; `heard` gets its answer as a map, or Unavailable.

        It leaves in the order of the calls, with those of the same loop turn.
        """
        args["room"] = room
        if script in AUDITING:
            args["seal"] = self._seal(room)
        words = (DIGESTS[script], 1, in_room(room, "room"), _pack(args))

        def answered(reply: Any) -> None:
            if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT"):
                self._link.send(("EVAL", SOURCES[script], *words[1:]), lambda again: heard(_read(again)))
            else:
                heard(_read(reply))

        self._link.send(("EVALSHA", *words), answered)


def _read(reply: Any) -> dict[str, Any] | Unavailable:
    if isinstance(reply, Unavailable):
        return reply
    if isinstance(reply, Exception):
        # LOADING, READONLY, OOM, a script's own fault: the store's words name keys, so they stay here.
        return Unavailable(str(reply).split(" ", 1)[0])
    # An answer inside is bytes of its own: it survives the trip through text by surrogates (see `raw`).
    value: dict[str, Any] = msgpack.unpackb(
        reply, raw=False, strict_map_key=False, unicode_errors="surrogateescape"
    )
    return value


def raw(value: str) -> bytes:
    """The bytes that a script put into its reply."""
    return value.encode("utf-8", "surrogateescape")
