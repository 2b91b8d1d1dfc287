from __future__ import annotations

from pathlib import Path

import pytest

from moderation import Action, Pipeline, RuleError, load
from moderation.services import read_services


def test_numbers_are_read_as_digits(tmp_path: Path) -> None:
    """What is dialled and what is texted, with and without a leading 1; none where there is no registry."""
    path = tmp_path / "helplines.toml"
    assert read_services(path) == ()
    path.write_text(
        '[[helplines]]\ndial = "1-800-555 0199"\nsms = "85 258"\n[[helplines]]\nname = "a chat"\n'
    )
    assert read_services(path) == ("18005550199", "8005550199", "85258")


def test_a_number_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A bare 0800 would have lost its zeros."""
    path = tmp_path / "helplines.toml"
    path.write_text("[[helplines]]\ndial = 8001111\n")
    with pytest.raises(RuleError, match="quotation marks"):
        read_services(path)


def test_every_helpline_reaches_the_room(pipeline: Pipeline, config: Path) -> None:
    """No number of the registry is taken for somebody's own, however it is parted."""
    numbers = read_services(config / "helplines.toml")
    assert len(numbers) > 20
    for number in numbers:
        for written in (
            number,
            f"{number[:4]} {number[4:]}".strip(),
            "-".join((number[:3], number[3:])).strip("-"),
        ):
            assert pipeline.judge(f"you can ring {written} at any hour").action is Action.DELIVER, written


def test_a_new_helpline_counts(tmp_path: Path, config: Path) -> None:
    """A line that an operator adds to the registry is known at the next load."""
    (tmp_path / "rules").symlink_to(config / "rules")
    (tmp_path / "lexicons").symlink_to(config / "lexicons")
    text = "they are on 0777 123 4599"
    assert load(tmp_path).judge(text).action is Action.MASK
    (tmp_path / "helplines.toml").write_text('[[helplines]]\ndial = "0777 1234599"\n')
    assert load(tmp_path).judge(text).action is Action.DELIVER
