from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.lexicon import Lexicon, load_lexicon
from moderation.mend import Mender
from moderation.text import fold


@pytest.fixture(scope="module")
def mender(config: Path) -> Mender:
    return Mender(load_lexicon(config / "lexicons"))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("k!ll mys3lf", "kill myself"),
        ("s*icide", "suicide"),
        ("su1c1de", "suicide"),
        ("iwanttodie", "i want to die"),
        ("k i l l myself", "kill myself"),
        ("i w a n t t o d i e", "i want to die"),
        ("kiiiillll me", "kill me"),
        ("s.u.i.c.i.d.e", "suicide"),
        ("killmyself", "kill myself"),
        ("sucide", "suicide"),
        ("K-Y-S", "kys"),
        ("unal!ve", "unalive"),
        ("I'm suicidle", "im suicidal"),
        ("wnt to jmp of teh brdge", "want to jump of the bridge"),
        ("relpased wiv the balde", "relapsed with the blade"),
        ("ym hnads r shkaing nwo", "my hands r shaking now"),
        ("iv swalowd al teh tabelts", "iv swallowed all the tablets"),
        ("killm yself tongiht", "kill myself tonight"),
        ("pls i wnt to dye", "please i want to die"),
        ("wnt 2 b ded", "want to be dead"),
    ],
)
def test_bent_words_are_read(mender: Mender, text: str, plain: str) -> None:
    """Leet, masks, spaced, joined and drawn-out letters, and slips of the finger."""
    mended = mender.mend(fold(text))
    assert mended is not None
    assert mended.plain == plain
    assert mended.span(0, len(plain)) == (0, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "the Killers have skills",
        "Sussex and Essex",
        "my therapist",
        "covid19 mp3 gr8 3rd",
        "a b c d",
        "homeless",
        "the fridge is dizzily quiet, I was shaving and drying",
        "5 mg at 10:30",
        "C-3PO",
        "e.g. this",
        "Ph.D. student",
        "a-b-c",
        "soldier",
        "himself",
        "U.S.A.",
        "x*y=z",
        "hed have dyed his hair, wed said, and whatd he do",
        "I want to dye my hair, and the butcher is over there",
        "nao quero sair, ich bin nicht mude, je veux dormir",
    ],
)
def test_innocent_words_stay(mender: Mender, text: str) -> None:
    """What is no bent word of the lexicon is left alone."""
    assert mender.mend(fold(text)) is None


def test_empty_lexicon_mends_nothing() -> None:
    """The empty list is a case like any."""
    assert Mender(Lexicon([])).mend(fold("k!ll iwanttodie k i l l sucide")) is None


@given(st.text(st.sampled_from("kilmysefd !*1@.- i3"), max_size=80))
def test_spans_stay_within_the_text(mender: Mender, text: str) -> None:
    """Whatever is mended still leads back into the original."""
    mended = mender.mend(fold(text))
    if mended is None:
        return
    for at in range(len(mended.plain)):
        start, end = mended.span(at, at + 1)
        assert 0 <= start < end <= len(text)
