import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from chat.client import Ended, new_key
from chat.protocol.commands import RESERVED
from chat.protocol.wire import Format
from chat.tokens import Key, sign
from tests.journeys.people import Stage
from tests.journeys.raw import Dial

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = "Good evening, everyone."
CRISIS = "I want to die"


async def test_tokens_that_prove_nothing(stage: Stage, dial: Dial) -> None:
    """Forged, expired, of another server, cut short, or no token at all: refused, and told to stay away."""
    good = stage.server.token("participant", "Ana Nym")
    head, body, tail = good.split(".")
    grants = {"*": "admin"}
    other = sign(Key(b"k" * 32), user="u_eve", name="Eve", grants=grants, ttl=60)
    unsigned = "eyJhbGciOiJub25lIn0." + body + "."
    for token in (
        stage.server.token("admin", "Ana Nym", ttl=-60),
        other,
        f"{head}.{body}.{tail[:-4]}AAAA",
        f"{head}.{other.split('.')[1]}.{tail}",
        unsigned,
        good[:-10],
        "a-code-that-nobody-made",
        "..",
        "x" * 8000,
    ):
        raw = await dial()
        answer = await raw.ask({"type": "hello", "id": 1, "token": token, "name": "Eve Nym"})
        assert (answer["type"], answer["id"], answer["code"]) == ("error", 1, "unauthenticated"), token
        assert await raw.close_code() == 4501


async def test_nothing_before_hello(stage: Stage, dial: Dial) -> None:
    ana = await stage.person("Ana")
    post = {"type": "post", "room": stage.room, "key": "k", "text": PLAIN}
    for frame in ({"type": "ping"}, {"type": "join", "room": stage.room}, post):
        raw = await dial()
        answer = await raw.ask({**frame, "id": 1})
        assert (answer["type"], answer["id"], answer["code"]) == ("error", 1, "unauthenticated")
    assert ana.view.head == 0


async def test_three_frames_that_do_not_decode(stage: Stage, dial: Dial) -> None:
    """Each is answered; the third in a row ends the connection. A good one in between starts anew."""
    raw = await dial()
    await raw.ask({"type": "hello", "token": stage.server.token("participant", "Trash Nym")})
    for _ in range(2):
        assert (await raw.ask([1, 2]))["code"] == "bad_request"
        assert (await raw.ask({"no": "type"}))["code"] == "bad_request"
        assert (await raw.ask({"type": "ping", "id": 7}))["type"] == "pong"
    for value in (3, {"type": 5}, "ping"):
        assert (await raw.ask(value))["code"] == "bad_request"
    assert await raw.close_code() == 4500


async def test_wrong_fields_and_unknown_types_never_close(stage: Stage, dial: Dial) -> None:
    raw = await dial()
    await raw.ask({"type": "hello", "token": stage.server.token("participant", "Field Nym")})
    frames: list[dict[str, Any]] = [
        {"type": "no_such_command"},
        {"type": "join"},
        {"type": "join", "room": 5},
        {"type": "post", "room": stage.room, "text": PLAIN},
        {"type": "history", "room": stage.room, "before": -1, "limit": 5},
        {"type": "react", "room": stage.room, "seq": 0, "reaction": "🌱", "on": True},
        {"type": "profile", "country": "Ireland"},
        {"type": "hello", "token": "again"},
    ]
    for number, frame in enumerate(frames):
        answer = await raw.ask({**frame, "id": number})
        assert (answer["type"], answer["id"], answer["code"]) == ("error", number, "bad_request"), frame
    assert (await raw.ask({"type": "ping", "id": "still here"}))["id"] == "still here"


async def test_reserved_commands_are_known_and_not_built(stage: Stage) -> None:
    ada = await stage.person("Ada", "admin")
    for command in sorted(RESERVED):
        refused = await ada.refused("bad_request", command)
        assert "not available yet" in refused["text"]


async def test_other_origins_are_refused_at_the_door(stage: Stage, dial: Dial) -> None:
    """A foreign page gets no socket; the same origin, and no origin at all, do."""
    for origin in ("https://evil.example", "http://127.0.0.1:1", "null"):
        with pytest.raises(InvalidStatus) as refused:
            await dial(origin=Origin(origin))
        assert refused.value.response.status_code == 403
    raw = await dial(origin=Origin(stage.server.page.rstrip("/")))
    assert (await raw.ask({"type": "ping"}))["code"] == "unauthenticated"


async def test_only_known_subprotocols(stage: Stage) -> None:
    """None offered is JSON; the server's preference wins; only unknown ones are refused at the handshake."""
    with pytest.raises(InvalidStatus):
        await connect(stage.server.url, subprotocols=[Subprotocol("hearth.v9.xml")])
    both = [Subprotocol("hearth.v1.json"), Subprotocol("hearth.v1.msgpack")]
    async with connect(stage.server.url, subprotocols=both) as wire:
        assert wire.subprotocol == "hearth.v1.msgpack"
    async with connect(stage.server.url) as wire:
        assert wire.subprotocol is None
        await wire.send(json.dumps({"type": "ping", "id": 1}))
        assert json.loads(await wire.recv())["id"] == 1


async def test_too_long_a_text(stage: Stage) -> None:
    """4,000 characters are delivered, one more is refused; a crisis in it is cared for all the same."""
    fay, ana = await stage.person("Fay", "facilitator"), await stage.person("Ana")
    await fay.ask("watch", rooms=[stage.room], room=None)
    fits = ("The rain went on and the river rose by night. " * 100)[:4000]
    assert len(fits) == 4000
    assert (await ana.say(fits))["verdict"] == "delivered"
    await ana.refused("too_long", "post", text=fits + ".", key=new_key())
    text = CRISIS + ". " + fits
    refused = await ana.refused("too_long", "post", text=text, key=new_key())
    assert refused["support"]["helplines"]
    flag = await fay.hears("flag", verdict="refused")
    assert flag["author"]["id"] == ana.id
    assert "seq" not in flag


async def test_a_frame_that_is_too_big_ends_its_connection_alone(stage: Stage, dial: Dial) -> None:
    ana = await stage.person("Ana")
    raw = await dial()
    await raw.wire.send(b"x" * 70_000 if raw.form is Format.MSGPACK else "x" * 70_000)
    assert await raw.close_code() == 1009
    assert (await ana.say(PLAIN))["verdict"] == "delivered"


async def test_seqs_that_are_not_this_rooms(stage: Stage) -> None:
    """A message of another room, or of none, is not found by any command that names one."""
    ana, mo = await stage.person("Ana"), await stage.person("Mo", "moderator")
    await ana.say(PLAIN)
    for seq in (2, 999_999, 2**53 - 1):
        await ana.refused("not_found", "edit", seq=seq, text="Mine?")
        await ana.refused("not_found", "retract", seq=seq)
        await ana.refused("not_found", "react", seq=seq, reaction="🌱", on=True)
        await ana.refused("not_found", "report", seq=seq, reason="Who?")
        await ana.refused("not_found", "post", text="To what?", reply_to=seq, key=new_key())
        for command, fields in {"pin": {}, "unpin": {}, "warn": {"warning": "Loss"}}.items():
            await mo.refused("not_found", command, seq=seq, **fields)
    await ana.refused("not_found", "retract", key="no-such-key")
    await ana.refused("not_found", "post", text="For what?", replaces="no-such-key", key=new_key())
    assert ana.view.head == 1


async def test_too_fast(stage: Stage) -> None:
    """A burst, then a rate; a refused post costs nothing and says how long to wait."""
    stage.room = "open-circle"
    ana = await stage.person("Ana")
    texts = ["The kettle sings.", "A bird came by.", "Leaves fall.", "Tea is ready.", "Dusk.", "Lamps go on."]
    for text in texts[:5]:
        assert (await ana.say(text))["verdict"] == "delivered"
    refused = await ana.refused("rate_limited", "post", text=texts[5], key=new_key())
    assert 0 < refused["retry_after"] <= 1
    cared = await ana.refused("rate_limited", "post", text=CRISIS, key=new_key())
    assert cared["support"]["helplines"]
    await ana.client.leave("open-circle")


async def test_what_is_not_a_socket(stage: Stage) -> None:
    """The page and the probes; nothing else, and no token in an address."""
    assert (await stage.server.get("/healthz"))[0] == 200
    assert (await stage.server.get("/readyz"))[0] == 200
    assert (await stage.server.get("/"))[0] == 200
    assert (await stage.server.get("/metrics"))[0] == 200
    for path in ("/nothing", "/../etc/passwd", "/ws/../x", "/chat/settings.py"):
        assert (await stage.server.get(path))[0] in {400, 404}, path


async def test_an_expired_token_ends_for_good(stage: Stage) -> None:
    with pytest.raises(Ended) as ended:
        await stage.connect(stage.server.token("participant", "Late Nym", ttl=-1))
    assert ended.value.code == 4501
    assert ended.value.refused is not None
    assert ended.value.refused.code == "unauthenticated"


async def test_review_of_what_cannot_be_reviewed(stage: Stage) -> None:
    """Unknown, decided, another room's, not claimed, a note too long, beyond one's role: said, and nothing done."""
    mo, fay, ana = [
        await stage.person(name, role)
        for name, role in (("Mo", "moderator"), ("Fay", "facilitator"), ("Ana", "participant"))
    ]
    await mo.ask("set_room", hold="all")
    flag = (await ana.say("Good evening."))["flag"]
    decision = {"action": "approve", "note": "n", "room": None}
    await mo.refused("not_found", "decide", flag=f"f_none.{stage.room}", **decision)
    await mo.refused("conflict", "decide", flag=flag, **decision)
    await fay.refused("forbidden", "decide", flag=flag, **decision)
    await mo.ask("claim", flag=flag, room=None)
    await mo.refused("too_long", "decide", flag=flag, action="approve", note="n" * 501, room=None)
    await mo.refused("bad_request", "decide", flag=flag, action="praise", note="n", room=None)
    await mo.refused("bad_request", "decide", flag=flag, action="dismiss", note="n", room=None)
    await mo.ask("decide", flag=flag, **decision)
    for command in ("claim", "decide", "note"):
        more = (
            decision
            if command == "decide"
            else {"room": None, **({"text": "t"} if command == "note" else {})}
        )
        await mo.refused("conflict", command, flag=flag, **more)
    out = await stage.visitor("Otto", "moderator", "open-circle")
    for command, fields in (
        ("evidence", {"purpose": "p"}),
        ("note", {"text": "t"}),
        ("appeal", {"text": "t"}),
    ):
        await out.refused("not_found", command, flag=flag, room=None, **fields)
    await mo.refused("bad_request", "evidence", flag=flag, purpose=" ", room=None)
    await ana.refused("conflict", "appeal", flag=flag, text="It was approved.", room=None)
