"""The scenarios of the protocol, told to bare JSON and msgpack clients side by side.

One evening in one room, act by act; at its end every command was sent, every code met and every event heard.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from chat.client import new_key
from chat.node.route import LATER
from chat.protocol.errors import ErrorCode
from chat.protocol.events import EVENTS
from chat.protocol.wire import Format
from chat.tokens import new_user
from tests.journeys.cast import Peer, Tried, arrive
from tests.serving import SOON, Serving, new_name, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = "Good evening, everyone."
CRISIS = "I want to die"
TRADE = "buy xanax from me"


TABLE = (
    "hello profile join leave post edit retract react history report help hand whisper typing mute unmute "
    "remove readmit pin unpin warn card aside set_room watch attend claim unclaim decide ban unban appeal "
    "audit ping"
)
"""What version 1 of the protocol began with; what came later has tests of its own."""


@dataclass
class Evening:
    """Who is there: each second one speaks the other format."""

    server: Serving
    room: str
    tried: Tried
    forms: tuple[Format, Format]
    people: list[Peer]

    async def comes(self, role: str = "", *rooms: str, **hello: Any) -> Peer:
        """Somebody new, with a token for a role, or with what `hello` says."""
        form = self.forms[len(self.people) % 2]
        if role:
            user = hello.pop("user", "") or new_user()
            name = hello.pop("name", "") or new_name(role.title()[:3] + "y")
            hello["token"] = self.server.token(role, name, *rooms, user=user)
        peer = await arrive(self.server.url, form, self.tried, self.room, **hello)
        self.people.append(peer)
        return peer


@pytest_asyncio.fixture(
    params=[(Format.JSON, Format.MSGPACK), (Format.MSGPACK, Format.JSON)], ids=["json-first", "msgpack-first"]
)
async def evening(
    request: pytest.FixtureRequest, server: Serving, rooms: Iterator[int]
) -> AsyncIterator[Evening]:
    here = Evening(server, f"journey-{next(rooms)}", Tried(), request.param, [])
    yield here
    for peer in here.people:
        await peer.leave()


async def test_an_evening_by_the_protocol(evening: Evening) -> None:
    """Every command of the table, every code, every event, in both formats at once."""
    for act in (
        comes_in,
        talks,
        looks_back,
        is_refused,
        is_guided,
        is_reviewed,
        is_shut_out,
        is_not_there_yet,
    ):
        await act(evening)
    assert evening.tried.commands >= {*TABLE.split()} | LATER
    assert evening.tried.codes == {str(code) for code in ErrorCode} - {"unavailable"}
    assert evening.tried.events >= EVENTS.keys() - {"draining"}


async def comes_in(here: Evening) -> None:
    """Nothing before hello; a token, an invite and its name; the agreement; a full room; a second hello."""
    stranger = await here.comes()
    await stranger.refused("unauthenticated", "join")
    await stranger.refused("unauthenticated", "hello", token="a.b.c")
    assert await stranger.ends() == 4501
    ana = await here.comes("participant", here.room, country="ie", language="en-IE", client="bare")
    await ana.refused("bad_request", "hello", token="again")
    code = (await here.server.hearth("invite", here.room)).rpartition("=")[2]
    name = new_name("Heron")
    guest = await here.comes(token=code, name=name)
    for taken in (name.upper(), "Moderator"):
        other = await here.comes()
        await other.refused("conflict", "hello", token=code, name=taken)
    await guest.refused("not_found", "join", room="evening-circle")
    await guest.refused("not_found", "join", room="nowhere")
    await guest.ask("profile", name=new_name("Egret"), country="GB", language="en", hidden=[ana.id])
    await guest.refused("conflict", "profile", name="Moderator")

    ben = await here.comes("participant")
    asked = await ben.refused("agreement_required", "join", room="evening-circle")
    assert set(asked["agreement"]) == {"version", "text"}
    await ben.ask("join", room="evening-circle", agree=asked["agreement"]["version"])
    await ben.ask("leave", room="evening-circle")
    await ben.ask("join", room="small")
    third = await here.comes("participant")
    await third.refused("room_full", "join", room="small")
    burst = await asyncio.gather(
        *(ben.send("post", room="small", key=new_key(), text=f"Part {part} of it.") for part in range(20))
    )
    waits = [answer["retry_after"] for answer in burst if answer.get("code") == "rate_limited"]
    assert waits, "twenty at once are more than five and one a second"
    assert 0 < max(waits) <= 1
    here.tried.codes.add("rate_limited")
    await ben.ask("leave", room="small")


async def talks(here: Evening) -> None:
    """Join, post, edit, react, reply, whisper, take back; the same bytes for every member."""
    ana, ben = await here.comes("participant", here.room), await here.comes("participant", here.room)
    fay = await here.comes("facilitator", here.room)
    await ana.refused("not_joined", "post", key=new_key(), text=PLAIN)
    for peer in (ana, ben, fay):
        joined = await peer.ask("join")
        assert (joined["recovered"], joined["why"]) == (False, "none")
    key = new_key()
    posted = await ana.ask("post", key=key, text=PLAIN)
    assert (posted["key"], posted["verdict"], posted["seq"]) == (key, "delivered", 1)
    assert (await ana.ask("post", key=key, text="Something else."))["seq"] == 1
    await ben.ask("post", key=new_key(), text="Welcome.", reply_to=1, warning="greetings")
    edited = await ana.ask("edit", seq=1, text="Good evening to all.", key=new_key())
    assert (edited["verdict"], edited["seq"]) == ("delivered", 3)
    joined = await here.people[-1].ask("join")
    await ben.ask("react", seq=1, reaction=joined["state"]["reactions"][0], on=True)
    await ana.ask("post", key=new_key(), text="call me at 555-123-4567 any time")
    await ana.ask("retract", seq=5)
    held = new_key()
    kept = await ana.ask("post", key=held, text=TRADE)
    assert kept["verdict"] in {"held", "blocked"}
    assert kept["flag"]
    assert all(reason.keys() == {"rule", "text"} for reason in kept["reasons"])
    await ana.hears("held", key=held, flag=kept["flag"])
    await ana.ask("retract", key=held)
    await ana.hears("held_decided", key=held, action="withdrawn")
    await ana.ask("whisper", to=fay.id, text="Are you there?", key=new_key())
    assert (await fay.hears("whisper"))["from"]["id"] == ana.id
    await ana.refused("forbidden", "whisper", to=ben.id, text="Hello Ben.")
    await ana.tell("typing", on=True)
    await ben.hears("typing", users=[ana.id])
    assert (await ana.ask("ping"))["time"] > 0
    await ben.hears("retracted", target=5, by="author")
    await fay.hears("retracted", target=5, by="author")
    told = [[event for event in peer.heard if "seq" in event and "useq" not in event] for peer in (ben, fay)]
    assert told[0] == told[1]
    assert [event["seq"] for event in told[0]] == [*range(1, 7)]
    assert ben.all("held") == ben.all("whisper") == []
    presence = await ana.hears("presence")
    assert isinstance(presence["count"], int)


async def looks_back(here: Evening) -> None:
    """Pages of history, and coming back by position: each missed event once, or why not."""
    cleo = await here.comes("participant", here.room)
    joined = await cleo.ask("join")
    head, epoch = joined["head"], joined["epoch"]
    assert [event["seq"] for event in joined["events"]] == [*range(1, head + 1)]
    assert [event["seq"] for event in (await cleo.ask("history", before=4, limit=2))["events"]] == [2, 3]
    assert [event["seq"] for event in (await cleo.ask("history", after=1, limit=2))["events"]] == [2, 3]
    await cleo.refused("bad_request", "history", before=4, limit=201)
    back = await cleo.ask("join", since=2, epoch=epoch, usince=0)
    assert back["recovered"] is True
    assert [event["seq"] for event in back["events"]] == [*range(3, head + 1)]
    for since, other, why in ((2, "another", "epoch"), (head + 9, epoch, "ahead")):
        lost = await cleo.ask("join", since=since, epoch=other)
        assert (lost["recovered"], lost["why"]) == (False, why)
    await cleo.ask("leave")
    await cleo.refused("not_joined", "history", before=4)


async def is_refused(here: Evening) -> None:
    """Muted, slow, locked, out of turn, too long, removed, closed: help works, and a refusal cares."""
    fay, ana = await here.comes("facilitator", here.room), await here.comes("participant", here.room)
    for peer in (fay, ana):
        await peer.ask("join")

    async def cannot_post(code: str, text: str = CRISIS) -> None:
        refused = await ana.refused(code, "post", key=new_key(), text=text)
        assert refused["support"]["helplines"]
        if code != "too_long":
            helped = await ana.ask("help", text="Please come.", key=new_key())
            assert helped["support"]["helplines"]

    await fay.ask("mute", user=ana.id, seconds=60, reason="A pause.")
    await ana.hears("muted")
    await cannot_post("muted")
    await fay.ask("unmute", user=ana.id)
    assert (await ana.hears("unmuted"))["until"] is None
    await fay.ask("set_room", locked=True)
    await cannot_post("room_locked")
    await fay.ask("set_room", locked=False, turns=True)
    await cannot_post("not_your_turn")
    await ana.ask("hand", up=True)
    await ana.hears("hands", queue=[ana.id], speaker=ana.id)
    await ana.ask("hand", up=False)
    await fay.ask("set_room", turns=False, slow_mode=60)
    await ana.hears("hands", queue=[], speaker=None)
    await ana.ask("post", key=new_key(), text="One thing.")
    await cannot_post("slow_mode")
    await fay.ask("set_room", slow_mode=0, topic="Sleep", phase="sharing", hold="none")
    await cannot_post("too_long", f"{CRISIS} {'and on ' * 700}")
    await fay.ask("remove", user=ana.id, seconds=60, reason="A break.")
    assert (await ana.hears("removed"))["text"]
    await cannot_post("removed")
    await fay.ask("readmit", user=ana.id, seconds=0, reason="Welcome back.")
    await here.server.hearth("room", "close", here.room)
    await fay.hears("room_changed", closed=True)
    await fay.hears("notice", code="room_closed")
    await ana.refused("room_closed", "join")
    await here.server.hearth("room", "add", here.room)
    await ana.ask("join")


async def is_guided(here: Evening) -> None:
    """Pins, warnings, cards, taking down; on nobody as high, and by nobody below."""
    fay, ana = await here.comes("facilitator", here.room), await here.comes("participant", here.room)
    for peer in (fay, ana):
        await peer.ask("join")
    seq = (await ana.ask("post", key=new_key(), text="My dog died last week."))["seq"]
    await ana.refused("forbidden", "pin", seq=seq)
    await fay.ask("pin", seq=seq, seconds=3_600, key=new_key())
    pinned = await ana.hears("pinned", target=seq)
    assert pinned["until"] == pinned["at"] + 3_600_000
    pins = (await ana.ask("join"))["state"]["pins"]
    assert [(pin["type"], pin["seq"], pin["text"]) for pin in pins] == [
        ("message", seq, "My dog died last week.")
    ]
    await fay.ask("unpin", seq=seq)
    await ana.hears("unpinned", target=seq)
    await fay.refused("not_found", "unpin", seq=seq)
    await fay.ask("warn", seq=seq, warning="Loss of a pet")
    await ana.hears("warned", target=seq, warning="Loss of a pet")
    shared = await fay.ask("card", card="slow-breath")
    assert shared["verdict"] == "delivered"
    await ana.hears("card", seq=shared["seq"])
    await fay.ask("card", card="slow-breath", to=ana.id)
    await wait_until(lambda: any("useq" in card for card in ana.all("card")))
    await fay.ask("retract", seq=seq, reason="They asked for it.")
    await ana.hears("retracted", target=seq, by="staff")
    await ana.hears("held_decided", action="retract", seq=seq)
    await fay.refused("forbidden", "mute", user=fay.id, seconds=0, reason="Me.")
    side = (await fay.ask("aside", user=ana.id))["room"]
    offered = await ana.hears("aside", side_room=side)
    assert offered["with"]["id"] == fay.id
    await ana.ask("join", room=side)


async def is_reviewed(here: Evening) -> None:
    """Watch, report, attend, claim, decide, with conflicts that say who; support that is seen."""
    mo, max_ = await here.comes("moderator", here.room), await here.comes("moderator", here.room)
    ana, ben = await here.comes("participant", here.room), await here.comes("participant", here.room)
    for peer in (ana, ben):
        await peer.ask("join")
        await peer.refused("forbidden", "watch", rooms=[here.room])
    for peer in (mo, max_):
        order = [flag["due_at"] for flag in (await peer.ask("watch", rooms=[here.room]))["flags"]]
        assert order
    key = new_key()
    posted = await ana.ask("post", key=key, text=CRISIS)
    assert posted["support"]["helplines"]
    await ana.hears("support", key=key, seen=False)
    flag = (await mo.hears("flag", seq=posted["seq"]))["flag"]
    await mo.ask("attend", flag=flag)
    await ana.hears("support", key=key, seen=True)
    assert [who["id"] for who in (await mo.hears("flag", flag=flag, rev=2))["attended_by"]] == [mo.id]
    await ben.refused("forbidden", "claim", flag=flag)
    claimed = await mo.ask("claim", flag=flag)
    assert {"around", "recent", "earlier"} <= claimed["context"].keys()
    assert (await max_.refused("conflict", "claim", flag=flag))["by"]
    await mo.ask("unclaim", flag=flag)
    await max_.ask("claim", flag=flag)
    assert (await mo.refused("conflict", "decide", flag=flag, action="approve", note=""))["by"]
    await max_.refused("forbidden", "decide", flag=flag, action="mute", note="", seconds=60)
    await max_.refused("conflict", "decide", flag=flag, action="approve", note="", rev=1)
    await max_.ask("decide", flag=flag, action="approve", note="Talked with them.")
    assert (await mo.refused("conflict", "claim", flag=flag))["by"]

    held = new_key()
    flag = (await ana.ask("post", key=held, text=TRADE))["flag"]
    await mo.ask("claim", flag=flag)
    released = await mo.ask(
        "decide", flag=flag, action="warn", note="", warning="Medication", text="In it is."
    )
    decided = await ana.hears("held_decided", key=held)
    assert (decided["action"], decided["seq"], decided["text"]) == ("warn", released["seq"], "In it is.")
    assert (await ben.hears("message", seq=released["seq"]))["warning"] == "Medication"
    again = await ana.ask("post", key=held, text=TRADE)
    assert again["decision"] == {"action": "warn", "seq": released["seq"]}

    flag = (await ana.ask("post", key=new_key(), text=TRADE))["flag"]
    await mo.ask("claim", flag=flag)
    await mo.ask("decide", flag=flag, action="retract", note="")
    await mo.ask("evidence", flag=flag, purpose="Looking once more.")
    await ana.ask("appeal", flag=flag, text="I asked for a friend.")
    await max_.hears("flag", kind="appeal")
    await mo.ask("duty", state="on_duty")
    await mo.ask("follow_up")

    said = await ana.ask("post", key=new_key(), text="I never liked mornings.")
    await ana.refused("forbidden", "report", seq=said["seq"], reason="Mine.")
    await ben.ask("report", seq=said["seq"], reason="It felt cold.")
    reported = await mo.hears("flag", kind="report", seq=said["seq"])
    assert [report["reason"] for report in reported["reports"]] == ["It felt cold."]
    await mo.refused("not_found", "attend", flag="f_nothing")


async def is_shut_out(here: Evening) -> None:
    """A ban ends the person's connections and every way in; what staff did is on record."""
    mo, ana = await here.comes("moderator"), await here.comes("participant", here.room)
    await ana.ask("join")
    await ana.refused("forbidden", "ban", user=mo.id, reason="No.")
    await mo.ask("ban", user=ana.id, reason="For now.", seconds=600)
    assert await ana.ends() == 4503
    again = await here.comes()
    token = here.server.token("participant", new_name("Ana"), here.room, user=ana.id)
    await again.refused("banned", "hello", token=token)
    assert await again.ends() == 4503
    await mo.ask("unban", user=ana.id, reason="Come back.")
    page = await mo.ask("audit", limit=5)
    assert [entry["action"] for entry in page["events"]][-1] == "unban"
    await ana.leave()


async def is_not_there_yet(here: Evening) -> None:
    """Reserved commands are known; what is no command, or none of this shape, closes nothing."""
    ana = await here.comes("participant", here.room)
    given = {"user": ana.id, "flag": "f", "text": "Please look again."}
    for name in sorted(LATER):
        refused = await ana.refused("bad_request", name, **given)
        assert "not available yet" in refused["text"]
    await ana.refused("bad_request", "post", key=new_key(), text=5)
    unknown = await ana.send("no such command")
    assert unknown["code"] == "bad_request"
    here.tried.commands.discard("no such command")
    assert (await ana.ask("ping"))["type"] == "pong"


async def test_what_is_not_known_to_be_stored_is_sent_again() -> None:
    """A store that stands still: `unavailable`, and with the same key one message; then the node drains."""
    async with serving(env=SOON) as server:
        tried = Tried()
        for form in Format:
            token = server.token("participant", new_name("Ana"))
            ana = await arrive(server.url, form, tried, "open-circle", token=token)
            await ana.ask("join")
            key = new_key()
            with server.store_stopped():
                await ana.refused("unavailable", "post", key=key, text=PLAIN)

            async def is_stored(ana: Peer = ana, key: str = key) -> bool:
                return bool((await ana.send("post", key=key, text=PLAIN))["type"] == "posted")

            await wait_until(is_stored, 20)
            await ana.ask("post", key=key, text=PLAIN)
            assert len((await ana.ask("history", after=0))["events"]) == list(Format).index(form) + 1
            await ana.leave()
        token = server.token("participant", new_name("Ben"))
        ben = await arrive(server.url, Format.JSON, tried, "open-circle", token=token)
        stopping = asyncio.create_task(server.stop())
        assert await ben.ends() == 1012
        assert (await ben.hears("draining"))["reconnect_after"] >= 0
        assert await stopping == 0
