"""The corpus: what the pipeline says of our own sentences, group by group, with a floor under each."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from moderation import Judgement, Pipeline, Remark, Severity, load

HERE = Path(__file__).parent
CONFIG = HERE.parent.parent / "config"


def _groups(name: str) -> list[Any]:
    table = tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))
    return [
        pytest.param(group, id=f"{name}/{group['name']}") for group in table.get("group") or table["case"]
    ]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return load(CONFIG)


def fits(judgement: Judgement, wanted: dict[str, Any]) -> bool:
    """Whether a judgement is what the group says, and was not an accident."""
    at_least = Severity.of(wanted.get("severity", "none"))
    at_most = Severity.of(wanted.get("most", "imminent"))
    if judgement.failed or not at_least <= judgement.severity <= at_most:
        return False
    if "most" in wanted and judgement.action != "deliver" and "action" not in wanted:
        return False
    if wanted.get("hold") and judgement.action != "hold":
        return False
    return "action" not in wanted or judgement.action in wanted["action"]


@pytest.mark.parametrize("group", [*_groups("crisis"), *_groups("innocent"), *_groups("conduct")])
def test_group(pipeline: Pipeline, group: dict[str, Any]) -> None:
    """Enough of each group is read as a careful reader would."""
    missed = [text for text in group["cases"] if not fits(pipeline.judge(text, author="a"), group)]
    share = 1 - len(missed) / len(group["cases"])
    assert share >= group["floor"], missed


@pytest.mark.parametrize("case", _groups("context"))
def test_context(pipeline: Pipeline, case: dict[str, Any]) -> None:
    """What was said before changes what a message says."""
    remarks = [Remark(who, 0, pipeline.read(text)) for who, text in case["said"]]
    judgement = pipeline.judge(case["text"], author="a", context=remarks)
    assert fits(judgement, case), (judgement.action, judgement.severity, judgement.reasons)


def test_no_sentence_stands_twice() -> None:
    """Each case is one case."""
    cases = [
        text
        for name in ("crisis", "innocent")
        for group in tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))["group"]
        for text in group["cases"]
    ]
    assert len(cases) == len(set(cases))
