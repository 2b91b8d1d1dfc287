"""What slips of the finger stand for, worked out from the words alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from moderation.lexicon import Lexicon, WordList, load_lexicon
from moderation.typos import Typos


@pytest.fixture(scope="module")
def typos(config: Path) -> Typos:
    return Typos(load_lexicon(config / "lexicons"))


def lexicon(**lists: tuple[str, ...]) -> Lexicon:
    """A lexicon of lists of mending alone."""
    return Lexicon(
        WordList(f"mend.{name}", "en", 1, "test", date(2026, 11, 27), words) for name, words in lists.items()
    )


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ("taebl", "table"),
        ("ttable", "table"),
        ("tabel", "table"),
        ("tbl", "table"),
        ("tsble", "table"),
        ("tble", "table"),
    ],
)
def test_haste_is_read_in_little_words(wrong: str, word: str) -> None:
    """Letters that change places once or twice, come twice, lose their vowels or give way to the next key."""
    assert Typos(lexicon(little=(word,))).right(wrong) == word


@pytest.mark.parametrize("wrong", ["suacidel", "scuidal", "sooicidle", "suiicidla", "suicixal"])
def test_words_of_signals_are_known_by_their_consonants(typos: Typos, wrong: str) -> None:
    """Of a word that matters, any vowels between its consonants will do, and any one slip."""
    assert typos.right(wrong) == "suicidal"


def test_a_real_word_is_no_slip() -> None:
    """What is listed as innocent is never anything else, even where it is written as a pair."""
    some = Typos(lexicon(little=("table",), innocent=("tble",), typos=("tabl table",)))
    assert some.right("tble") is None
    assert some.right("tabl") == "table"
    assert some.right("table") is None


def test_only_many_slips_make_real_words_doubtful() -> None:
    """One slip is nothing; from the second on a text is read as one written in haste."""
    some = Typos(lexicon(little=("table", "chair"), innocent=("fable",), loose=("fable table",)))
    assert not some.are_many("the tabel fable fable")
    assert some.are_many("the tabel chiar fable")


def test_spaces_that_slipped_are_put_back() -> None:
    """A letter goes to the word that it belongs to, and a word that was cut in two is one again."""
    some = Typos(lexicon(little=("kill", "myself", "to", "live")))
    moved = [new for _, _, new in some.moved("killm yself t olive and tol ive, li ve kill myself")]
    assert moved == ["kill myself", "to live", "to live", "live"]


def test_nothing_is_known_without_words() -> None:
    """The empty list is a case like any."""
    none = Typos(Lexicon([]))
    assert not none.are_in("teh sucide")
    assert none.right("teh") is None
    assert list(none.heard("to dye")) == []
