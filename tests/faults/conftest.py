"""How much of each fault test runs: the short form by default, the long one on request."""

import os
import random
from dataclasses import dataclass

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: the numbers that the invariants are stated with; hours, not minutes."""
    parser.addoption("--long", action="store_true", default=False, help="the fault tests at full length")
    parser.addoption("--seed", type=int, default=1, help="what the fault tests' dice start from")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a test goes."""

    is_long: bool
    seed: int

    def __call__(self, short: int, long: int) -> int:
        """How often something is done."""
        return long if self.is_long else short

    def dice(self) -> random.Random:
        """The same throws for the same seed."""
        return random.Random(self.seed)


@pytest.fixture(scope="session")
def reach(request: pytest.FixtureRequest) -> Reach:
    """How far the tests of this run go."""
    is_long = request.config.getoption("--long", default=False) or bool(os.environ.get("HEARTH_LONG"))
    return Reach(bool(is_long), int(request.config.getoption("--seed", default=1)))
