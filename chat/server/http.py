"""Plain HTTP on the same port: the page's files, health, readiness, metrics.

GET and HEAD, from an allow-list of paths.
"""

from __future__ import annotations

import ipaddress
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from chat.node.node import Node

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws: wss:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
)
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page."""

    body: bytes
    kind: str


def load_page() -> Mapping[str, File]:
    """All files of the page by path; nothing else of the disk can be asked for."""
    page = {}
    for entry in (files("chat") / "web").iterdir():
        suffix = "." + entry.name.rpartition(".")[2]
        if entry.is_file() and suffix in _TYPES:
            kind = _TYPES[suffix] or mimetypes.guess_type(entry.name)[0]
            page[f"/{entry.name}"] = File(entry.read_bytes(), f"{kind}; charset=utf-8")
    if "/index.html" in page:
        page["/"] = page.pop("/index.html")
    return page


def respond(
    status: int,
    reason: str,
    body: bytes | str,
    kind: str = "text/plain; charset=utf-8",
    *,
    is_head: bool = False,
) -> Response:
    """A response; to HEAD it has no body."""
    data = body.encode() if isinstance(body, str) else body
    headers = Headers(
        [("Content-Type", kind), ("Content-Length", str(len(data))), ("Connection", "close"), *_ALWAYS]
    )
    if kind.startswith("text/html"):
        headers["Content-Security-Policy"] = _POLICY
    return Response(status, reason, headers, b"" if is_head else data)


def refuse_method(request: Request) -> Response | None:
    """An answer to whatever is neither GET nor HEAD."""
    if request.method in ("GET", "HEAD"):
        return None
    response = respond(405, "Method Not Allowed", "Only GET and HEAD are answered here.\n")
    response.headers["Allow"] = "GET, HEAD"
    return response


async def answer(node: Node, page: Mapping[str, File], request: Request, peer: str) -> Response:
    """Answer whatever is not the WebSocket."""
    path = request.path.partition("?")[0]
    is_head = request.method == "HEAD"
    if path == "/healthz":
        return respond(200, "OK", "alive\n", is_head=is_head)
    if path == "/readyz":
        if await node.ready():
            return respond(200, "OK", "ready\n", is_head=is_head)
        return respond(503, "Service Unavailable", "not ready\n", is_head=is_head)
    if path == "/metrics":
        if not (node.settings.metrics_public or is_loopback(peer)):
            return respond(
                403, "Forbidden", "Metrics are for this machine alone (metrics_public).\n", is_head=is_head
            )
        return respond(200, "OK", metrics(node), "text/plain; version=0.0.4; charset=utf-8", is_head=is_head)
    if path in page:
        return respond(200, "OK", page[path].body, page[path].kind, is_head=is_head)
    return respond(404, "Not Found", "There is nothing here.\n", is_head=is_head)


def is_loopback(peer: str) -> bool:
    """Whether an address is of this machine."""
    try:
        return ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return peer == ""


def metrics(node: Node) -> str:
    """Counts in Prometheus' text form; no room, user or name stands in them, labels are severities and rules."""
    hub = node.hub
    gauges = {
        "hearth_connections": (len(hub.sessions), "Open connections."),
        "hearth_people": (len(hub.by_user), "People connected to this node."),
        "hearth_rooms": (len(hub.rooms), "Rooms open on this node."),
        "hearth_ready": (
            int(node.broker.is_healthy and not node.is_draining),
            "Whether this node may be sent people.",
        ),
    }
    counts = {
        f"hearth_{field.name}_total": (getattr(node.counts, field.name), _MEANINGS[field.name])
        for field in fields(node.counts)
    }
    counts["hearth_slow_readers_cut_total"] = (hub.cut, "Connections cut because they did not read.")
    lines = []
    for kind, values in (("gauge", gauges), ("counter", counts)):
        for name, (value, meaning) in values.items():
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", f"{name} {value}"]
    for name, kind, meaning, labelled in node.numbers.lines():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        lines += [
            f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"
            for labels, value in labelled.items()
        ]
    return "\n".join(lines) + "\n"


_MEANINGS = {
    "commands": "Frames that arrived.",
    "errors": "Commands answered with an error.",
    "posts": "Posts that arrived.",
    "delivered": "Texts delivered.",
    "held": "Texts held for a person.",
    "blocked": "Texts blocked by a room's rule.",
    "refused": "Texts refused: muted, locked, too fast.",
    "flags": "Flags heard of.",
    "support": "Support cards given.",
    "pipeline_failed": "Texts held because the pipeline failed.",
    "bad_frames": "Frames that did not decode.",
    "judging_seconds": "Seconds spent judging texts.",
}
