"""What a node owes when its store stumbles: rights that are heard count, and an ending is done to its end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from chat.assembly import Content, node_of
from chat.node import desk, entrance, speech
from chat.node import node as nodes
from chat.node.claims import claim
from chat.node.node import Node, now_ms
from chat.node.ports import Args, Review, Unavailable
from chat.node.session import Caller, Session
from chat.protocol.commands import Claim, Decide, Join, Post, Report
from chat.protocol.errors import CloseCode, ErrorCode, Refused
from chat.protocol.events import Posted
from chat.protocol.wire import Format
from chat.settings import Settings
from chat.store.keys import user_key
from tests.node.test_route import Outlet
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio

ROOM, OTHER = "open-circle", "evening-circle"
GRIM = "i want to kill myself"
WORSE = "i am killing myself tonight, goodbye"


@pytest_asyncio.fixture
async def node(
    store: str, content: Content, keys_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Node]:
    monkeypatch.setattr(nodes, "AGAIN", 0.01)
    settings = Settings(store=store, data=keys_folder, node="node")
    async with node_of(settings, content) as (made, _):
        yield made


async def inside(node: Node, user: str, role: str = "participant") -> Session:
    session = Session(Outlet(), Format.JSON, asyncio.get_running_loop().time())
    session.caller = Caller(user, user.title(), {"*": role}, now_ms(), now_ms() + 60_000)
    node.hub.sessions.add(session)
    node.hub.greet(session)
    await entrance.join(node, session, Join(room=ROOM))
    return session


def closed(session: Session) -> list[int]:
    assert isinstance(session.outlet, Outlet)
    return session.outlet.closed


async def test_a_ban_heard_while_the_store_stumbles_cuts_all_the_same(
    node: Node, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where everybody is looked at, and somebody before them can't be read for another reason."""
    await inside(node, "u_odd")
    banned = await inside(node, "u_banned_here")
    person, fails = node.people.person, 2

    async def stumble(user: str) -> Any:
        nonlocal fails
        if user == "u_odd":
            raise ZeroDivisionError
        if fails:
            fails -= 1
            raise Unavailable
        return await person(user)

    monkeypatch.setattr(node.people, "person", stumble)
    await client.hset(user_key("u_banned_here"), "banned", "0")
    node.hub.soon(node._rights_changed(""))
    await wait_until(lambda: closed(banned) == [CloseCode.BANNED])
    await node.people.ban("u_banned_here", None)


async def test_a_fault_while_leaving_leaves_no_session_behind(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await inside(node, "u_leaves")
    agreement = node.policies.policy(OTHER).agreement
    assert agreement is not None
    await entrance.join(node, session, Join(room=OTHER, agree=agreement.version))

    async def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(node.broker, "presence", fail)
    await node.gone(session)
    assert session not in node.hub.sessions
    assert "u_leaves" not in node.hub.by_user
    assert not session.rooms
    monkeypatch.undo()


async def test_a_ban_that_broke_off_is_done_when_it_is_decided_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By who decided it; anybody else hears of a conflict, and so do they once it was lifted."""
    author, staff = await inside(node, "u_sells"), await inside(node, "u_mia", "moderator")
    other = await inside(node, "u_max", "moderator")
    posted = await speech.post(node, author, Post(room=ROOM, key="k", text="Good evening."))
    assert isinstance(posted, Posted)
    assert posted.seq is not None
    await desk.report(node, other, Report(room=ROOM, seq=posted.seq, reason="sells"))
    (flag,) = await node.review.flags_of(ROOM, "u_sells", 10)
    await claim(node, staff, Claim(flag=flag["flag"]))
    act = node.broker.act
    decision = Decide(flag=flag["flag"], action="ban", note="sells", seconds=600)

    async def away(*_: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(node.broker, "act", away)
    with pytest.raises(Unavailable):
        await desk.decide(node, staff, decision)
    monkeypatch.setattr(node.broker, "act", act)
    assert (await node.people.person("u_sells")).banned is None
    with pytest.raises(Refused) as refused:
        await desk.decide(node, other, decision)
    assert refused.value.code is ErrorCode.CONFLICT
    await desk.decide(node, staff, decision)
    assert (await node.people.person("u_sells")).banned
    assert "banned" in await node.broker.standing(OTHER, "u_sells")
    await wait_until(lambda: closed(author) == [CloseCode.BANNED])


async def test_a_graver_report_is_a_call_of_its_own(node: Node) -> None:
    """The same words sent again are not."""
    author, asks = await inside(node, "u_wrote"), await inside(node, "u_reports")
    posted = await speech.post(node, author, Post(room=ROOM, key="k", text="Good evening."))
    assert isinstance(posted, Posted)
    assert posted.seq is not None
    for reason in (GRIM, GRIM, WORSE):
        await desk.report(node, asks, Report(room=ROOM, seq=posted.seq, reason=reason))
    flags = await node.review.flags_of(ROOM, "u_reports", 10)
    assert sorted(flag["text"] for flag in flags) == sorted([GRIM, WORSE])


async def test_a_side_room_younger_than_the_list_is_found(node: Node) -> None:
    side = f"aside-0a1b2c3d4e.{ROOM}"
    await node.hub.known(fresh=True)
    staff = await inside(node, "u_looks", "moderator")
    await node.broker.add_room(side, {"title": "Aside"}, "Aside", "e")
    with pytest.raises(Refused):
        await desk.find(node, staff, f"f_x.{side}", "attend")
    assert node.hub.is_known(side)
    await node.broker.drop_room(side)


async def test_words_taken_back_are_kept_no_more(node: Node) -> None:
    """Neither for those who join, nor for judging; the risk that they told of counts on."""
    session = await inside(node, "u_retracts")
    posted = await speech.post(node, session, Post(room=ROOM, key="k", text=GRIM))
    assert isinstance(posted, Posted)
    room = node.hub.rooms[ROOM]
    await wait_until(lambda: room.follower.head >= (posted.seq or 0))
    mine = [one for one in room.context.remarks(node.pipeline) if one.author == "u_retracts"]
    assert "kill" in mine[0].reading.tail
    caller = node.caller(session)
    role = caller.role(ROOM)
    assert role is not None
    done = await node.broker.act(ROOM, node.act_args(session, role, "retract", least=1, seq=posted.seq))
    await wait_until(lambda: room.follower.head >= done["seq"])
    (left,) = [one for one in room.context.remarks(node.pipeline) if one.author == "u_retracts"]
    assert (left.reading.tail, left.reading.severity) == ("", mine[0].reading.severity)
    assert GRIM.encode() not in b"".join(entry for _, entry in room.recent)


async def test_a_note_that_no_room_could_take_is_refused(node: Node) -> None:
    """Also where nothing but its writer's own risk speaks against it, and they are told no rule."""
    assert not node.pipeline.judge(WORSE, staff=True).author_reasons
    with pytest.raises(Refused):
        desk._judged_note(node, WORSE)
    assert desk._judged_note(node, "Thank you.") == "Thank you."


class Late:
    """Reviews as they stood when they were asked for, told later."""

    def __init__(self, review: Review) -> None:
        self._review = review
        self.has_read, self.may_tell = asyncio.Event(), asyncio.Event()

    async def open_flags(self, rooms: Sequence[str]) -> list[Args]:
        found = await self._review.open_flags(rooms)
        self.has_read.set()
        await self.may_tell.wait()
        return found

    async def flag(self, room: str, flag: str) -> Args | None:
        return await self._review.flag(room, flag)


async def test_a_flag_raised_between_two_subscriptions_is_shown(node: Node) -> None:
    """Deaf once more while the flags are read after the first time: the second one reads them anew."""
    ann = await inside(node, "u_unheard")
    room = node.hub.rooms[ROOM]
    heard: list[str | None] = []
    node.on_flag = lambda flag: heard.append(flag["text"])
    late = Late(node.review)
    room._review = late  # type: ignore[assignment]  # as much of one as is asked for here
    room._ask_flags()
    await late.has_read.wait()
    for kind in ("staff", "mods"):
        node.broker.unsubscribe(ROOM, kind)
    await speech.post(node, ann, Post(room=ROOM, key="unheard", text=f"{GRIM} tonight, alone"))
    assert heard == []
    room._ask_flags()
    late.may_tell.set()
    await wait_until(lambda: f"{GRIM} tonight, alone" in heard)
