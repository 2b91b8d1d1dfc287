"""`hearth bench signal`: a tiny crowd that comes back, every signal looked for at every socket; no figure asserted."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from chat.bench.load import text_of
from chat.bench.servers import hearth, run_load
from chat.bench.signals import SIGNAL, frames
from chat.cli import CommandError
from chat.settings import default_config
from moderation import load

ROOMS = ["bench-0", "bench-1"]
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads processor time from Linux's /proc")


def test_frames_are_taken_apart_wherever_the_stream_is_cut() -> None:
    payloads = [b"", b"a" * 125, b"b" * 126, b"c" * 65_536]
    stream = b"\x81\x00" + b"\x81\x7d" + payloads[1] + b"\x81\x7e" + struct.pack("!H", 126) + payloads[2]
    stream += b"\x81\x7f" + struct.pack("!Q", 65_536) + payloads[3] + b"\x89\x00"
    for cut in (0, 1, 2, 3, 130, 131, 200, 400, len(stream) - 1, len(stream)):
        first, rest = frames(stream[:cut])
        second, left = frames(rest + stream[cut:])
        assert [*first, *second] == [*((1, payload) for payload in payloads), (9, b"")]
        assert left == b""


def test_each_signal_is_one_and_is_delivered() -> None:
    """Else what is waited for never comes."""
    pipeline = load(default_config())
    texts = {f"{SIGNAL}, {text_of(number).rpartition(', ')[2]}" for number in range(200)}
    assert len(texts) == 200
    for text in texts:
        found = pipeline.judge(text, author="a")
        assert (found.action.value, found.flag) == ("deliver", True)


@linux
def test_every_signal_reaches_staff_while_all_come_back(tmp_path: Path) -> None:
    with hearth(tmp_path, ROOMS) as server:
        task = {
            "rooms": ROOMS, "tokens": server.tokens(3, ROOMS), "authors": server.tokens(1, ROOMS, who="author"),
            "staff": server.tokens(2, ["*"], who="staff", role="moderator"),
            "talk": 5, "signals": 5, "rounds": 1, "within": 60, "seed": 1,
        }  # fmt: skip
        found = run_load(server, task, kind="signals")
        assert found["signals"] > 0
        assert 0 < found["median"] <= found["99th"] <= found["most"]
        with pytest.raises(CommandError, match="hello was answered"):
            run_load(server, {**task, "staff": ["nobody"]}, kind="signals")
