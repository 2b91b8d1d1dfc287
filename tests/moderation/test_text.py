# ruff: noqa: RUF001 -- characters that look like others are what is tested
from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.text import _ASCII, _DROPPED, _TABLE, fold, fold_character

ANYTHING = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from(".…'’ \n\r\u200b\u0301\u202e😂ﷺßİ\u2002"),
        st.integers(0xD800, 0xDFFF).map(chr),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("I don’t   KNOW", "i dont know"),
        ("ｋｉｌｌ 𝓶𝔂𝓼𝓮𝓵𝓯", "kill myself"),
        ("kіll mysеlf", "kill myself"),
        ("d\u200bi\u00ade", "die"),
        ("d̷i̷e̷", "die"),
        ("café Señor", "cafe senor"),
        ("wait... what", "wait, what"),
        ("one\n\n two", "one\ntwo"),
        ("🅺🅸🅻🅻", "kill"),
        ("\ud800", ""),
        ("so funny 😂🤣😂 no 🔪🔪", "so funny lol no knife"),
        ("A\tB\x00C\x1cD\r\n E", "a bc d\ne"),
        ("", ""),
    ],
)
def test_plain_form(text: str, plain: str) -> None:
    """Case, width, look-alikes, marks and invisible characters fold away."""
    assert fold(text).plain == plain


@given(ANYTHING)
def test_every_character_leads_back(text: str) -> None:
    """Each character of the plain form has a span in the original, in order and within it."""
    folded = fold(text)
    last = 0
    for at in range(len(folded.plain)):
        start, end = folded.span(at, at + 1)
        assert last <= start < end <= len(text)
        last = start


@given(ANYTHING)
def test_slow_way_is_the_fast_way(text: str) -> None:
    """The traced fold has as many characters as the plain form, so that no span is shifted."""
    folded = fold(text)
    folded.span(0, 1)
    assert folded._starts is not None
    assert len(folded._starts) == len(folded.plain)


@given(st.text(st.characters(codec="ascii"), max_size=80))
def test_the_way_of_plain_letters_is_the_way_of_all(text: str) -> None:
    """ASCII is folded by a table of its own, to what the table of all characters makes of it."""
    assert text.encode().translate(_ASCII, _DROPPED).decode() == text.translate(_TABLE)


@given(ANYTHING)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    """A plain form has no invisible characters and no upper case left."""
    plain = fold(text).plain
    assert plain == plain.strip()
    assert not any(unicodedata.category(one) in ("Cf", "Cs", "Cc") for one in plain if one != "\n")


def test_replaced_keeps_the_way_back() -> None:
    """A replacement stands for all of what it replaced."""
    folded = fold("I k!ll it").replaced([(2, 6, "kill")])
    assert folded.plain == "i kill it"
    assert folded.span(2, 6) == (2, 6)
    assert folded.span(7, 9) == (7, 9)


def test_every_plane_folds() -> None:
    """No code point raises, and none becomes more than a few characters."""
    assert all(len(fold_character(chr(code))) <= 12 for code in range(0, 0x110000, 7))
