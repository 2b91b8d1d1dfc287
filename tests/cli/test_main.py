"""The program says which commands there are, and why one could not be done."""

import argparse
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from chat import __version__
from chat.cli import CommandError, main
from chat.config import ConfigError


@pytest.fixture(autouse=True)
def _restore_logs() -> Iterator[None]:
    handlers = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Put a command `token` in place that raises."""

    def run(_: argparse.Namespace) -> int:
        raise error

    def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
        commands.add_parser("token").set_defaults(func=run)

    monkeypatch.setattr("chat.cli.token.register", register)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert all(f"    {command} " in printed for command in main.COMMANDS)


@pytest.mark.parametrize("command", main.COMMANDS)
def test_every_command_has_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: hearth {command} ")


@pytest.mark.parametrize("words", [[], ["dance"], ["token"], ["token", "--role", "owner", "--name", "x"]])
def test_asked_wrongly(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(words)
    assert ended.value.code == main.WRONG_USE
    assert "usage: hearth" in capsys.readouterr().err


@pytest.mark.parametrize("error", [CommandError("a\nb"), ConfigError(["a", "b"])])
def test_what_an_operator_can_mend_is_told_line_by_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, error)
    assert main.main(["token"]) == 1
    assert capsys.readouterr() == ("", "hearth: a\nhearth: b\n")


def test_a_bug_is_not_taken_for_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, ValueError("ours"))
    with pytest.raises(ValueError, match="ours"):
        main.main(["token"])


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    assert main.main(["token"]) == main.INTERRUPTED


def test_both_names_are_the_same_program(tmp_path: Path) -> None:
    """And it runs outside of the checkout."""
    script = "import sys; from chat.__main__ import main; sys.exit(main())"
    root = Path(main.__file__).parents[2]
    for start in (["-m", "chat"], ["-c", script]):
        ended = subprocess.run(
            [sys.executable, *start, "--version"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stdout == f"hearth {__version__}\n"


def test_a_reader_that_has_enough_is_no_failure_of_ours(tmp_path: Path) -> None:
    root = Path(main.__file__).parents[2]
    command = f"'{sys.executable}' -m chat asyncapi | true"
    ended = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
