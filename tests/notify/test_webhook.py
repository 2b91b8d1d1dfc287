import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import pytest

from chat.node.ports import NotSent, Page
from chat.notify.pager import pager_of
from chat.notify.webhook import Webhook, body_of, key_of
from chat.settings import Outbound
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.asyncio

SECRET = "quite-long-and-secret"
PAGE = Page("f_1.blue.2", "blue", "f_1.blue", "imminent", 2, 1_700_000_000_000, ("u_otto",))


def answering(text: str) -> Callable[[int], bytes]:
    return lambda _: text.encode()


def webhook(receiver: Receiver, **more: Any) -> Webhook:
    options = {"timeout": 5.0, "allow_private": True, **more}
    return Webhook(receiver.url, SECRET, **options)


async def test_a_call_is_signed_and_says_nothing_of_what_was_written(receiver: Receiver) -> None:
    await webhook(receiver).send(PAGE)
    [got] = receiver.got
    assert got.line == "POST /hook?x=1 HTTP/1.1"
    assert got.told == {
        "type": "hearth.call",
        "call": "f_1.blue.2",
        "room": "blue",
        "flag": "f_1.blue",
        "severity": "imminent",
        "step": 2,
        "at": 1_700_000_000_000,
        "on_call": ["u_otto"],
        "text": "Imminent signal in room blue, flag f_1.blue",
    }
    at = got.headers["webhook-timestamp"]
    signed = hmac.new(SECRET.encode(), f"f_1.blue.2.{at}.".encode() + got.body, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == "v1," + base64.b64encode(signed).decode()
    assert got.headers["webhook-id"] == got.headers["idempotency-key"] == "f_1.blue.2"
    assert abs(int(at) - time.time()) < 60


async def test_a_secret_may_be_written_as_the_standard_does() -> None:
    assert key_of("whsec_" + base64.b64encode(b"raw key").decode()) == b"raw key"
    assert key_of("as it is") == b"as it is"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("HTTP/1.1 500 Oh\r\n\r\n", "status_500"),
        ("HTTP/1.1 404 No\r\n\r\n", "status_404"),
        ("HTTP/1.1 301 There\r\nLocation: https://1.1.1.1/\r\n\r\n", "status_301"),
        ("HTTP/2 200\r\n\r\n", "answer"),
        ("SSH-2.0-x\r\n", "answer"),
        ("HTTP/1.1 abc\r\n\r\n", "answer"),
        ("", "answer"),
        ("HTTP/1.1 " + "9" * 20_000, "answer"),
        ("HTTP/1.1 100 Go on\r\n\r\n" * 9, "answer"),
    ],
)
async def test_only_a_plain_yes_counts(receiver: Receiver, answer: str, why: str) -> None:
    receiver.answer = answering(answer)
    with pytest.raises(NotSent) as lost:
        await webhook(receiver).send(PAGE)
    assert lost.value.why == why


async def test_an_interim_answer_is_read_over(receiver: Receiver) -> None:
    receiver.answer = answering("HTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    await webhook(receiver).send(PAGE)


async def test_a_redirect_inside_is_not_followed(receiver: Receiver) -> None:
    async with receiving() as inside:
        receiver.answer = answering(f"HTTP/1.1 307 There\r\nLocation: {inside.url}\r\n\r\n")
        with pytest.raises(NotSent, match="status_307"):
            await webhook(receiver).send(PAGE)
        assert inside.got == []


async def test_one_that_does_not_answer_is_left(receiver: Receiver) -> None:
    receiver.answer = lambda _: None
    with pytest.raises(NotSent, match="timeout"):
        await webhook(receiver, timeout=0.3).send(PAGE)


async def test_one_that_is_down(receiver: Receiver) -> None:
    async with receiving() as gone:
        pass
    with pytest.raises(NotSent, match="connect"):
        await webhook(gone).send(PAGE)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "127.1"])
async def test_addresses_inside_need_the_operators_word(receiver: Receiver, host: str) -> None:
    """Each way of writing this machine is refused before anything is sent."""
    target = Webhook(f"http://{host}:{receiver.port}/", SECRET, timeout=5, allow_private=False)
    with pytest.raises(NotSent) as lost:
        await target.send(PAGE)
    assert lost.value.why in ("address_inside", "name")
    assert receiver.got == []


async def test_plain_text_where_tls_is_asked_for(receiver: Receiver) -> None:
    """The handshake is never answered in kind, and nothing of the call is told before it."""
    target = Webhook(f"https://127.0.0.1:{receiver.port}/", SECRET, timeout=0.5, allow_private=True)
    with pytest.raises(NotSent):
        await target.send(PAGE)
    assert receiver.got == []


# Apprise looks for a module that Python is about to drop.
@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")
async def test_apprise_reaches_what_it_is_given(receiver: Receiver) -> None:
    """The extra: its own JSON notifier, called at the same receiver."""
    receiver.answer = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    outbound = Outbound.model_validate(
        {
            "targets": [{"name": "mail", "kind": "apprise"}],
            "secrets": {"mail": f"json://127.0.0.1:{receiver.port}/mail"},
        }
    )
    pager = pager_of(outbound)
    assert pager.targets == ("mail",)
    await pager.send("mail", PAGE)
    assert receiver.got[0].told["message"] == "Imminent signal in room blue, flag f_1.blue"
    receiver.answer = answering("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    with pytest.raises(NotSent, match="apprise"):
        await pager.send("mail", PAGE)
    with pytest.raises(NotSent, match="no_such_target"):
        await pager.send("gone", PAGE)


async def test_the_body_is_the_same_each_time() -> None:
    """Whoever gets a call twice can compare."""
    assert body_of(PAGE) == body_of(PAGE)
