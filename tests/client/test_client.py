import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from chat.client import Client, CommandError, Ended, Lost, new_key
from chat.client.coding import decode, encode
from chat.protocol.wire import Format
from tests.serving import SOON, Serving, new_name, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "open-circle"
WHO = ("cat", "river", "wind", "baker", "child", "train", "moon", "garden")
WHAT = ("sleeps", "wakes up", "is quiet", "comes home", "waits a while", "sings", "moves on")
FORMATS = pytest.mark.parametrize("form", Format)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server() -> AsyncIterator[Serving]:
    async with serving(env={**SOON, "HEARTH_LIMITS__RATE_SECONDS": "0"}) as running:
        yield running


def client(
    server: Serving, form: Format = Format.MSGPACK, role: str = "participant", **options: Any
) -> Client:
    return Client(server.url, server.token(role, new_name("Kim")), form=form, **options)


# ── against a server ─────────────────────────────────────────────────────────────────────────────


@FORMATS
async def test_says_hello_joins_posts_and_listens(server: Serving, form: Format) -> None:
    async with client(server, form) as kim:
        assert kim.is_open
        assert kim.welcome["type"] == "welcome"
        events = kim.events()
        view = await kim.join(ROOM)
        posted = await kim.post(ROOM, "Hello, everyone.")
        async for event in events:
            if event["type"] == "message":
                break
        assert event["seq"] == posted["seq"] == view.head
        assert view.entries[view.head]["text"] == "Hello, everyone."
        assert (await kim.request("ping"))["type"] == "pong"


async def test_a_refusal_is_raised_with_its_code_and_reply(server: Serving) -> None:
    async with client(server) as kim:
        with pytest.raises(CommandError) as caught:
            await kim.post(ROOM, "Before joining.")
        assert caught.value.code == "not_joined"
        assert caught.value.text == caught.value.reply["text"]


async def test_history_is_put_into_the_view(server: Serving) -> None:
    for some in (WHO[:2], WHO[2:4], WHO[4:6], WHO[6:]):
        async with client(server, role="moderator") as kim:
            await kim.join(ROOM)
            for who, what in product(some, WHAT):
                assert (await kim.post(ROOM, f"The {who} {what}."))["verdict"] == "delivered"
    async with client(server, Format.JSON) as lea:
        view = await lea.join(ROOM)
        first = min(view.entries)
        assert first > 1
        page = await lea.history(ROOM, before=first, limit=5)
        assert [event["seq"] for event in page] == [*range(first - 5, first)]
        assert min(view.entries) == first - 5


async def test_leaving_a_room_stays_left(server: Serving) -> None:
    async with client(server) as kim:
        await kim.join(ROOM)
        await kim.leave(ROOM)
        kim.drop()
        await wait_until(lambda: not kim.is_open)
        await kim.request("ping")
        assert kim.views == {}


async def test_comes_back_by_itself_and_sends_again(server: Serving) -> None:
    """A post that was cut off is answered after all; one without a key is reported lost."""
    async with client(server) as kim:
        events = kim.events()
        view = await kim.join(ROOM)
        before = view.head
        for number in range(5):
            sending = asyncio.create_task(kim.post(ROOM, f"Once {'o' * number}nly."))
            asking = asyncio.create_task(kim.request("ping"))
            await asyncio.sleep(0)
            kim.drop()
            assert (await sending)["seq"] == before + number + 1
            with contextlib.suppress(Lost):
                await asking
        await wait_until(lambda: view.head == before + 5)
        heard = [event["seq"] for event in events.take() if event["type"] == "message"]
        assert heard == [*range(before + 1, before + 6)]


async def test_the_end_is_told_to_all_who_wait(server: Serving) -> None:
    """A ban ends the session: the commands under way, the later ones, and those who listen learn of it."""
    async with client(server) as kim, client(server, role="admin") as ada:
        events = kim.events()
        await kim.join(ROOM)
        await ada.request("ban", user=kim.welcome["user"]["id"], reason="For this test.")
        with pytest.raises(Ended) as ended:
            async for _ in events:
                pass
        assert ended.value.code == 4503
        with pytest.raises(Ended):
            await kim.request("ping")
        with pytest.raises(Ended):
            await anext(kim.events())
        assert not kim.is_open


async def test_closing_ends_listening_quietly(server: Serving) -> None:
    kim = client(server)
    async with kim:
        events = kim.events()
    assert [event async for event in events] == []
    with pytest.raises(Ended) as ended:
        await kim.request("ping")
    assert ended.value.code == 1000


async def test_who_is_not_let_in_is_told_why(server: Serving) -> None:
    with pytest.raises(Ended) as ended:
        async with Client(server.url, "no-such-code", name=new_name("Kim")):
            pass
    assert ended.value.code == 4501
    assert ended.value.refused is not None
    assert ended.value.refused.code == "unauthenticated"


async def test_nobody_there_is_told_at_once() -> None:
    with pytest.raises(Ended) as ended:
        async with Client("ws://127.0.0.1:9/ws", "x.y.z"):
            pass
    assert ended.value.code == 1006


async def test_who_stops_listening_is_forgotten(server: Serving) -> None:
    async with client(server) as kim:
        events = kim.events()
        assert len(kim._listeners) == 1
        del events
        gc.collect()
        assert len(kim._listeners) == 0


async def test_keys_are_unlike_each_other() -> None:
    assert len({new_key() for _ in range(1000)}) == 1000


# ── against a server that misbehaves as no real one does ─────────────────────────────────────────


class Scripted:
    """One connection's other end, which says what the test tells it to."""

    def __init__(self, wire: ServerConnection) -> None:
        self.wire = wire

    async def hear(self, type_: str) -> dict[str, Any]:
        """The next command, which must be this."""
        frame = decode(await self.wire.recv())
        assert frame["type"] == type_
        return frame

    async def say(self, type_: str, **fields: Any) -> None:
        await self.tell({"type": type_, **fields})

    async def tell(self, frame: dict[str, Any]) -> None:
        await self.wire.send(encode(frame, Format.JSON))

    async def greet(self) -> None:
        hello = await self.hear("hello")
        await self.say(
            "welcome", id=hello["id"], user={}, rooms=[], limits={}, server={"reconnect": [0.01, 0.02]}
        )

    async def join(self, head: int, *, recovered: bool = False, **fields: Any) -> dict[str, Any]:
        """Answer a join with what was said up to `head`; on recovery with what was missed."""
        asked = await self.hear("join")
        first = asked["since"] + 1 if recovered else 1
        reply = {
            "room": "r", "epoch": "e", "head": head, "recovered": recovered,
            "events": [line(seq) for seq in range(first, head + 1)], "private": {"head": 0, "events": []},
            "state": {}, "members": [], "you": {}, "count": 0,
        }  # fmt: skip
        await self.say("joined", id=asked["id"], **{**reply, **fields})
        return asked


def line(seq: int) -> dict[str, Any]:
    """A message as it is in the log."""
    return {"type": "message", "room": "r", "seq": seq, "at": seq, "from": {"id": "u"}, "text": f"text {seq}"}


Script = Callable[[Scripted], Awaitable[None]]


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[str]:
    """A server that plays one script for each connection, in their order; its address."""
    left = list(scripts)
    failed: list[BaseException] = []

    async def play(wire: ServerConnection) -> None:
        try:
            await left.pop(0)(Scripted(wire))
        except ConnectionClosed:
            pass
        except Exception as error:
            failed.append(error)
            raise

    async with serve(play, "127.0.0.1", 0, subprotocols=[Subprotocol("hearth.v1.json")]) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/"
    assert failed == []
    assert left == []


async def test_a_gap_is_filled_before_what_follows_it() -> None:
    """An event that comes too early waits until what is before it was asked for."""

    async def gap(there: Scripted) -> None:
        await there.greet()
        await there.join(1)
        for seq in (2, 5, 6):
            await there.tell(line(seq))
        asked = await there.join(4, recovered=True)
        assert (asked["since"], asked["epoch"]) == (2, "e")
        await there.tell(line(7))
        await there.wire.wait_closed()

    async with scripted(gap) as url, Client(url, "t", form=Format.JSON) as kim:
        events = kim.events()
        view = await kim.join("r")
        await wait_until(lambda: view.head == 7)
        assert [event["seq"] for event in events.take() if event["type"] == "message"] == [2, 3, 4, 5, 6, 7]


async def test_an_event_is_heard_once_however_often_it_is_sent() -> None:
    async def stutter(there: Scripted) -> None:
        await there.greet()
        await there.join(1)
        for seq in (1, 2, 2, 1, 3):
            await there.tell(line(seq))
        await there.wire.wait_closed()

    async with scripted(stutter) as url, Client(url, "t", form=Format.JSON) as kim:
        events = kim.events()
        view = await kim.join("r")
        await wait_until(lambda: view.head == 3)
        assert [event["seq"] for event in events.take() if event["type"] == "message"] == [2, 3]


async def test_a_lost_position_begins_the_view_anew() -> None:
    """Another epoch: nothing of the old log stays, and the `joined` that listeners get says so."""

    async def first(there: Scripted) -> None:
        await there.greet()
        await there.join(3)
        await there.wire.close(4002)

    async def second(there: Scripted) -> None:
        await there.greet()
        asked = await there.join(1, epoch="f", why="epoch")
        assert (asked["since"], asked["epoch"], asked["usince"]) == (3, "e", 0)
        await there.wire.wait_closed()

    async with scripted(first, second) as url, Client(url, "t", form=Format.JSON) as kim:
        events = kim.events()
        view = await kim.join("r")
        await wait_until(lambda: view.epoch == "f")
        assert sorted(view.entries) == [1]
        assert [event["why"] for event in events.take() if "why" in event] == ["epoch"]


@pytest.mark.parametrize("code", [1001, 1011, 1012, 1013, 4001, 4002])
async def test_codes_after_which_it_comes_back(code: int) -> None:
    async def ends(there: Scripted) -> None:
        await there.greet()
        await there.wire.close(code)

    async def stays(there: Scripted) -> None:
        await there.greet()
        asked = await there.hear("ping")
        await there.say("pong", id=asked["id"], time=1)
        await there.wire.wait_closed()

    async with scripted(ends, stays) as url, Client(url, "t", form=Format.JSON) as kim:
        await wait_until(lambda: not kim.is_open)
        assert (await kim.request("ping"))["time"] == 1


@pytest.mark.parametrize("code", [1000, 1002, 1003, 1007, 1008, 1009, 4500, 4501, 4503, 4508])
async def test_codes_after_which_it_stays_away(code: int) -> None:
    async def ends(there: Scripted) -> None:
        await there.greet()
        await there.wire.close(code)

    async with scripted(ends) as url, Client(url, "t", form=Format.JSON) as kim:
        with pytest.raises(Ended) as ended:
            async for _ in kim.events():
                pass
        assert ended.value.code == code


async def test_an_unknown_outcome_is_asked_again_with_the_same_key() -> None:
    """`unavailable` leaves open whether it was stored: the same key settles it."""

    async def unsure(there: Scripted) -> None:
        await there.greet()
        one = await there.hear("post")
        await there.say("error", id=one["id"], code="unavailable", text="Again, please.", retry_after=0.01)
        two = await there.hear("post")
        assert two["key"] == one["key"]
        await there.say("posted", id=two["id"], key=two["key"], verdict="delivered", seq=1)
        three = await there.hear("leave")
        await there.say("error", id=three["id"], code="unavailable", text="Who knows?")
        await there.wire.wait_closed()

    async with scripted(unsure) as url, Client(url, "t", form=Format.JSON) as kim:
        assert (await kim.post("r", "Once."))["seq"] == 1
        with pytest.raises(CommandError):
            await kim.leave("r")


async def test_a_newer_token_is_kept_and_choices_are_told_once() -> None:
    """Coming back with the name of before would undo a change of it since."""

    async def invites(there: Scripted) -> None:
        hello = await there.hear("hello")
        assert (hello["token"], hello["name"], hello["country"]) == ("code", "Kim", "IE")
        server = {"reconnect": [0.01, 0.02]}
        await there.say("welcome", id=hello["id"], user={}, rooms=[], limits={}, server=server, token="newer")
        await there.wire.close(1012)

    async def knows(there: Scripted) -> None:
        hello = await there.hear("hello")
        assert hello["token"] == "newer"
        assert not {"name", "country"} & hello.keys()
        await there.say("welcome", id=hello["id"], user={"id": "u"}, rooms=[], limits={}, server={})
        await there.wire.wait_closed()

    async with (
        scripted(invites, knows) as url,
        Client(url, "code", form=Format.JSON, name="Kim", country="IE") as kim,
    ):
        await wait_until(lambda: kim.welcome["user"] == {"id": "u"})
        assert kim.token == "newer"


async def test_a_server_that_speaks_gibberish_is_left() -> None:
    async def babbles(there: Scripted) -> None:
        await there.greet()
        await there.wire.send("][")
        await there.wire.wait_closed()
        assert there.wire.close_code == 1007

    async with scripted(babbles) as url, Client(url, "t", form=Format.JSON) as kim:
        with pytest.raises(Ended):
            async for _ in kim.events():
                pass


async def test_a_hello_that_may_pass_later_is_tried_again() -> None:
    async def is_up(there: Scripted) -> None:
        await there.greet()
        await there.wire.close(1012)

    async def is_busy(there: Scripted) -> None:
        hello = await there.hear("hello")
        await there.say("error", id=hello["id"], code="unavailable", text="Soon.", retry_after=0.01)
        await there.wire.wait_closed()

    async with scripted(is_up, is_busy, is_up_again) as url, Client(url, "t", form=Format.JSON) as kim:
        await wait_until(lambda: not kim.is_open)
        await wait_until(lambda: kim.is_open)


async def is_up_again(there: Scripted) -> None:
    await there.greet()
    await there.wire.wait_closed()
