"""Whoever is in distress gets kind words and somewhere to call, whatever country or language they chose."""

import shutil
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.config import ConfigError
from chat.room.care import LINES, Card, Care, load_care
from chat.room.registry import ANYWHERE
from chat.settings import default_config
from moderation import Category, Severity

CARE = load_care(default_config())
CRISES = (Severity.MODERATE, Severity.HIGH, Severity.IMMINENT)
SENTENCES = [
    CARE.card(severity=severity, categories=(), country=country, language="en", seen=seen, held=held).text
    for severity, country, seen, held in product(CRISES, ("IE", None), (False, True), (False, True))
] + [
    CARE.unattended(severity=severity, categories=(), country="IE", language="en", nobody=nobody).text
    for severity, nobody in product(CRISES, (False, True))
]
SENTENCES += [CARE.unread(country="IE", language="en", seen=seen).text for seen in (False, True)]


def card(
    severity: Severity = Severity.MODERATE,
    *categories: Category,
    country: str | None = "IE",
    seen: bool = False,
    held: bool = False,
) -> Card:
    return CARE.card(
        severity=severity, categories=categories, country=country, language="en", seen=seen, held=held
    )


def names(card: Card) -> list[str]:
    return [line["name"] for line in card.helplines]


@given(
    severity=st.sampled_from(Severity),
    categories=st.sets(st.sampled_from(Category)),
    country=st.none()
    | st.text(max_size=3)
    | st.sampled_from(sorted({line.country for line in CARE.helplines})),
    language=st.text(max_size=5) | st.just("en-IE"),
    seen=st.booleans(),
    held=st.booleans(),
)
def test_there_is_always_an_answer(
    severity: Severity, categories: set[Category], country: str | None, language: str, seen: bool, held: bool
) -> None:
    """One to three ways to call; with the emergency number first when, and only when, it is imminent."""
    given = CARE.card(
        severity=severity, categories=categories, country=country, language=language, seen=seen, held=held
    )
    late = CARE.unattended(severity=severity, categories=categories, country=country, language=language)
    for answer in (given, late):
        assert 1 <= len(answer.helplines) <= LINES
        assert "{" not in answer.text
        kinds = [line["kind"] for line in answer.helplines]
        assert (kinds[0] == "emergency") == (severity is Severity.IMMINENT)
        assert "line" in kinds
        assert "emergency" not in kinds[1:]
        assert answer.severity in {"moderate", "high", "imminent"}
        for shown in (*answer.helplines, *answer.resources):
            assert all(shown.values())
    assert given.seen is seen


@pytest.mark.parametrize(
    ("country", "emergency", "first"),
    [
        ("US", "911", "988"), ("CA", "911", "988"), ("GB", "999", "116 123"), ("UK", "999", "116 123"),
        ("IE", "112", "116 123"), ("AU", "000", "13 11 14"), ("NZ", "111", "1737"), ("IN", "112", "14416"),
        ("FR", "112", "3114"), ("ES", "112", "024"), ("DE", "112", "0800 111 0 111"),
        ("ie", "112", "116 123"),
    ],
)  # fmt: skip
def test_numbers_by_country(country: str, emergency: str, first: str) -> None:
    given = card(Severity.IMMINENT, Category.SUICIDE, country=country)
    assert given.helplines[0]["dial"] == emergency
    assert given.helplines[1]["dial"] == first
    assert emergency in given.text
    assert first in given.text
    assert given.text.index(emergency) < given.text.index(first)


@pytest.mark.parametrize("country", ["PT", "IT", "NL"])
def test_countries_with_an_emergency_number_alone(country: str) -> None:
    given = card(Severity.IMMINENT, Category.SUICIDE, country=country)
    assert given.helplines[0]["dial"] == "112"
    assert names(given)[1:] == ["findahelpline.com"]


@pytest.mark.parametrize("country", [None, "", "ZZ", "*", "nowhere", "{line}"])
def test_no_known_country(country: str | None) -> None:
    """No number is guessed: it may be the wrong one."""
    given = card(Severity.IMMINENT, Category.SUICIDE, country=country)
    assert "your local emergency number (112 in most of Europe)" in given.text
    assert "dial" not in given.helplines[0]
    assert names(given)[1:] == ["findahelpline.com"]


@pytest.mark.parametrize(
    ("country", "name"),
    [
        ("US", "National Domestic Violence Hotline"),
        ("GB", "National Domestic Abuse Helpline"),
        ("IE", "Women's Aid"),
        ("AU", "1800RESPECT"),
    ],
)
@pytest.mark.parametrize("category", [Category.ABUSE, Category.VIOLENCE])
def test_violence_gets_a_line_for_it(country: str, name: str, category: Category) -> None:
    assert names(card(Severity.HIGH, category, country=country))[0] == name


def test_where_there_is_no_such_line_the_general_one_and_the_directory() -> None:
    assert names(card(Severity.HIGH, Category.ABUSE, country="CA")) == [
        "988 Suicide Crisis Helpline",
        "findahelpline.com",
    ]


@pytest.mark.parametrize("country", ["US", "CA", None])
def test_abuse_cards_fold_and_offer_a_way_out(country: str | None) -> None:
    """Whoever it is about may be in the room, also where the country has no line of its own."""
    given = card(Severity.MODERATE, Category.ABUSE, country=country)
    assert given.neutral
    assert "quick_exit" in {resource["kind"] for resource in given.resources}
    plain = card(Severity.MODERATE, Category.SUICIDE, country=country)
    assert not plain.neutral
    assert "quick_exit" not in {resource["kind"] for resource in plain.resources}


def test_each_concern_has_its_line_when_several_apply() -> None:
    both = card(Severity.HIGH, Category.ABUSE, Category.SUICIDE, country="GB")
    assert names(both) == ["Samaritans", "National Domestic Abuse Helpline", "Shout"]
    assert names(card(Severity.HIGH, Category.OVERDOSE, country="US"))[0] == "Poison Help"
    assert names(card(Severity.HIGH, Category.EATING_DISORDER, country="IE"))[0] == "Bodywhys"


def test_how_a_line_is_said_depends_on_what_it_has() -> None:
    assert "(call or text 988)" in card(country="US").text
    assert "(call 13 11 14, or text 0477 13 11 14)" in card(country="AU").text
    assert (
        "(call 1-800-799-7233, or text START to 88788)"
        in card(Severity.HIGH, Category.ABUSE, country="US").text
    )


def test_a_client_gets_what_it_needs_to_call() -> None:
    line = card(country="US").helplines[1]
    assert (line["sms"], line["keyword"], line["kind"]) == ("741741", "HOME", "line")
    assert "dial" not in line


def test_nobody_is_promised_before_one_is_there() -> None:
    claims = ("has read", "has seen", "is here for you", "is here with you")
    for severity, held in product(CRISES, (False, True)):
        before, after = (card(severity, held=held, seen=seen).text for seen in (False, True))
        assert "being" in before
        assert not [claim for claim in claims if claim in before]
        assert [claim for claim in claims if claim in after]


def test_what_the_room_does_not_see_is_not_said_to_be_there() -> None:
    for severity, seen in product(CRISES, (False, True)):
        assert "between you and our team" in card(severity, held=True, seen=seen).text
        assert "with the group" not in card(severity, held=True, seen=seen).text


def test_missed_clocks_are_said_plainly() -> None:
    late, nobody = (
        CARE.unattended(severity=Severity.HIGH, categories=(), country="IE", language="en", nobody=nobody)
        for nobody in (False, True)
    )
    assert "116 123" in late.text
    assert late.text != nobody.text
    assert "nobody" in nobody.text.lower()
    urgent = CARE.unattended(severity=Severity.IMMINENT, categories=(), country="IE", language="en")
    assert urgent.text.index("112") < urgent.text.index("116 123")


@pytest.mark.parametrize(
    "words",
    [
        "blocked",
        "violat",
        "committed",
        "successful",
        "failed attempt",
        "secret",
        "our rules",
        "promise",
        "diagnos",
    ],
)
def test_words_that_are_never_used(words: str) -> None:
    assert not [text for text in SENTENCES if words in text.lower()]


def test_every_card_says_how_to_tell_us_that_we_misread() -> None:
    assert all(
        "misread" in card(severity, held=held).text for severity, held in product(CRISES, (False, True))
    )


def test_texts_are_short() -> None:
    assert max(map(len, SENTENCES)) <= 420


@pytest.mark.parametrize("seen", [False, True])
def test_where_we_failed_there_is_a_line_and_nothing_is_asserted(seen: bool) -> None:
    given = CARE.unread(country="IE", language="en", seen=seen)
    assert (given.severity, given.seen, given.neutral) == ("moderate", seen, False)
    assert "116 123" in given.text
    assert names(given)[0] == "Samaritans"
    assert "fault" in given.text or "went wrong on our side" in given.text
    assert not [word for word in ("heavy", "trust", "thank", "misread", "hurt") if word in given.text.lower()]


def test_a_low_signal_gets_a_quiet_link() -> None:
    given = CARE.quiet(country="IE", language="en")
    assert (given.severity, given.neutral) == ("low", False)
    assert names(given) == ["Samaritans"]
    assert len(given.text) < 60


def test_no_helpline_is_older_than_a_year() -> None:
    """Fails when it is time to check them again, and that is what it is for."""
    assert CARE.stale(datetime.now(UTC).date()) == []


def test_old_entries_and_unsigned_files_are_named() -> None:
    later = max(line.verified_at for line in CARE.helplines) + timedelta(days=366)
    assert len(CARE.stale(later)) == len(CARE.helplines)
    assert CARE.stale(later)[0].startswith("helplines.toml: * findahelpline.com: last checked on ")
    assert CARE.unreviewed() == [
        "helplines.toml: nobody has signed at checked_by",
        "care/en.toml: nobody has signed at reviewed_by",
    ]


def test_every_shipped_card_of_the_toolbox_has_steps_and_a_source() -> None:
    assert len(CARE.toolbox) >= 3
    assert all(coping.steps and coping.source for coping in CARE.toolbox.values())


# ── what a broken file says ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(default_config() / "care", tmp_path / "care")
    for name in ("helplines.toml", "cards.toml"):
        shutil.copy(default_config() / name, tmp_path)
    return tmp_path


def spoil(folder: Path, name: str, old: str, new: str) -> tuple[str, ...]:
    """What loading says after one change to one file."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_care(folder)
    return caught.value.faults


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        (
            "helplines.toml",
            'dial = "911"',
            "dail = 911",
            "helplines.1.dail: there is no setting of this name",
        ),
        ("helplines.toml", 'dial = "988"', "dial = 988", "helplines.2.dial: input should be a valid string"),
        ("helplines.toml", "[categories.abuse]", "[categories.theft]", "categories.theft.[key]: "),
        (
            "helplines.toml",
            '[categories.abuse]\ntopics = ["abuse"]\nneutral = true',
            "",
            "categories.abuse: missing",
        ),
        ("helplines.toml", 'country = "*"', 'country = "ZZ"', "must stand in where a country has none"),
        ("helplines.toml", 'sms = "741741"', "", "Crisis Text Line: a keyword goes with sms"),
        ("helplines.toml", 'dial = "116 123"', "", "GB Samaritans: has no dial, sms or chat_url"),
        ("helplines.toml", 'dial = "999"', "", "Emergency services: an emergency number has a country"),
        ("helplines.toml", "verified_at = 2026-11-23", 'verified_at = "lately"', "helplines.0.verified_at: "),
        ("helplines.toml", '"AT",', "3,", "country: input should be a valid string"),
        ("helplines.toml", "[[helplines]]", "[[helplines", "helplines.toml: "),
        ("care/en.toml", "{emergency} now", "them now", "cards.imminent.open: {emergency} is missing"),
        ("care/en.toml", "help: {line}", "help: {lines}", "{line} is missing from this text"),
        ("care/en.toml", "help: {line}", "help: {line.name} {line}", "{line.name} means nothing here"),
        ("care/en.toml", "help: {line}", "help: {line} {", "cards.moderate.open: "),
        ("care/en.toml", "[quiet]", "[quite]", "quiet: field required"),
        ("cards.toml", 'name = "Slow breath"', "", "cards.slow-breath.name: field required"),
    ],
)
def test_faults_have_file_and_key(folder: Path, name: str, old: str, new: str, says: str) -> None:
    found = spoil(folder, name, old, new)
    assert any(says in fault for fault in found), found
    assert all(fault.startswith(str(folder)) for fault in found)


def test_every_fault_is_told_at_once(folder: Path) -> None:
    (folder / "care" / "en.toml").rename(folder / "care" / "xx.toml")
    found = spoil(folder, "helplines.toml", 'keyword = "HOME"', 'key = "HOME"')
    assert [fault.rpartition("/")[2].partition(":")[0] for fault in found] == ["helplines.toml", "en.toml"]


def test_another_language_is_used_where_there_is_one(folder: Path) -> None:
    english = (folder / "care" / "en.toml").read_text(encoding="utf-8")
    (folder / "care" / "de.toml").write_text(
        english.replace("Support is here", "Hilfe ist da"), encoding="utf-8"
    )
    care: Care = load_care(folder)
    assert care.quiet(country="DE", language="de-AT").text.startswith("Hilfe")
    assert care.quiet(country="DE", language="fr").text.startswith("Support")


def test_an_empty_toolbox_is_fine(folder: Path) -> None:
    (folder / "cards.toml").unlink()
    assert load_care(folder).toolbox == {}


def test_a_registry_of_the_directory_alone_still_answers(folder: Path) -> None:
    """The empty list, as far as lists about care may be empty."""
    text = (folder / "helplines.toml").read_text(encoding="utf-8")
    head = text[: text.index("# United States")]
    (folder / "helplines.toml").write_text(head, encoding="utf-8")
    care = load_care(folder)
    given = care.card(severity=Severity.IMMINENT, categories=(Category.ABUSE,), country="US", language="en")
    assert [line["kind"] for line in given.helplines] == ["emergency", "line"]
    assert [line.country for line in care.helplines] == [ANYWHERE]
    assert care.stale(date(2026, 11, 23)) == []


OWN_LINE = """
[[helplines]]
country = "IE"
name = "Our own line"
topics = ["suicide"]
dial = "01 234 5678"
source_url = "https://example.org/"
verified_at = 2026-11-01
"""


def own(folder: Path, lines: str) -> None:
    (folder / "helplines.local.toml").write_text(lines, encoding="utf-8")


def first(care: Care, country: str) -> list[str]:
    given = care.card(severity=Severity.HIGH, categories=(Category.SUICIDE,), country=country, language="en")
    return [line["name"] for line in given.helplines]


def test_an_organisations_own_lines_come_first(folder: Path) -> None:
    """Those that ship stand behind them, or, where that is wished, not at all; other countries keep theirs."""
    shipped = first(load_care(folder), "IE")
    own(folder, OWN_LINE)
    assert first(load_care(folder), "IE") == ["Our own line", *shipped][:LINES]
    assert first(load_care(folder), "US") == first(CARE, "US")
    emergency = OWN_LINE.replace("Our own line", "Emergency").replace(
        'topics = ["suicide"]', "emergency = true"
    )
    own(folder, 'checked_by = "A. Nurse"\ninstead = ["IE"]\n' + OWN_LINE + emergency)
    assert first(load_care(folder), "IE") == ["Our own line"]


def test_one_of_the_same_name_takes_the_place(folder: Path) -> None:
    own(folder, OWN_LINE.replace("Our own line", "Samaritans"))
    care = load_care(folder)
    found = [line for line in care.helplines if (line.country, line.name) == ("IE", "Samaritans")]
    assert [line.dial for line in found] == ["01 234 5678"]


def test_own_lines_are_signed_and_grow_old_too(folder: Path) -> None:
    own(folder, OWN_LINE)
    care = load_care(folder)
    assert "helplines.local.toml: nobody has signed at checked_by" in care.unreviewed()
    assert care.stale(date(2027, 11, 2))[0].startswith("helplines.local.toml: IE Our own line: last checked")
    own(folder, 'checked_by = "A. Nurse"\n')
    assert not [line for line in load_care(folder).unreviewed() if "local" in line]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('instead = ["IE"]\n' + OWN_LINE, "IE: its emergency number is missing"),
        ('instead = ["*"]\n' + OWN_LINE, "a line that stands in where a country has none"),
        (OWN_LINE.replace('dial = "01 234 5678"', ""), "Our own line: has no dial, sms or chat_url"),
        (OWN_LINE.replace("dial", "dail"), "helplines.0.dail"),
        ("instead = [", "helplines.local.toml"),
    ],
)
def test_faults_of_ones_own_file_are_told(folder: Path, lines: str, says: str) -> None:
    own(folder, lines)
    with pytest.raises(ConfigError, match="local") as caught:
        load_care(folder)
    assert any(says in fault for fault in caught.value.faults), caught.value.faults


def test_resources_for_who_is_not_ready_to_call() -> None:
    """A word to the team, an exercise, a directory: each card has them."""
    kinds = [resource["kind"] for resource in card(Severity.MODERATE).resources]
    assert kinds[:3] == ["private_word", "grounding", "directory"]
