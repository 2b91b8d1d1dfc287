"""An installed program has all it needs outside of the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel brings."""
    made = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(made / "installed")
    return made / "installed"


def run(installed: Path, *words: str, given: str = "") -> str:
    """What `hearth` prints, started far from the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "chat", *words],
        cwd=installed.parent,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"},
        input=given,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def files(folder: Path) -> set[str]:
    """The files in `folder` by their paths in it, without what Python writes."""
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)) for path in paths}


@pytest.mark.parametrize(
    ("source", "place"), [("chat", "chat"), ("moderation", "moderation"), ("config", "chat/_config")]
)
def test_nothing_is_left_behind(installed: Path, source: str, place: str) -> None:
    """Rules, words, scripts and the page are files like any; only what the score was trained on stays."""
    missing = files(ROOT / source) - files(installed / place)
    assert {path for path in missing if not path.startswith("own/")} == set()
    assert not (installed / "moderation" / "own").exists()


def test_settings_are_found(installed: Path) -> None:
    run(installed, "token", "--role", "admin", "--name", "Ann", "--data", str(installed.parent / "data"))
    assert (installed.parent / "data" / "token.key").exists()


def test_rules_are_found(installed: Path) -> None:
    assert '"action"' in run(installed, "check", "--json", given='{"text": "good morning"}\n')
