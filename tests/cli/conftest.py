"""Commands run in the tests' own process: on the session's store, or on a data directory of their own."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from chat.cli.main import main
from tests.stored import broker, client, content, keys_folder, people, review, scene, store

__all__ = ["broker", "client", "content", "keys_folder", "people", "review", "scene", "store"]


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def anywhere(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command just as it is given."""
    handlers = list(logging.getLogger().handlers)

    def run(*words: str) -> Done:
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    yield run
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


@pytest.fixture
def here(anywhere: Run, store: str, keys_folder: Path) -> Run:
    """Run a command on the session's store."""
    return lambda *words: anywhere(*words, "--store", store, "--data", str(keys_folder))


@pytest.fixture
def alone(anywhere: Run, tmp_path: Path) -> Run:
    """Run a command on a data directory that no server uses."""
    return lambda *words: anywhere(*words, "--data", str(tmp_path / "data"))


async def beside(run: Run, *words: str) -> Done:
    """Run a command while the tests' loop goes on, as beside a server."""
    return await asyncio.to_thread(run, *words)
