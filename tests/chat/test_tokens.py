"""A token proves who somebody is, to this key alone and until it ends."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from chat.config import ConfigError
from chat.protocol.fields import Role
from chat.tokens import KEY_FILE, Key, TokenError, is_user, load_key, new_user, sign, verify

KEY = Key(bytes(range(32)))
NOW = 1_795_000_000_123


def token(key: Key = KEY, ttl: float = 60) -> str:
    grants = {"open-circle": "facilitator", "*": "participant"}
    return sign(key, user="u_abc", name="Blue Heron", grants=grants, ttl=ttl, now=NOW)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def forged(header: dict[str, object], claims: dict[str, object], signature: str = "") -> str:
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    )
    return ".".join((*parts, signature))


def test_what_was_signed_is_read_back() -> None:
    """Grants by room, and the moment of issue to the millisecond."""
    claims = verify(KEY, token(), NOW)
    assert (claims.user, claims.name) == ("u_abc", "Blue Heron")
    assert claims.grants == {"open-circle": Role.FACILITATOR, "*": Role.PARTICIPANT}
    assert (claims.issued_at, claims.expires) == (NOW, NOW + 60_000)
    assert "Blue Heron" not in repr(claims)


def test_a_token_ends() -> None:
    verify(KEY, token(), NOW + 59_999)
    with pytest.raises(TokenError, match="expired"):
        verify(KEY, token(), NOW + 60_000)
    with pytest.raises(TokenError, match="expired"):
        verify(KEY, token(ttl=0), NOW)


def test_another_key_proves_nothing() -> None:
    with pytest.raises(TokenError, match="not signed here"):
        verify(Key(bytes(32)), token(), NOW)


def test_the_header_does_not_choose_the_algorithm() -> None:
    """Neither none nor another HMAC passes, even with the right key."""
    claims = {"sub": "u_abc", "name": "N", "grants": {"*": "admin"}, "issued_at": NOW, "expires": NOW + 1}
    other = jwt.encode({"alg": "HS384"}, claims, OctKey.import_key(KEY.secret), algorithms=["HS384"])
    for attempt in (other, forged({"alg": "none"}, claims), forged({"alg": "HS256"}, claims, "AAAA")):
        with pytest.raises(TokenError):
            verify(KEY, attempt, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"sub": None}, {"sub": "a{b"}, {"sub": 3}, {"name": None}, {"grants": []}, {"grants": {"*": "owner"}},
        {"grants": {"*": []}}, {"issued_at": "1"}, {"issued_at": True}, {"expires": 1.5}, {"expires": 2**60},
    ],
)  # fmt: skip
def test_signed_but_not_a_sign_in(change: dict[str, object]) -> None:
    claims = {"sub": "u_abc", "name": "N", "grants": {}, "issued_at": NOW, "expires": NOW + 1, **change}
    signed = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(KEY.secret), algorithms=["HS256"])
    with pytest.raises(TokenError, match="incomplete"):
        verify(KEY, signed, NOW)


@given(st.text() | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(TokenError):
        verify(KEY, text, NOW)


def test_hostile_tokens_are_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 2_000).decode().rstrip("=")
    for attempt in (
        "a" * 100_000,
        f"{deep}.{deep}.AA",
        token() + "A",
        token()[:-2],
        "",
        "..",
        token() + "\n",
    ):
        with pytest.raises(TokenError):
            verify(KEY, attempt, NOW)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    key = load_key(data)
    assert load_key(data) == key
    assert stat.S_IMODE((data / KEY_FILE).stat().st_mode) == 0o600
    assert names(data) == [KEY_FILE]
    assert len(key.secret) == 32


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    ready = Barrier(8)

    def start(_: int) -> Key:
        ready.wait()
        return load_key(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1
    assert names(tmp_path) == [KEY_FILE]


def test_a_named_key_file_is_used_and_never_made(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    assert load_key(tmp_path / "elsewhere", tmp_path / KEY_FILE) == key
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_key(tmp_path, tmp_path / "missing")


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 50])
def test_a_broken_key_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    """It is never replaced by itself: every link in use hangs on it."""
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=KEY_FILE):
        load_key(tmp_path)
    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_fingerprints_tell_keys_apart_and_give_nothing_away() -> None:
    assert KEY.fingerprint != Key(bytes(32)).fingerprint
    assert KEY.secret.hex()[:16] not in KEY.fingerprint
    assert repr(KEY) == "Key()"


def test_user_ids() -> None:
    assert all(is_user(new_user()) for _ in range(200))
    assert new_user() != new_user()
    assert not any(is_user(user) for user in ("", "a b", "a:b", "{a}", "-a", "a" * 65, "é", "a\n"))
