"""Who people are, over all rooms: names, choices, grants, bans, invites, connections."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgpack

from chat.node.ports import Person, Redeemed
from chat.protocol.fields import Role
from chat.store.broker import Broker, text
from chat.store.keys import (
    BANNED,
    CHANGES,
    INVITES,
    NAMES,
    NODES,
    PAIRS,
    REQUESTS,
    STAFF,
    asides_key,
    exposure_key,
    invite_key,
    request_key,
    sessions_key,
    user_key,
)

REDEEM_AGAIN = 3_600_000
"""Milliseconds within which somebody who was not told what became of their invite may ask once more."""


EXPOSURE_SECONDS = 35 * 86_400
"""How long it is known what staff read on a day."""
REQUEST_SECONDS = 3_600
"""How long a second person has to confirm what takes two."""


def fold_name(name: str) -> str:
    """What makes two names the same: case, width, marks and spacing aside."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(char for char in plain if char.isalnum()) or plain


def digest(code: str) -> str:
    """What is kept of an invite's code."""
    return hashlib.sha256(code.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Invite:
    """An invite as its maker sees it again: its code is never shown twice."""

    digest: str
    room: str
    role: str
    label: str = field(repr=False)
    used: int
    most: int
    expires: int
    is_revoked: bool


class People:
    """Implements `chat.node.ports.People`, and what the command line does beside."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._ask = broker.ask

    # ── a person ─────────────────────────────────────────────────────────────────────────────────

    async def person(self, user: str) -> Person:
        """What is known of somebody; of a stranger only the id."""
        found: dict[bytes, bytes] = await self._ask("HGETALL", user_key(user))
        said = {name: text(found.get(name.encode(), b"")) for name in ("name", "country", "language")}
        grants = found.get(b"grants")
        banned = int(found[b"banned"]) if b"banned" in found else None
        if banned and banned < time.time() * 1000:
            banned = None
        return Person(
            id=user,
            name=said["name"],
            country=said["country"],
            language=said["language"],
            hidden=tuple(msgpack.unpackb(found[b"hidden"])) if b"hidden" in found else (),
            avoids=tuple(msgpack.unpackb(found[b"avoids"])) if b"avoids" in found else (),
            grants=msgpack.unpackb(grants) if grants is not None else None,
            granted_at=int(found.get(b"granted_at", 0)),
            seen=text(found.get(b"seen", b"")),
            banned=banned,
            ban_flag=text(found.get(b"ban_flag", b"")),
        )

    async def remember(self, user: str, fields: Mapping[str, Any]) -> None:
        """Keep what a person chose."""
        packed = [
            (name, msgpack.packb(value) if isinstance(value, list | dict) else value)
            for name, value in fields.items()
        ]
        await self._ask("HSET", user_key(user), *chain.from_iterable(packed))

    async def take_name(self, user: str, name: str) -> bool:
        """Make a name this person's; the one they had is free again."""
        folded = fold_name(name)
        is_new = await self._ask("HSETNX", NAMES, folded, user)
        if not is_new and await self._ask("HGET", NAMES, folded) != user.encode():
            return False
        before = await self._ask("HGET", user_key(user), "name")
        await self._ask("HSET", user_key(user), "name", name)
        if before and fold_name(text(before)) != folded:
            await self._ask("HDEL", NAMES, fold_name(text(before)))
        return True

    # ── grants and bans ──────────────────────────────────────────────────────────────────────────

    async def grant(self, user: str, grants: Mapping[str, str] | None, *, name: str | None = None) -> None:
        """Make these the person's grants from now on, whatever their tokens say. None takes every right."""
        at = int(time.time() * 1000)
        fields: dict[str, Any] = {"grants": dict(grants or {}), "granted_at": at, "seen": ""}
        if name:
            fields["name"] = name
        await self.remember(user, fields)
        is_staff = any(Role(role).is_staff for role in (grants or {}).values())
        await self._ask("SADD" if is_staff else "SREM", STAFF, user)
        await self._tell_change(user)

    async def _tell_change(self, user: str) -> None:
        await self._ask("PUBLISH", CHANGES, b"\0" * 8 + user.encode())

    async def staff(self) -> list[Person]:
        """All who were granted a role on the command line."""
        users = await self._ask("SMEMBERS", STAFF)
        return [await self.person(text(user)) for user in sorted(users)]

    async def ban(self, user: str, till: int | None, flag: str = "") -> None:
        """Note a ban, or its end, and tell all nodes."""
        if till is None:
            await self._ask("HDEL", user_key(user), "banned", "ban_flag")
            await self._ask("SREM", BANNED, user)
        else:
            await self._ask("HSET", user_key(user), "banned", till, "ban_flag", flag)
            await self._ask("SADD", BANNED, user)
        await self._tell_change(user)

    def on_change(self, hear: Callable[[str], None]) -> None:
        """Hear of each person whose rights changed, on any node."""
        self._broker.listen(CHANGES, lambda _, user: hear(str(user, "utf-8", "replace")), lambda: hear(""))

    # ── what takes two people ────────────────────────────────────────────────────────────────────

    async def ask(self, what: str, user: str, by: Mapping[str, str], reason: str) -> tuple[str, int]:
        """Keep a request for an hour; its id, and when it ends."""
        request, now = secrets.token_urlsafe(9), int(time.time() * 1000)
        until = now + REQUEST_SECONDS * 1000
        said = {
            "request": request,
            "what": what,
            "user": user,
            "by": dict(by),
            "reason": reason,
            "until": until,
        }
        await self._ask("HSET", request_key(request), "said", msgpack.packb(said))
        await self._ask("EXPIRE", request_key(request), REQUEST_SECONDS)
        await self._ask("ZREMRANGEBYSCORE", REQUESTS, 0, now)
        await self._ask("ZADD", REQUESTS, until, request)
        return request, until

    async def request(self, request: str) -> dict[str, Any] | None:
        """A request, with `with` once somebody confirmed it; None where it ended."""
        said, second = await self._ask("HMGET", request_key(request), "said", "with")
        if said is None:
            return None
        found: dict[str, Any] = msgpack.unpackb(said)
        return {**found, "with": msgpack.unpackb(second)} if second is not None else found

    async def requests(self) -> list[dict[str, Any]]:
        """What was asked within the hour, confirmed or not."""
        ids = await self._ask("ZRANGE", REQUESTS, int(time.time() * 1000), "+inf", "BYSCORE")
        found = [await self.request(text(request)) for request in ids]
        return [request for request in found if request is not None]

    async def confirm(self, request: str, by: Mapping[str, str]) -> bool:
        """Be the second person; again for the same one, so that what broke off can be done. False for a third."""
        mine = msgpack.packb(dict(by))
        if await self._ask("HSETNX", request_key(request), "with", mine):
            return True
        second = await self._ask("HGET", request_key(request), "with")
        return bool(msgpack.unpackb(second)["id"] == by["id"])

    async def tell_request(self, code: str, user: str, by: str) -> None:
        """Tell all nodes that somebody asked for what takes two people, or confirmed it."""
        told = msgpack.packb({"code": code, "user": user, "by": by})
        await self._ask("PUBLISH", PAIRS, b"\0" * 8 + told)

    def on_request(self, hear: Callable[[Mapping[str, str]], None]) -> None:
        """Hear of it, on any node. What is missed while the store is away is found by asking."""
        self._broker.listen(PAIRS, lambda _, told: hear(msgpack.unpackb(told)), lambda: None)

    async def expose(self, user: str, severity: str) -> tuple[Mapping[str, int], str]:
        """Count a text that somebody of staff read; all of today's by severity, and the last."""
        key = exposure_key(user, f"{datetime.now(UTC):%Y%m%d}")
        await asyncio.gather(
            self._ask("HINCRBY", key, severity, 1),
            self._ask("HSET", key, "last", severity),
            self._ask("EXPIRE", key, EXPOSURE_SECONDS),
        )
        return await self.exposure(user)

    async def exposure(self, user: str) -> tuple[Mapping[str, int], str]:
        """What somebody read today, in the world's time."""
        found = await self._ask("HGETALL", exposure_key(user, f"{datetime.now(UTC):%Y%m%d}"))
        said = {text(name): text(value) for name, value in found.items()}
        last = said.pop("last", "")
        return {severity: int(many) for severity, many in said.items()}, last

    async def came_by(self, user: str) -> str:
        """The label of the invite that somebody came by."""
        redeemed = await self._ask("HGET", user_key(user), "redeemed")
        if not redeemed:
            return ""
        return text(await self._ask("HGET", invite_key(text(redeemed).partition(" ")[0]), "label") or b"")

    async def forget(self, user: str) -> None:
        """Take away a person's name, choices and rights, on open connections too."""
        name = await self._ask("HGET", user_key(user), "name")
        if name and await self._ask("HGET", NAMES, fold_name(text(name))) == user.encode():
            await self._ask("HDEL", NAMES, fold_name(text(name)))
        await self._ask("HDEL", user_key(user), "name", "country", "language", "hidden", "redeemed")
        await self._ask("DEL", asides_key(user))
        await self.grant(user, {})

    # ── side rooms ───────────────────────────────────────────────────────────────────────────────

    async def asides(self, user: str) -> Mapping[str, str]:
        """The side rooms that a person is in, with their role in each."""
        found = await self._ask("HGETALL", asides_key(user))
        return {text(side): text(role) for side, role in found.items()}

    async def enter_aside(self, user: str, side: str, role: str) -> None:
        """Let a person into a side room."""
        await self._ask("HSET", asides_key(user), side, role)

    async def leave_aside(self, user: str, side: str) -> None:
        """Let them out for good."""
        await self._ask("HDEL", asides_key(user), side)

    # ── connections ──────────────────────────────────────────────────────────────────────────────

    async def connected(self, user: str, here: int, most: int) -> bool:
        """Count a person's connections; those of nodes whose lease ended do not count.

        Each word replaces the node's last one, so that none is left over after an outage. The three calls
        leave together: of several at once, each sees those before it.
        """
        key, node = sessions_key(user), self._broker.node
        _, counts, leases = await asyncio.gather(
            self._ask("HSET", key, node, here), self._ask("HGETALL", key), self._ask("HGETALL", NODES)
        )
        now = time.time() * 1000
        live = sum(
            int(count)
            for other, count in counts.items()
            if other == node.encode() or float(leases.get(other, 0)) > now
        )
        return not 0 < most < live

    async def counted(self, user: str, here: int) -> None:
        """Count those that are left."""
        key, node = sessions_key(user), self._broker.node
        await (self._ask("HSET", key, node, here) if here else self._ask("HDEL", key, node))

    # ── invites ──────────────────────────────────────────────────────────────────────────────────

    async def redeem(self, code: str, user: str, name: str, country: str, language: str) -> Redeemed | str:
        """Use an invite for a new person; an error code where that can't be.

        Asked again for the same person within the hour, it is the first answer.
        """
        reply = await self._broker.redeem(
            {
                "digest": digest(code),
                "user": user,
                "name": name,
                "folded": fold_name(name),
                "country": country,
                "language": language,
                "again": REDEEM_AGAIN,
            }
        )
        if "code" in reply:
            return str(reply["code"])
        return Redeemed(user, reply["room"], reply["role"], int(reply["at"]), reply["name"])

    async def invite(self, room: str, *, role: str, most: int, expires: int, label: str = "") -> str:
        """Make an invite and return its code, 128 random bits; only its digest is kept."""
        code = secrets.token_urlsafe(16)
        fields: dict[str, str | int] = {
            "room": room,
            "role": role,
            "most": most,
            "used": 0,
            "expires": expires,
            "label": label,
            "revoked": "0",
        }
        # Listed first: broken off in between there is an empty line, not an invite that nobody can revoke.
        await self._ask("SADD", INVITES, digest(code))
        await self._ask("HSET", invite_key(digest(code)), *chain.from_iterable(fields.items()))
        return code

    async def invites(self) -> list[Invite]:
        """All invites."""
        found = []
        for name in sorted(await self._ask("SMEMBERS", INVITES)):
            fields = await self._ask("HGETALL", invite_key(text(name)))
            said = {text(key): text(value) for key, value in fields.items()}
            if said:
                found.append(
                    Invite(
                        text(name),
                        said["room"],
                        said["role"],
                        said["label"],
                        int(said["used"]),
                        int(said["most"]),
                        int(said["expires"]),
                        said["revoked"] == "1",
                    )
                )
        return found

    async def revoke_invite(self, prefix: str) -> list[str]:
        """Revoke the invites whose digest begins so, and return their digests."""
        revoked = []
        for invite in await self.invites():
            if invite.digest.startswith(prefix):
                await self._ask("HSET", invite_key(invite.digest), "revoked", "1")
                revoked.append(invite.digest)
        return revoked
