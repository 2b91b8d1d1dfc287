from __future__ import annotations

from pathlib import Path

import pytest
import re2

from moderation.lexicon import Lexicon, RuleError, load_lexicon, parse

GOOD = """language = "en"
[[list]]
name = "fruit"
tier = 1
source = "a test"
date = 2026-11-24
words = ["apple", "red pear"]
"""


def _lexicon(folder: Path, text: str) -> Lexicon:
    (folder / "en.toml").write_text(text, "utf-8")
    return load_lexicon(folder)


def test_notation(tmp_path: Path) -> None:
    """A list, a gap of words, a space and an optional space expand to RE2."""
    lexicon = _lexicon(tmp_path, GOOD)
    pattern = re2.compile(lexicon.expand("my<0-2> <fruit> self ?ish[ a]"))
    assert pattern.fullmatch("my very own red, pear selfish ") is not None
    assert pattern.fullmatch("my very own big apple selfisha") is None


def test_a_list_in_two_languages_is_one(tmp_path: Path) -> None:
    """Each language adds its words to the list of that name."""
    (tmp_path / "fr.toml").write_text(GOOD.replace('"en"', '"fr"').replace("red pear", "poire"), "utf-8")
    assert _lexicon(tmp_path, GOOD).words("fruit") == ("apple", "red pear", "apple", "poire")


def test_empty_list_matches_nothing(tmp_path: Path) -> None:
    """A list without words is no pattern that matches everywhere."""
    lexicon = _lexicon(tmp_path, GOOD.replace('["apple", "red pear"]', "[]"))
    assert re2.compile(lexicon.expand("<fruit>")).search("apple anything") is None
    assert Lexicon([]).words("fruit") == ()


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (GOOD.replace("tier = 1", "tier = 9"), 3, "tier"),
        (GOOD.replace('source = "a test"', 'source = ""'), 3, "source"),
        (GOOD.replace("2026-11-24", '"soon"'), 3, "date"),
        (GOOD.replace('["apple", "red pear"]', "[1]"), 3, "words"),
        (GOOD.replace("tier = 1", "colour = 1"), 3, "unknown field colour"),
        (GOOD.replace('"en"', '"english"'), 1, "language"),
        (GOOD + GOOD.partition("\n")[2], 3, "second list"),
        (GOOD + "[[list]\n", 8, "line 8"),
    ],
)
def test_a_wrong_list_is_refused_with_its_line(tmp_path: Path, text: str, line: int, why: str) -> None:
    """File, line and reason."""
    with pytest.raises(RuleError, match=why) as caught:
        _lexicon(tmp_path, text)
    assert (caught.value.file, caught.value.line) == ("en.toml", line)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """What cannot be read is refused like what cannot be parsed."""
    with pytest.raises(RuleError, match="cannot be read"):
        parse(tmp_path / "none.toml")
