"""Nothing that somebody can meet is undocumented: commands, codes, settings, keys."""

import os
import re
from pathlib import Path

import pytest

from chat.cli.main import COMMANDS as PROGRAM
from chat.config import Part
from chat.protocol.commands import COMMANDS, RESERVED
from chat.protocol.errors import CloseCode, ErrorCode
from chat.room.permissions import RIGHTS
from chat.settings import ClockSeconds, DueSeconds, Limits, Outbound, Review, RoomPolicy, Settings, Target
from chat.store import keys

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
STORE = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")
PLACES = re.compile(r"`(hearth:[^`]+)`")


def rows(text: str) -> dict[str, list[str]]:
    """The tables' rows by their first cell, without its backticks."""
    cells = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    )
    return {row[0].strip("`"): row[1:] for row in cells}


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - RESERVED))
def test_a_command_is_there_with_who_may(command: str) -> None:
    assert rows(PROTOCOL)[command][0] == RIGHTS[command].least.value


@pytest.mark.parametrize("command", sorted(RESERVED))
def test_a_reserved_command_is_named_as_such(command: str) -> None:
    assert f"`{command}`" in PROTOCOL
    assert command not in rows(PROTOCOL)


def test_no_row_is_about_something_that_is_gone() -> None:
    codes = {str(code.value) for code in CloseCode} | {code.value for code in ErrorCode}
    heads = {"command", "code", "---"}
    assert rows(PROTOCOL).keys() - heads == (COMMANDS.keys() - RESERVED) | codes


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_code_is_there(code: ErrorCode) -> None:
    assert rows(PROTOCOL)[code.value][0]


@pytest.mark.parametrize("code", CloseCode)
def test_a_close_code_says_whether_to_come_back(code: CloseCode) -> None:
    assert rows(PROTOCOL)[str(code.value)][1] == ("yes" if code.may_return else "no")


@pytest.mark.parametrize(
    "table", [Settings, Limits, Review, DueSeconds, ClockSeconds, Outbound, Target, RoomPolicy]
)
def test_every_setting_is_there(table: type[Part] | type[Settings]) -> None:
    ours = set(table.model_fields) - {"limits", "review", "due_seconds", "clock_seconds", "outbound", "room"}
    assert [name for name in sorted(ours) if f"`{name}`" not in SETTINGS] == []


def test_every_key_of_the_store_is_there() -> None:
    named = set(PLACES.findall(keys.__doc__ or ""))
    assert len(named) > 20
    assert named == set(PLACES.findall(STORE))


@pytest.mark.parametrize("command", PROGRAM)
def test_every_command_of_the_program_is_there(command: str) -> None:
    assert f"`hearth {command}`" in README


def test_documents_lead_to_each_other() -> None:
    """Every page under docs/ is named by the README, and every link leads to a file."""
    links = set(re.findall(r"\]\((?!https?:)([^)#]+)", README))
    assert {link for link in links if not (ROOT / link).exists()} == set()
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= links


def test_what_is_not_reviewed_is_said() -> None:
    """Nobody should learn it from the small print of a file."""
    opening = README.partition("## Two commands")[0]
    assert all(word in opening for word in ("clinician", "lived experience", "helplines", "must review"))


def test_continuous_integration_runs_the_readmes_own_command() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "<!-- test -->" in script.read_text(encoding="utf-8")
    command = README.partition("<!-- test -->\n```sh\n")[2].partition("\n```")[0]
    assert "pytest" in command
