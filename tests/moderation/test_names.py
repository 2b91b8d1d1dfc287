from __future__ import annotations

from pathlib import Path

import pytest

from moderation.lexicon import Lexicon, load_lexicon
from moderation.names import is_named


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(Path(__file__).parents[2] / "config" / "lexicons")


@pytest.mark.parametrize(
    "text",
    [
        "it was Tobin Harrowgate and he works here",
        "Nurse Ada Quill-Marsh, she works here",
        "ask Mr Petrus van Dalen, he works here",
    ],
)
def test_a_full_name_near(lexicon: Lexicon, text: str) -> None:
    """Two words with capitals, a title or not, are somebody's name."""
    at = text.index("here")
    assert is_named(text, at, at + 4, lexicon)


@pytest.mark.parametrize(
    "text",
    [
        "she works here",
        "Miss Quill works here",
        "I'm Tobin Harrowgate and I work here",
        "the Oldmere Grammar School is here",
        "the one in Oldmere Green works here",
        "Every Word Of This Has Capitals Here here",
        f"Tobin Harrowgate {'and so on ' * 20}here",
    ],
)
def test_no_full_name_near(lexicon: Lexicon, text: str) -> None:
    """A single name, a place, one's own name, a text all in capitals or a name far away tell of nobody."""
    at = text.index("here")
    assert not is_named(text, at, at + 4, lexicon)
