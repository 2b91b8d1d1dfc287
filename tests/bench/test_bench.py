"""`hearth bench` against the real server: a tiny load, every delivery checked, no figure asserted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from chat.bench.servers import bare, hearth, run_load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads processor time from Linux's /proc")

SHAPE: dict[str, Any] = {"rooms": ["bench-0", "bench-1"], "receivers": 3, "window": 2, "messages": 20}


def test_a_small_load_reaches_everybody_once_and_in_order(tmp_path: Path) -> None:
    """The server delivers each message to each member, checked by these; and once more on the same store."""
    with hearth(tmp_path, SHAPE["rooms"]) as server:
        for _ in range(2):
            found = run_load(server, {**SHAPE, "is_bare": False, "tokens": server.tokens(3, SHAPE["rooms"])})
            assert found["deliveries"] > 0
            assert len(found["us"]) == 2


def test_the_yardstick_carries_the_same_load(tmp_path: Path) -> None:
    """The bare server passes the same checks with frames as long, or there would be nothing to compare with."""
    with bare() as yardstick, hearth(tmp_path, SHAPE["rooms"]) as server:
        plain = run_load(yardstick, {**SHAPE, "is_bare": True, "tokens": []})
        ours = run_load(server, {**SHAPE, "is_bare": False, "tokens": server.tokens(3, SHAPE["rooms"])})
    assert plain["deliveries"] > 0
    assert abs(plain["bytes"] - ours["bytes"]) <= 2, "seqs and ids may have a digit more"
