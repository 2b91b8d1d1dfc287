"""What `hearth bench` is asked wrongly; what it measures is tried in `tests/bench`."""

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("rounds", ["0", "-1", "x", "1001"])
def test_a_measurement_has_rounds(anywhere: Run, rounds: str) -> None:
    done = anywhere("bench", "fanout", f"--rounds={rounds}")
    assert done.code == 2
    assert "a number from 1 to 1,000" in done.err
