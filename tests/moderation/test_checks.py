# ruff: noqa: RUF001 -- digits of other widths are what is tested
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation import Pipeline
from moderation.checks import digits_of, host_of, is_handle, is_identity, is_link, is_phone, may_link
from moderation.digits import luhn
from moderation.lexicon import Lexicon, load_lexicon

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.fixture(scope="module")
def lexicon(config: Path) -> Lexicon:
    return load_lexicon(config / "lexicons")


@given(st.text("0123456789", min_size=1, max_size=15), st.sampled_from([" ", ", ", "-"]))
def test_words_and_digits_are_one_number(digits: str, gap: str) -> None:
    """A number reads the same in digits, in words and in both."""
    words = [WORDS[int(digit)] for digit in digits]
    mixed = [word if at % 2 else digit for at, (word, digit) in enumerate(zip(words, digits, strict=True))]
    assert digits_of(gap.join(words)) == digits
    assert digits_of(gap.join(mixed)) == digits


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("oh double seven 0 triple nine", "0770999"),
        ("o77oo 9ooi2e", "077009001" + "23"),
        ("555-0123", "5550123"),
        ("double 5 1", "551"),
        ("", ""),
    ],
)
def test_digits(text: str, digits: str) -> None:
    """Doubled words and letters that stand for digits."""
    assert digits_of(text) == digits


@pytest.mark.parametrize(
    "text",
    [
        "+44 7700 900123", "(555) 867 5309", "07700900123", "7-7-0-0-9-0-0-4-6", "71-33-52-22", "06 39 98 11 42",
        "oh seven seven double zero nine double zero", "o77oo 9oo i2e", "555.867.5309",
    ],
)  # fmt: skip
def test_phones(lexicon: Lexicon, text: str) -> None:
    """Numbers of people."""
    assert is_phone(text, lexicon)


@pytest.mark.parametrize(
    "text",
    [
        "116 123", "0800 1111", "0808 2000 247", "0300 555 1234", "1-800-555-0199", "13 11 14", "12/05/2024",
        "2024-05-12", "2019-2020-2021", "21-19, 19-21, 21-17", "1 2 3 4 5 6 7 8 9", "9 8 7 6 5 4 3 2 1", "1 000 000",
        "555", "4 5 6 7 10 12 14", "978-3-16-148410-0", "one two three four five six seven eight", "0000000",
        "is 100 so big 200 oz 300",
    ],
)  # fmt: skip
def test_no_phones(lexicon: Lexicon, text: str) -> None:
    """Services, dates, scores, counts, sums and books."""
    assert not is_phone(text, lexicon)


@given(st.text("0123456789", min_size=15, max_size=15).filter(lambda digits: len(set(digits)) > 2))
def test_cards_are_masked_whole(pipeline: Pipeline, payload: str) -> None:
    """A card in the midst of a message goes, and nothing else does; what fails its check digit is no card."""
    payload = "4" + payload[1:]
    for digit in "0123456789":
        number = payload + digit
        card = " ".join(number[at : at + 4] for at in range(0, 16, 4))
        judgement = pipeline.judge(f"take my card {card} please")
        named = any(reason.rule == "room.contact.identity" for reason in judgement.reasons)
        assert named == luhn(number)
        if named:
            assert judgement.text == "take my card [removed] please"


@given(st.integers(7000, 7999), st.integers(100_000, 999_999), st.sampled_from([" ", "-", ".", ""]))
def test_phones_are_masked_whole(pipeline: Pipeline, area: int, rest: int, gap: str) -> None:
    """The number goes, the words around it stay, however it is parted."""
    judgement = pipeline.judge(f"ring me, 0{area}{gap}{rest}, after tea")
    assert judgement.text == "ring me, [removed], after tea"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Write to jo.lee@example.org, any day.", "Write to [removed], any day."),
        ("I'm quiet.fox92 on insta by the way", "I'm [removed] on insta by the way"),
        ("my snap: moonlit_jo!", "my snap: [removed]!"),
        ("the passport is X1234567, I think", "the passport is [removed], I think"),
        ("I live at 14 Maple Grove Road and like it", "I live at [removed] and like it"),
        ("pay GB82 WEST 1234 5698 7654 32 today", "pay [removed] today"),
        ("it is ０７７００ ９００１２３ now", "it is [removed] now"),
        ("see chewy-store.com for it", "see [removed] for it"),
        ("two: 07700 900123 and 07700 900456.", "two: [removed] and [removed]."),
    ],
)
def test_a_mask_covers_exactly_the_detail(pipeline: Pipeline, text: str, left: str) -> None:
    """What is redacted is the detail, all of it and nothing more."""
    assert pipeline.judge(text).text == left


def test_handles_are_no_talk_of_apps(lexicon: Lexicon) -> None:
    """A name on an app is one; a word about the app is none."""
    assert is_handle("my insta is quietfox", lexicon)
    assert is_handle("quiet_fox on kik", lexicon)
    assert not is_handle("my discord is toxic", lexicon)
    assert not is_handle("steam at night", lexicon)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("4111 1111 1111 1111", True), ("1234 5678 9012 3456", False), ("078-05-1120", True), ("000-05-1120", False),
        ("943 476 5919", True), ("943 476 5918", False), ("qq 12 34 56 c", True), ("at 10 20 30 a", False),
        ("2341 2341 2346", True), ("2341 2341 2347", False), ("passport x1234567", True), ("account is 12", False),
        ("pin is 4821", True), ("800 555 0199", False), ("978 3 16 148410 0", False),
    ],
)  # fmt: skip
def test_identities(lexicon: Lexicon, text: str, is_one: bool) -> None:
    """Check digits and shapes decide, or the name that stands before."""
    assert is_identity(text, lexicon) is is_one


def test_links_and_their_hosts(lexicon: Lexicon) -> None:
    """Hosts are read through their disguises; those on the list, and all within them, may be named."""
    assert host_of("https://www.example.com/page") == "example.com"
    assert host_of("my-page dot example and then dot net") == "my-page.example.net"
    assert host_of("example,com/free") == "example.com"
    assert is_link("https://example.com", lexicon)
    assert not is_link("https://www.samaritans.org/how", lexicon)
    assert is_link("notsamaritans.org", lexicon)
    assert is_link("203.0.113.9:80", lexicon)
    assert not is_link("303.0.113.9", lexicon)
    assert not is_link("bed.then", lexicon)
    assert may_link("chat.example.com", ("example.com",))
    assert not may_link("badexample.com", ("example.com",))
