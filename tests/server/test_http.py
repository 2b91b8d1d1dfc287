"""One port: the page's files and three addresses by plain HTTP, and handshakes of known origins."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from chat.assembly import Content
from chat.server.http import is_loopback, load_page
from tests.server.served import ROOM, Served, say, served

pytestmark = pytest.mark.asyncio

PAGE = load_page()
UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(store: str, content: Content, keys_folder: Path) -> AsyncIterator[Served]:
    async with served(store, content, keys_folder, origins=["https://www.example.org"]) as made:
        yield made


# ── files ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", sorted(PAGE))
async def test_the_pages_files_are_served(site: Served, path: str) -> None:
    status, headers, body = await site.ask("GET", path)
    assert (status, body) == (200, PAGE[path].body)
    assert headers["content-type"] == PAGE[path].kind
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert "set-cookie" not in headers


async def test_the_page_may_load_and_run_nothing_of_others(site: Served) -> None:
    _, headers, body = await site.ask("GET", "/?x=1")
    said = headers["content-security-policy"]
    policy = dict(part.strip().split(" ", 1) for part in said.split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert "unsafe" not in said
    assert b"<script>" not in body
    assert b" style=" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/index.html/", "/../settings.py", "/%2e%2e/settings.py", "//etc/passwd", "/web/main.js", "/ws/",
        "/wss", "/metrics/", "/healthz/x", "/.git/config", "/main.js%00", "/MAIN.JS", "*", "/" + "x" * 4_000,
    ],
)  # fmt: skip
async def test_there_is_nothing_else(site: Served, path: str) -> None:
    status, headers, body = await site.ask("GET", path)
    assert status in (400, 404)
    assert b"passwd" not in body
    assert headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/main.js", "/none"])
async def test_head_is_get_without_the_body(site: Served, path: str) -> None:
    status, headers, _ = await site.ask("GET", path)
    bare_status, bare, body = await site.ask("HEAD", path)
    assert (bare_status, body) == (status, b"")
    assert bare["content-type"] == headers["content-type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/ws"])
async def test_no_other_method_is_answered(site: Served, method: str, path: str) -> None:
    status, _, body = await site.ask(method, path)
    assert status in (400, 405)
    assert PAGE["/"].body not in body


async def test_a_handshake_is_a_get(site: Served) -> None:
    assert (await site.ask("POST", "/ws", *UPGRADE))[0] in (400, 405)
    assert (await site.ask("HEAD", "/ws", *UPGRADE))[0] in (400, 426)


# ── health, readiness, metrics ───────────────────────────────────────────────────────────────────


async def test_alive_and_ready(site: Served) -> None:
    assert (await site.ask("GET", "/healthz"))[0] == 200
    assert (await site.ask("GET", "/readyz"))[0] == 200


async def test_a_draining_node_is_alive_and_not_ready(site: Served) -> None:
    site.node.is_draining = True
    try:
        assert (await site.ask("GET", "/readyz"))[0] == 503
        assert (await site.ask("GET", "/healthz"))[0] == 200
        with pytest.raises(InvalidStatus) as refused:
            async with site.connected():
                pass
        assert refused.value.response.status_code == 503
    finally:
        site.node.is_draining = False


async def test_metrics_are_numbers_without_names(site: Served) -> None:
    async with site.connected() as connection:
        assert (await say(connection, type="hello", token=site.token(user="u_told")))["type"] == "welcome"
        assert (await say(connection, type="join", room=ROOM))["type"] == "joined"
        assert (await say(connection, type="post", room=ROOM, key="k", text="hello"))["type"] == "posted"
        status, headers, body = await site.ask("GET", "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = body.decode().splitlines()
    samples = dict(line.split(" ") for line in lines if not line.startswith("#"))
    assert all(float(value) >= 0 for value in samples.values())
    assert not any("{" in name for name in samples)
    assert samples["hearth_connections"] == "1"
    assert int(samples["hearth_delivered_total"]) >= 1
    told = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert told >= samples.keys()
    # These have a sample for each severity or rule once there was one.
    labelled = ("hearth_review_seconds", "hearth_review_steps_total", "hearth_rule_decided_total")
    assert told - samples.keys() == {*labelled, "hearth_rule_overturned_total"}
    assert not any(word in body.decode() for word in (ROOM, "u_told", "hello"))


async def test_metrics_are_for_this_machine(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.app, "_peer", lambda *_: "203.0.113.9")
    assert (await site.ask("GET", "/metrics"))[0] == 403
    assert (await site.ask("GET", "/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("peer", "is_ours"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("", True),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("x", False),
    ],
)
async def test_which_addresses_are_of_this_machine(peer: str, is_ours: bool) -> None:
    assert is_loopback(peer) is is_ours


async def test_a_trusted_proxys_word_counts_and_nobody_elses(
    store: str, content: Content, keys_folder: Path
) -> None:
    forwarded = "X-Forwarded-For: 127.0.0.1, 203.0.113.9"
    async with served(store, content, keys_folder, trusted_proxies=["127.0.0.0/8"]) as behind:
        assert (await behind.ask("GET", "/metrics", forwarded))[0] == 403
        assert (await behind.ask("GET", "/metrics", "X-Forwarded-For: 203.0.113.9", forwarded))[0] == 403
    async with served(store, content, keys_folder) as bare:
        assert (await bare.ask("GET", "/metrics", forwarded))[0] == 200


# ── handshakes ───────────────────────────────────────────────────────────────────────────────────


async def test_the_socket_is_no_page(site: Served) -> None:
    assert (await site.ask("GET", "/ws"))[0] == 426


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://www.example.org.evil", "http://127.0.0.1"]
)
async def test_a_page_from_elsewhere_may_not_connect(site: Served, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with site.connected(origin=Origin(origin)):
            pass
    assert refused.value.response.status_code == 403


async def test_our_own_page_a_named_one_and_no_page_may_connect(site: Served) -> None:
    for origin in (f"http://127.0.0.1:{site.port}", "https://www.example.org", None):
        async with site.connected(origin=Origin(origin) if origin else None) as connection:
            assert (await say(connection, type="ping"))["code"] == "unauthenticated"


async def test_two_origins_are_none(site: Served) -> None:
    own = f"Origin: http://127.0.0.1:{site.port}"
    assert (await site.ask("GET", "/ws", *UPGRADE, own, own))[0] in (400, 403)


async def test_only_our_subprotocols_are_spoken(site: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with site.connected("hearth.v9.json"):
            pass
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize("form", [None, "hearth.v1.json"])
async def test_json_in_text_frames_and_where_nothing_is_offered(site: Served, form: str | None) -> None:
    async with site.connected(form) as connection:
        assert connection.subprotocol == form
        await connection.send(json.dumps({"type": "hello", "id": 1, "token": site.token()}))
        answer = await connection.recv()
        assert isinstance(answer, str)
        assert msgspec.json.decode(answer)["type"] == "welcome"


async def test_msgpack_in_binary_frames(site: Served) -> None:
    async with site.connected("hearth.v1.msgpack") as connection:
        assert connection.subprotocol == "hearth.v1.msgpack"
        await connection.send(msgspec.msgpack.encode({"type": "hello", "id": 1, "token": site.token()}))
        answer = await connection.recv()
        assert isinstance(answer, bytes)
        assert msgspec.msgpack.decode(answer)["type"] == "welcome"


async def test_of_several_offers_ours_is_taken_by_our_order(site: Served) -> None:
    offers = "Sec-WebSocket-Protocol: other, hearth.v1.json, hearth.v1.msgpack"
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write("\r\n".join(("GET /ws HTTP/1.1", "Host: x", *UPGRADE, offers, "", "")).encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b"101" in answer.split(b"\r\n")[0]
    assert b"Sec-WebSocket-Protocol: hearth.v1.msgpack" in answer
    writer.close()
    await writer.wait_closed()


async def test_a_store_that_refuses_writes_is_not_ready(site: Served, client: Redis) -> None:
    await client.config_set("min-replicas-to-write", 1)
    try:
        assert (await site.ask("GET", "/readyz"))[0] == 503
    finally:
        await client.config_set("min-replicas-to-write", 0)
    assert (await site.ask("GET", "/readyz"))[0] == 200
