"""`hearth token` prints a token alone, for whom and where it was asked."""

import argparse
import logging
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from chat.cli.main import main
from chat.cli.token import duration
from chat.protocol.fields import Role
from chat.tokens import KEY_FILE, Claims, load_key, verify


@pytest.fixture(autouse=True)
def _restore_logs() -> Iterator[None]:
    handlers = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


class Issue:
    """Runs the command with `data` and reads the token."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys

    def __call__(self, *words: str) -> Claims:
        assert main(["token", *words, "--data", str(self.data)]) == 0
        printed = self._capsys.readouterr()
        assert printed.err == ""
        assert printed.out.count("\n") == 1
        return verify(load_key(self.data), printed.out.strip(), time.time_ns() // 1_000_000)


@pytest.fixture
def issue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Issue:
    return Issue(tmp_path / "data", capsys)


def test_all_rooms_and_half_a_day_unless_said_otherwise(issue: Issue) -> None:
    claims = issue("--role", "moderator", "--name", "Ann")
    assert (claims.name, claims.grants) == ("Ann", {"*": Role.MODERATOR})
    assert claims.user.startswith("u_")
    assert claims.expires - claims.issued_at == 12 * 3_600_000


def test_the_rooms_that_are_named_exist_or_not(issue: Issue) -> None:
    claims = issue("--role", "facilitator", "--name", "Ann", "--room", "a", "--room", "b", "--ttl", "7d")
    assert claims.grants == {"a": Role.FACILITATOR, "b": Role.FACILITATOR}
    assert claims.expires - claims.issued_at == 7 * 86_400_000


def test_somebody_known(issue: Issue) -> None:
    assert issue("--role", "participant", "--name", "Ann", "--user", "u_known").user == "u_known"


def test_the_key_is_made_on_first_use_and_kept(issue: Issue) -> None:
    first = issue("--role", "participant", "--name", "Ann")
    assert stat.S_IMODE((issue.data / KEY_FILE).stat().st_mode) == 0o600
    second = issue("--role", "participant", "--name", "Ann")
    assert first.user != second.user


def test_names_are_tidied(issue: Issue) -> None:
    assert issue("--role", "participant", "--name", "  Zoe\u0308   B ").name == "Zo\u00eb B"


@pytest.mark.parametrize(
    "words",
    [
        ["--name", " "],
        ["--name", "a\x00b"],
        ["--name", "a", "--user", "a b"],
        ["--name", "a", "--room", ""],
        ["--name", "a", "--room", "x" * 65],
        ["--name", "a", "--ttl", "soon"],
        [],
    ],
)
def test_asked_wrongly(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["token", "--role", "participant", "--data", str(tmp_path), *words])
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_name_has_the_length_that_the_server_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "--role", "participant", "--name", "x" * 41, "--data", str(tmp_path)]) == 1
    assert "at most 40" in capsys.readouterr().err


def test_a_broken_configuration_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "server.toml").write_text("prot = 1")
    assert main(["token", "--role", "admin", "--name", "x", "--config", str(tmp_path)]) == 1
    assert (
        capsys.readouterr().err
        == f"hearth: {tmp_path / 'server.toml'}: prot: there is no setting of this name\n"
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("30m", 1_800), ("12h", 43_200), ("2w", 1_209_600)],
)
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1h", "1.5h", "1 h", "1y", "367d", "1h30m", "\u0661h"])
def test_no_durations(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        duration(text)
