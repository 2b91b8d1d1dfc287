from __future__ import annotations

from pathlib import Path

import pytest

from moderation import Pipeline, load

CONFIG = Path(__file__).parent.parent.parent / "config"


@pytest.fixture(scope="session")
def config() -> Path:
    return CONFIG


@pytest.fixture(scope="session")
def pipeline(config: Path) -> Pipeline:
    return load(config)
