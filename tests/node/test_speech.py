"""Where judging fails, the author is held and cared for, whatever becomes of the text."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chat.assembly import Content, node_of
from chat.node import desk, entrance, speech
from chat.node.node import Node, now_ms
from chat.node.session import Caller, Session
from chat.protocol.commands import Attend, Help, Join, Post, Report
from chat.protocol.errors import ErrorCode, Refused
from chat.protocol.events import Posted, Support
from chat.protocol.wire import Format
from chat.settings import Settings
from moderation import Judgement, Pipeline
from tests.node.test_route import Outlet

pytestmark = pytest.mark.asyncio

ROOM = "open-circle"


class Broken(Pipeline):
    """A pipeline of which no step works."""

    def _judge(self, *args: Any, **options: Any) -> Any:
        raise ZeroDivisionError


@pytest_asyncio.fixture
async def node(store: str, content: Content, keys_folder: Path) -> AsyncIterator[Node]:
    settings = Settings(store=store, data=keys_folder, node="speech")
    async with node_of(settings, content) as (made, _):
        whole = made.pipeline
        broken = object.__new__(Broken)
        broken.__dict__.update(vars(whole))
        made.pipeline = broken
        yield made


async def inside(node: Node, user: str, role: str = "participant") -> Session:
    """Somebody of Ireland who has joined the room."""
    session = Session(Outlet(), Format.JSON, asyncio.get_running_loop().time())
    session.caller = Caller(user, user.title(), {"*": role}, now_ms(), now_ms() + 60_000, "IE", "en")
    node.hub.greet(session)
    await entrance.join(node, session, Join(room=ROOM))
    return session


async def flags_of(node: Node, user: str) -> list[dict[str, Any]]:
    return await node.review.flags_of(ROOM, user, 10)


def lines(card: Support | None) -> str:
    assert card is not None
    assert (card.severity, card.neutral) == ("moderate", False)
    assert "went wrong on our side" in card.text
    return str(card.helplines)


async def test_a_text_that_could_not_be_read_is_held_with_a_card_and_a_clock(node: Node) -> None:
    session = await inside(node, "u_held")
    posted = await speech.post(node, session, Post(room=ROOM, key="k", text="hello"))
    assert isinstance(posted, Posted)
    assert (posted.verdict, posted.seq) == ("held", None)
    assert "116 123" in lines(posted.support)
    (flag,) = await flags_of(node, "u_held")
    assert (flag["severity"], flag["verdict"], flag["text"]) == ("moderate", "held", "hello")
    assert flag["due_at"] - flag["opened_at"] == node.settings.review.due_seconds["moderate"] * 1000

    staff = await inside(node, "u_staff", "facilitator")
    await desk.attend(node, staff, Attend(flag=flag["flag"]))
    head = await node.broker.heads({ROOM: ["u_held"]})
    told = await node.broker.read(ROOM, "u_held", 1, head[ROOM][1])
    assert b"a fault on our side" in told[-1][1]


async def test_a_refused_text_that_could_not_be_read_gets_the_same(node: Node) -> None:
    session = await inside(node, "u_long")
    too_long = "hello " * node.settings.limits.text
    with pytest.raises(Refused) as refused:
        await speech.post(node, session, Post(room=ROOM, key="k", text=too_long))
    assert refused.value.code is ErrorCode.TOO_LONG
    assert isinstance(refused.value.support, Support)
    assert "116 123" in lines(refused.value.support)
    (flag,) = await flags_of(node, "u_long")
    assert (flag["severity"], flag["verdict"]) == ("moderate", "refused")


async def test_one_end_that_could_not_be_read_counts_beside_one_that_was(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text over the limit is read at both ends: a calm end does not hide that the other said nothing."""
    session = await inside(node, "u_ends")
    broken, calm = node.pipeline.judge("one"), Pipeline.judge
    results = [broken, None]

    def judge(self: Pipeline, text: str, **more: Any) -> Judgement:
        return results.pop(0) or calm(whole, text, **more)

    whole = object.__new__(Pipeline)
    whole.__dict__.update(vars(node.pipeline))
    monkeypatch.setattr(Broken, "judge", judge)
    with pytest.raises(Refused) as refused:
        await speech.post(node, session, Post(room=ROOM, key="k", text="hello " * node.settings.limits.text))
    assert refused.value.support is not None


async def test_help_and_reports_are_taken_too(node: Node) -> None:
    session, other = await inside(node, "u_asks"), await inside(node, "u_other")
    await speech.ask_help(node, session, Help(room=ROOM, text="may I talk"))
    (flag,) = await flags_of(node, "u_asks")
    assert (flag["kind"], flag["severity"]) == ("help", "moderate")

    monkey = node.pipeline
    node.pipeline = object.__new__(Pipeline)
    node.pipeline.__dict__.update(vars(monkey))
    posted = await speech.post(node, other, Post(room=ROOM, key="k", text="Good evening."))
    node.pipeline = monkey
    assert isinstance(posted, Posted)
    assert posted.seq is not None
    await desk.report(node, session, Report(room=ROOM, seq=posted.seq, reason="it hurts"))
    assert [flag["kind"] for flag in await flags_of(node, "u_asks")] == ["help", "help"]
