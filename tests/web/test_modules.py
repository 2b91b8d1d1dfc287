"""The page's own modules, run by Node: the fold against the shared cases, and what decides without a page."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "chat" / "web"
HERE = Path(__file__).parent
CASES = ROOT / "tests" / "room" / "cases"
INSTALL = (
    "the page's modules are tested with Node.js 20 or later, which is missing here: apt-get install nodejs"
)


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_modules_hold_to_their_cases(name: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip(INSTALL)
    web = tmp_path / "web"
    shutil.copytree(WEB, web)
    (web / "package.json").write_text(json.dumps({"type": "module"}))
    environment = os.environ | {"WEB": web.as_uri(), "CASES": str(CASES)}
    ended = subprocess.run(
        [node, "--test", str(HERE / name)], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_file_is_asked_for_by_the_page_and_nothing_from_elsewhere_is() -> None:
    asked = set(re.findall(r'(?:href|src)="([^"#]+)"', (WEB / "index.html").read_text()))
    waiting = [name for name in asked if name.endswith(".js")]
    while waiting:
        for name in re.findall(r'from "\./([^"]+)"', (WEB / waiting.pop()).read_text()):
            if name not in asked:
                asked.add(name)
                waiting.append(name)
    assert asked == {path.name for path in WEB.iterdir() if path.suffix in {".js", ".css", ".svg"}}


def test_nothing_that_people_wrote_can_become_markup_and_nothing_is_inline() -> None:
    for path in WEB.glob("*.js"):
        source = path.read_text()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source
        ), path
    page = (WEB / "index.html").read_text()
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", page)
