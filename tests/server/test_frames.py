"""Whatever bytes come in whatever pieces: what the fast way takes is what the library alone would have taken."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from chat.server.frames import is_between_frames, plain_frames

MOST = 300
Heard = tuple[int, bytes]


class Peer:
    """A server's protocol from its handshake on, and the messages and control frames that came of it."""

    def __init__(self) -> None:
        self.protocol = ServerProtocol(max_size=MOST)
        self.protocol.receive_data(
            b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        (request,) = self.protocol.events_received()
        response = self.protocol.accept(request)  # type: ignore[arg-type]  # the first event is the request
        self.protocol.send_response(response)
        self.protocol.data_to_send()
        self.heard: list[Heard] = []
        self.taken = 0

    def slowly(self, data: bytes) -> None:
        """All of it through the library."""
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            assert isinstance(event, Frame)
            self.heard.append((event.opcode | (0x80 if event.fin else 0), bytes(event.data)))

    def fast(self, data: bytes) -> None:
        """As a connection does."""
        in_parts = self.protocol.current_size is not None
        if not in_parts and self.protocol.state is OPEN and is_between_frames(self.protocol.parser):
            frames, end = plain_frames(data, MOST)
            self.heard += frames
            self.taken += len(frames)
            data = data[end:]
        if data:
            self.slowly(data)

    def outcome(self) -> Any:
        return (
            self.heard,
            self.protocol.state,
            self.protocol.close_rcvd,
            b"".join(self.protocol.data_to_send()),
        )


def frame(
    opcode: int, payload: bytes, *, fin: bool = True, mask: bytes | None = b"\x01\x02\x03\x04"
) -> bytes:
    """A frame, right or wrong."""
    head = bytes(((0x80 if fin else 0) | opcode,))
    marked = 0x80 if mask is not None else 0
    size = len(payload)
    if size < 126:
        head += bytes((marked | size,))
    else:
        head += bytes((marked | 126,)) + size.to_bytes(2, "big")
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


masks = st.binary(min_size=4, max_size=4)
payloads = st.binary(max_size=MOST + 5) | st.binary(min_size=120, max_size=130)
plain = st.builds(frame, st.sampled_from((1, 2)), payloads, mask=masks)
pings = st.builds(frame, st.sampled_from((9, 10)), st.binary(max_size=12), mask=masks)
parts = st.builds(
    lambda one, two, between: frame(1, one, fin=False) + between + frame(0, two),
    st.binary(max_size=90), st.binary(max_size=90), st.just(b"") | pings | plain,
)  # fmt: skip
wrong = st.one_of(
    st.builds(frame, st.integers(0, 127), payloads, fin=st.booleans(), mask=masks | st.none()),
    st.binary(max_size=20),
    st.just(frame(1, b"x") [:1] + b"\xff" + (2**63).to_bytes(8, "big")),
)  # fmt: skip


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[left:right] for left, right in itertools.pairwise(edges) if left < right]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(plain | plain | pings | parts | wrong, max_size=8).map(b"".join),
    st.lists(st.integers(0, 5_000), max_size=6),
)
def test_the_fast_way_hears_what_the_library_hears(data: bytes, cuts: list[int]) -> None:
    fast, slow = Peer(), Peer()
    for piece in pieces(data, cuts):
        fast.fast(piece)
        slow.slowly(piece)
    assert fast.outcome() == slow.outcome()


@pytest.mark.parametrize("size", [0, 1, 125, 126, MOST])
@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_plain_frames_are_taken_without_the_library(opcode: Opcode, size: int) -> None:
    """Else a version that waits in another place would cost its time unnoticed."""
    peer = Peer()
    sent = [bytes([65 + number]) * size for number in range(3)]
    peer.fast(b"".join(frame(opcode, payload, mask=b"abcd") for payload in sent))
    assert peer.heard == [(0x80 | opcode, payload) for payload in sent]
    assert peer.taken == 3


def test_after_a_frame_in_pieces_the_next_is_taken_again() -> None:
    peer = Peer()
    whole = frame(1, b"hello")
    for piece in (whole[:4], whole[4:] + frame(9, b"?"), whole):
        peer.fast(piece)
    assert [payload for _, payload in peer.heard] == [b"hello", b"?", b"hello"]
    assert peer.taken == 1
