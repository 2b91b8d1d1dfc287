"""Who somebody is, signed: the node's key, the tokens made with it and what they say."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from chat.config import ConfigError
from chat.protocol.fields import MAX_INT, Role

ALGORITHM: Final = "HS256"
"""The one algorithm, fixed here: a token's own header never chooses."""
EVERYWHERE: Final = "*"
KEY_FILE: Final = "token.key"
KEY_BYTES: Final = 32
TOKEN_SIZE: Final = 4_096
"""Longest token that is looked at, in characters."""

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class TokenError(ValueError):
    """A token that proves nothing. Says which check failed, never what the token held."""


@dataclass(frozen=True, slots=True)
class Key:
    """The secret that tokens are signed with."""

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What nodes on one store compare: tells two keys apart and gives neither away."""
        return hashlib.sha256(b"hearth token key\0" + self.secret).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says. Times are milliseconds since the Unix epoch."""

    user: str
    name: str = field(repr=False)
    grants: Mapping[str, Role]
    """The role in each named room, or in all of them under `*`."""
    issued_at: int
    expires: int


def new_user() -> str:
    """An id for somebody new: random, so that it says nothing about them."""
    return "u_" + secrets.token_urlsafe(12)


def is_user(user: str) -> bool:
    """Whether `user` can be an id: what store keys, logs and frames carry without quoting."""
    return _USER.fullmatch(user) is not None


def load_key(data: Path, file: Path | None = None) -> Key:
    """Read the key in `data`, made on first use; or the one in `file`, which must be there."""
    if file is not None:
        return _read_key(file)
    path = data / KEY_FILE
    if not path.exists():
        _make_key(path)
    return _read_key(path)


def _read_key(path: Path) -> Key:
    try:
        secret = base64.urlsafe_b64decode(path.read_bytes().strip())
    except OSError as error:
        raise ConfigError([f"{path}: the token key cannot be read ({type(error).__name__})"]) from None
    except ValueError:
        secret = b""
    if len(secret) < KEY_BYTES:
        raise ConfigError(
            [f"{path}: this is no token key; move it away and a new one is made (links end then)"]
        )
    return Key(secret)


def _make_key(path: Path) -> None:
    """Write a new key whole, readable by its owner alone. Where two start at once, the first stays."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, written = tempfile.mkstemp(prefix=".key-", dir=path.parent)
    except OSError as error:
        raise ConfigError([f"{path}: the token key cannot be made ({type(error).__name__})"]) from None
    try:
        with os.fdopen(descriptor, "wb") as draft:
            draft.write(base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            draft.flush()
            os.fsync(draft.fileno())
        # A link, not a rename: it fails where another process was first, and that key is in use already.
        os.link(written, path)
    except FileExistsError:
        return
    finally:
        Path(written).unlink()


def sign(
    key: Key, *, user: str, name: str, grants: Mapping[str, str], ttl: float, now: int | None = None
) -> str:
    """A token for `user` that ends `ttl` seconds after `now` (milliseconds; else the clock's)."""
    issued = time.time_ns() // 1_000_000 if now is None else now
    expires = issued + round(ttl * 1000)
    claims = {
        "sub": user,
        "name": name,
        "grants": {room: Role(role).value for room, role in grants.items()},
        "iat": issued // 1000,
        "exp": -(-expires // 1000),
        # The registered times are in seconds; a grant made in the same second as a token is older or newer.
        "issued_at": issued,
        "expires": expires,
    }
    return jwt.encode({"alg": ALGORITHM}, claims, _key(key), algorithms=[ALGORITHM])


def verify(key: Key, token: str, now: int) -> Claims:
    """What `token` says, if `key` signed it and it has not ended at `now` (milliseconds)."""
    if len(token) > TOKEN_SIZE:
        raise TokenError("too long")
    try:
        claims = jwt.decode(token, _key(key), algorithms=[ALGORITHM], registry=_REGISTRY).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise TokenError(f"not signed here ({type(error).__name__})") from None
    found = _claims(claims)
    if found.expires <= now:
        raise TokenError("expired")
    return found


_REGISTRY: Final = jws.JWSRegistry(algorithms=[ALGORITHM])


def _key(key: Key) -> OctKey:
    return OctKey.import_key(key.secret)


def _claims(claims: Mapping[str, Any]) -> Claims:
    """The claims in their types; a signed token that lacks one was made by something else with this key."""
    try:
        user, name, grants = claims["sub"], claims["name"], claims["grants"]
        issued, expires = claims["issued_at"], claims["expires"]
        roles = {room: Role(role) for room, role in grants.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise TokenError("incomplete") from None
    times = all(type(at) is int and 0 <= at <= MAX_INT for at in (issued, expires))
    if not (isinstance(user, str) and is_user(user) and isinstance(name, str) and times):
        raise TokenError("incomplete")
    return Claims(user, name, roles, issued, expires)
