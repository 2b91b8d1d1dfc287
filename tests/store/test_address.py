"""The store's address and how it is spoken to."""

import pytest

from chat.store.address import StoreRefused, connect, parse


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://127.0.0.1", "redis://127.0.0.1:6379/0"),
        ("redis://user:secret@host:7000/3", "redis://host:7000/3"),
        ("rediss://[::1]:6380/0?ssl_ca_certs=/ca.pem", "rediss://[::1]:6380/0"),
        ("unix:///run/valkey.sock?db=2", "unix:///run/valkey.sock"),
    ],
)
def test_a_usable_address_is_shown_without_its_password(url: str, shown: str) -> None:
    address = parse(url)
    assert str(address) == shown
    assert "secret" not in repr(address)
    assert address.url == url
    connect(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+sentinel://host/primary", "not available yet"),
        ("redis+cluster://host", "not available yet"),
        ("http://host", "must begin with redis://"),
        ("host:6379", "must begin with redis://"),
        ("", "must begin with redis://"),
        ("redis://", "names no host"),
        ("unix://", "names no socket"),
        ("redis://host:port", "does not parse"),
        ("redis://host:99999", "does not parse"),
        ("redis://host/name", "number of a database"),
        ("redis://host?socket_timeout=0", "may not set socket_timeout"),
        ("redis://host?retry_on_timeout=yes", "may not set retry_on_timeout"),
    ],
)
def test_an_address_that_can_not_be_used_is_refused_with_what_to_write(url: str, why: str) -> None:
    with pytest.raises(StoreRefused, match=why):
        parse(url)


def test_no_refusal_shows_a_password() -> None:
    for url in (
        "redis://:secret@host/x",
        "http://:secret@host",
        "redis://:secret@host:x",
        "redis://:secret@h?db=x",
    ):
        with pytest.raises(StoreRefused) as caught:
            connect(url)
        assert "secret" not in str(caught.value)


def test_every_call_has_an_end_and_is_made_once() -> None:
    settings = connect("redis://host", timeout=3).connection_pool.connection_kwargs
    assert settings["socket_timeout"] == 3
    assert settings["socket_connect_timeout"] == 2
    assert settings["protocol"] == 3
    assert settings["retry"]._retries == 0
