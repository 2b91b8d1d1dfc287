"""Every command has one answer, and nothing that is sent ends more than its own connection."""

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import pytest_asyncio

from chat.assembly import Content, node_of
from chat.node import route, saying
from chat.node.node import Node, now_ms
from chat.node.route import HANDLERS, LATER, serve
from chat.node.session import Caller, Session
from chat.protocol.commands import COMMANDS, RESERVED
from chat.protocol.errors import NOT_YET, CloseCode, ErrorCode
from chat.protocol.wire import Format
from chat.settings import Settings
from tests.waiting import wait_until

loop = pytest.mark.asyncio
ROOM = "open-circle"


def test_every_command_is_handled_or_comes_later() -> None:
    assert HANDLERS.keys() | LATER == COMMANDS.keys()
    assert not HANDLERS.keys() & LATER
    assert RESERVED <= LATER


@pytest.mark.parametrize("name", HANDLERS)
def test_each_handler_is_for_its_command(name: str) -> None:
    """A handler under another command's name would be given fields that it does not know."""
    parameters = list(inspect.signature(HANDLERS[name]).parameters)
    assert get_type_hints(HANDLERS[name])[parameters[2]] is COMMANDS[name]


class Outlet:
    """What a connection is to a session, kept in memory."""

    def __init__(self) -> None:
        self.written = b""
        self.closed: list[int] = []
        self.is_reading = True

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self, code: int, reason: str) -> None:
        assert len(reason) < 60
        self.closed.append(code)

    def abort(self) -> None: ...

    def backlog(self) -> int:
        return 0

    def descriptor(self) -> int:
        return -1

    def stop_reading(self) -> None:
        self.is_reading = False

    def go_on_reading(self) -> None:
        self.is_reading = True

    @property
    def frames(self) -> list[dict[str, Any]]:
        """All JSON frames so far."""
        found, at = [], 0
        while at < len(self.written):
            size, head = self.written[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(self.written[at + 2 : at + 4], "big"), 4
            found.append(json.loads(self.written[at + head : at + head + size]))
            at += head + size
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node(store: str, content: Content, keys_folder: Path) -> AsyncIterator[Node]:
    settings = Settings(store=store, data=keys_folder, node="route")
    async with node_of(settings, content) as (made, _):
        yield made


class Line:
    """A session that is served."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.outlet = Outlet()
        self.session = Session(self.outlet, Format.JSON, asyncio.get_running_loop().time())
        self.task = asyncio.create_task(serve(node, self.session))

    def say(self, **frame: Any) -> None:
        self.session.receive(json.dumps(frame).encode())

    async def ask(self, **frame: Any) -> dict[str, Any]:
        """The answer to one command."""
        before = len(self.outlet.frames)
        self.say(**frame)
        await wait_until(lambda: len(self.outlet.frames) > before)
        return self.outlet.frames[-1]

    def sign_in(self, role: str = "admin", expires: int = 0) -> None:
        """Be somebody with a role everywhere."""
        self.session.caller = Caller("u_r", "R", {"*": role}, now_ms(), expires or now_ms() + 60_000)
        self.node.hub.greet(self.session)


@pytest_asyncio.fixture(loop_scope="session")
async def line(node: Node) -> AsyncIterator[Line]:
    made = Line(node)
    yield made
    made.session.end()
    await made.task


FIELDS: dict[str, Any] = {
    "room": "open-circle", "key": "k", "text": "t", "seq": 1, "reaction": "x", "on": True, "reason": "r",
    "up": True, "to": "u_x", "user": "u_x", "seconds": 0, "warning": "w", "card": "c",
    "flag": "f.open-circle", "action": "approve", "note": "n", "purpose": "p",
}  # fmt: skip


def filled(name: str) -> dict[str, Any]:
    """A command with every field that it must have."""
    return {field: FIELDS[field] for field in COMMANDS[name].__struct_fields__ if field in FIELDS}


@loop
@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"hello"}))
async def test_nobody_is_served_before_they_say_who_they_are(line: Line, name: str) -> None:
    if name == "typing":
        line.say(type=name, id=7, **filled(name))
        line.say(type="ping", id=8)
        await wait_until(lambda: len(line.outlet.frames) == 1)
        assert line.outlet.frames[0]["id"] == 8, "typing has no reply"
        return
    answer = await line.ask(type=name, id=7, **filled(name))
    assert (answer["type"], answer["id"], answer["code"]) == ("error", 7, "unauthenticated")
    assert line.outlet.closed == []


@loop
@pytest.mark.parametrize("name", sorted(LATER))
async def test_what_comes_later_says_so(line: Line, name: str) -> None:
    line.sign_in()
    answer = await line.ask(type=name, id="a", **filled(name))
    assert (answer["id"], answer["code"], answer["text"]) == ("a", ErrorCode.BAD_REQUEST, NOT_YET)


@loop
async def test_each_command_has_its_answer_in_the_order_sent(line: Line) -> None:
    line.sign_in()
    for number in range(40):
        line.say(type=("ping", "nonsense", "leave")[number % 3], id=number, room="open-circle")
    await wait_until(lambda: len(line.outlet.frames) == 40)
    assert [frame["id"] for frame in line.outlet.frames] == list(range(40))
    assert {frame["type"] for frame in line.outlet.frames[::3]} == {"pong"}
    assert {frame["code"] for frame in line.outlet.frames[1::3]} == {"bad_request"}


@loop
async def test_frames_that_do_not_decode_close_at_the_third_in_a_row(line: Line) -> None:
    for data in (b"{", b"[]", b'{"type":"ping"}', b"1", b'{"type":1}'):
        line.session.receive(data)
    await wait_until(lambda: len(line.outlet.frames) == 5)
    assert line.outlet.closed == []
    line.session.receive(b'{"a":')
    await wait_until(lambda: line.outlet.closed == [CloseCode.UNREADABLE])


@loop
async def test_an_expired_token_ends_the_connection(line: Line) -> None:
    line.sign_in(expires=now_ms() - 1)
    answer = await line.ask(type="ping", id=1)
    assert answer["code"] == "unauthenticated"
    assert line.outlet.closed == [CloseCode.NO_HELLO]


@loop
async def test_our_own_fault_is_an_answer_and_no_end(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("what somebody wrote")

    line.sign_in()
    monkeypatch.setitem(route.HANDLERS, "ping", fail)
    answer = await line.ask(type="ping", id=1)
    assert (answer["code"], answer["id"]) == ("unavailable", 1)
    assert "wrote" not in str(answer)
    monkeypatch.undo()
    assert (await line.ask(type="ping", id=2))["type"] == "pong"


@loop
async def test_who_runs_ahead_is_not_read_from_until_caught_up(line: Line) -> None:
    line.sign_in()
    for number in range(200):
        line.say(type="ping", id=number)
    assert not line.outlet.is_reading
    await wait_until(lambda: len(line.outlet.frames) == 200)
    assert line.outlet.is_reading


async def posting(node: Node, line: Line) -> None:
    """Let the line's person into the room."""
    line.sign_in("participant")
    assert (await line.ask(type="join", id=0, room=ROOM))["type"] == "joined"


def replies(line: Line) -> list[tuple[Any, str]]:
    """Ids and types of the replies, without what the room heard."""
    return [(frame["id"], frame["type"]) for frame in line.outlet.frames if frame.get("id")]


@loop
async def test_posts_are_answered_in_order_among_all_else(node: Node, line: Line) -> None:
    """Those that are refused on the spot too, and what does not decode: none overtakes one before it."""
    await posting(node, line)
    for number in range(1, 61):
        kind = ("post", "post", "empty", "elsewhere", "nonsense", "ping")[number % 6]
        sent = {"type": "post", "room": ROOM, "key": f"{line.session.opened_at}-{number}", "text": "hello"}
        if kind == "empty":
            sent["text"] = " "
        elif kind == "elsewhere":
            sent["room"] = "nowhere"
        elif kind != "post":
            sent = {"type": kind}
        line.say(id=number, **sent)
    await wait_until(lambda: len(replies(line)) == 60)
    assert [id for id, _ in replies(line)] == list(range(1, 61))
    kinds = dict(replies(line))
    assert [kinds[number] for number in (1, 2, 3, 4, 5)] == ["posted", "error", "error", "error", "pong"]


@loop
async def test_a_post_leaves_in_the_turn_that_brings_it(node: Node, line: Line) -> None:
    await posting(node, line)
    line.say(type="post", id=1, room=ROOM, key=f"now-{line.session.opened_at}", text="hello")
    assert line.session.is_busy
    assert line.session.inbox == []
    await wait_until(lambda: not line.session.is_busy)
    await wait_until(lambda: replies(line) != [])


@loop
async def test_a_fault_while_a_post_is_prepared_is_its_answer(
    node: Node, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("what somebody wrote")

    await posting(node, line)
    monkeypatch.setattr(saying, "_args", fail)
    answer = await line.ask(type="post", id=5, room=ROOM, key="fault", text="hello")
    assert (answer["id"], answer["code"]) == (5, "unavailable")
    assert "wrote" not in str(answer)
    assert not line.session.is_busy


@loop
async def test_who_is_inside_does_not_wait_for_those_at_the_door(node: Node, line: Line) -> None:
    """A few come in at a time; what is said meanwhile is answered."""
    line.sign_in()
    async with contextlib.AsyncExitStack() as others:
        while not node.door.locked():
            await others.enter_async_context(node.door)
        line.say(type="join", id=1, room=ROOM)
        second = Line(node)
        second.sign_in()
        assert (await second.ask(type="ping", id=2))["type"] == "pong"
        assert line.outlet.frames == []
    await wait_until(lambda: [frame["type"] for frame in line.outlet.frames] == ["joined"])
    second.session.end()
    await second.task
