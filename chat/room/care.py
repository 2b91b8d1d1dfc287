"""What somebody in distress is told: words by severity, helplines by topic and country, all configured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Final

from chat.room.registry import (
    ANYWHERE,
    LANGUAGE,
    OWN,
    Alarm,
    Calm,
    Concern,
    Coping,
    Helpline,
    OwnLines,
    RoomWords,
    Words,
    read_files,
)
from moderation import Category, Severity

__all__ = ["Card", "Care", "Coping", "Helpline", "load_care"]

GENERAL: Final = "suicide"
"""The topic whose lines take any crisis."""
LINES: Final = 3
"""At most so many ways to call: a list of twenty helps nobody."""
FRESH: Final = timedelta(days=365)
"""How long a checked helpline counts as checked."""


@dataclass(frozen=True, slots=True)
class Card:
    """What one person gets: words, at most three ways to call, other resources."""

    severity: str
    seen: bool
    text: str
    helplines: tuple[Mapping[str, str], ...]
    resources: tuple[Mapping[str, str], ...]
    neutral: bool = False
    """Fold it to one plain line that tells a bystander nothing, and offer the quick way out."""


@dataclass(frozen=True, slots=True)
class Care:
    """Every configured word and line. It always has an answer, for unknown countries and languages too."""

    helplines: tuple[Helpline, ...]
    concerns: Mapping[Category, Concern]
    aliases: Mapping[str, str]
    languages: Mapping[str, Words]
    toolbox: Mapping[str, Coping]
    checked_by: str
    own: OwnLines | None = None

    def card(
        self,
        *,
        severity: Severity,
        categories: Collection[Category],
        country: str | None,
        language: str,
        seen: bool = False,
        held: bool = False,
    ) -> Card:
        """The support for a crisis signal. `held`: the room does not see the text, for whatever reason.

        A severity below moderate gets what moderate gets: who asks for a card gets help.
        """
        level = max(severity, Severity.MODERATE)
        words = self._words(language)
        texts: Calm | Alarm = getattr(words.cards, level.word)
        text: str = getattr(texts, ("held" if held else "open") + ("_seen" if seen else ""))
        return self._fill(words, f"{text}\n{words.cards.misread}", level, categories, country, seen=seen)

    def quiet(self, *, country: str | None, language: str) -> Card:
        """The quiet link for a low signal: a word and where to look, no lines pressed on anybody."""
        words = self._words(language)
        resources = tuple(resource.wire for resource in words.resources if not resource.neutral)
        lines = self._lines((), country)[:1]
        return Card(Severity.LOW.word, False, words.quiet.text, tuple(line.wire for line in lines), resources)

    def unread(self, *, country: str | None, language: str, seen: bool = False) -> Card:
        """The support where moderation itself failed: it asserts nothing about a text that nobody could read."""
        words = self._words(language)
        text = words.unread.seen if seen else words.unread.text
        return self._fill(words, text, Severity.MODERATE, (), country, seen=seen)

    def unattended(
        self,
        *,
        severity: Severity,
        categories: Collection[Category],
        country: str | None,
        language: str,
        nobody: bool = False,
    ) -> Card:
        """The honest words when a clock has passed, or when `nobody` is there to be called."""
        level = max(severity, Severity.MODERATE)
        words = self._words(language)
        text = words.unattended.nobody if nobody else words.unattended.late
        if level is Severity.IMMINENT:
            text = f"{words.unattended.danger}\n{text}"
        return self._fill(words, text, level, categories, country, seen=False)

    def room_words(self, language: str) -> RoomWords:
        """What a room as a whole is told, in its language."""
        return self._words(language).room

    def stale(self, today: date) -> list[str]:
        """One line for each entry that nobody has checked within a year."""
        return [
            f"{self._file(line)}: {line.country} {line.name}: last checked on {line.verified_at}, over a year ago"
            for line in self.helplines
            if today - line.verified_at > FRESH
        ]

    def unreviewed(self) -> list[str]:
        """One line for each file that nobody has signed yet."""
        unsigned = [] if self.checked_by else ["helplines.toml: nobody has signed at checked_by"]
        if self.own is not None and not self.own.checked_by:
            unsigned.append(f"{OWN}: nobody has signed at checked_by")
        files = {f"care/{language}.toml": words for language, words in self.languages.items()}
        return unsigned + [
            f"{file}: nobody has signed at reviewed_by"
            for file, words in files.items()
            if not words.reviewed_by
        ]

    def _file(self, line: Helpline) -> str:
        return OWN if self.own is not None and line in self.own.helplines else "helplines.toml"

    def _fill(
        self,
        words: Words,
        text: str,
        level: Severity,
        categories: Collection[Category],
        country: str | None,
        *,
        seen: bool,
    ) -> Card:
        lines = self._lines(categories, country)
        emergency = self._emergency(country)
        filled = text.format(
            line=words.line.say(lines[0]),
            emergency=emergency.dial if emergency else words.emergency_elsewhere,
        )
        shown = [line.wire for line in lines]
        if level is Severity.IMMINENT:
            said = words.emergency_elsewhere
            nowhere = {"kind": "emergency", "name": said[:1].upper() + said[1:]}
            shown = [emergency.wire if emergency else nowhere, *shown]
        neutral = any(concern.neutral for concern in self._concerns(categories))
        resources = (resource.wire for resource in words.resources if neutral or not resource.neutral)
        return Card(level.word, seen, filled, tuple(shown[:LINES]), tuple(resources), neutral)

    def _words(self, language: str) -> Words:
        return self.languages.get(language.lower().partition("-")[0], self.languages[LANGUAGE])

    def _concerns(self, categories: Collection[Category]) -> list[Concern]:
        return [concern for category, concern in self.concerns.items() if category in categories]

    def _emergency(self, country: str | None) -> Helpline | None:
        return next((line for line in self._in(country) if line.emergency), None)

    def _in(self, country: str | None) -> list[Helpline]:
        code = (country or "").strip().upper()
        code = self.aliases.get(code, code)
        return [line for line in self.helplines if line.country == code]

    def _lines(self, categories: Collection[Category], country: str | None) -> list[Helpline]:
        """The lines to show, best first: one for each concern in turn, then the country's general ones.

        Where the country has none for any concern, the directory stands beside its general lines.
        """
        there = [line for line in self._in(country) if not line.emergency]
        concerns = self._concerns(categories)
        rows = [
            [line for topic in concern.topics for line in there if topic in line.topics]
            for concern in concerns
        ]
        general = [line for line in there if GENERAL in line.topics]
        anywhere = [line for line in self.helplines if line.country == ANYWHERE]
        special = _unique(_in_turn(rows))
        found = [*special, *general] if special or not concerns else [*general[: LINES - 1], *anywhere]
        return (_unique(found) or anywhere)[:LINES]


def _in_turn(rows: Iterable[Iterable[Helpline]]) -> Iterator[Helpline]:
    return (line for column in zip_longest(*rows) for line in column if line is not None)


def _unique(lines: Iterable[Helpline]) -> list[Helpline]:
    return list({(line.country, line.name): line for line in lines}.values())


def load_care(config: Path) -> Care:
    """The care that `config` describes; ConfigError with everything wrong in it."""
    files = read_files(config)
    return Care(
        helplines=files.registry.helplines,
        concerns=files.registry.categories,
        aliases=files.registry.aliases,
        languages=files.languages,
        toolbox=files.toolbox.cards,
        checked_by=files.registry.checked_by,
        own=files.own,
    )
