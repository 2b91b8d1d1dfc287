"""The files of care in their types: every word and helpline, checked so that no need is without an answer."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from chat.config import ConfigError, Part, faults, read_toml
from moderation import Category

LANGUAGE: Final = "en"
"""The language that is always there, and stands in for those that are not."""
ANYWHERE: Final = "*"
"""The country of lines that stand in where a country has none."""

OWN: Final = "helplines.local.toml"

Topic = Literal["suicide", "self_harm", "abuse", "child", "eating_disorder", "poison"]
Code = Annotated[str, Field(pattern=r"^([A-Z]{2}|\*)$")]
Text = Annotated[str, Field(min_length=1, max_length=1_000)]
Url = Annotated[str, Field(pattern=r"^https://[^\s]+$")]
Model = TypeVar("Model", bound=Part)


def _slots(*needed: str, allowed: Collection[str] = ()) -> AfterValidator:
    """A check that a text has each of the `needed` {slots}, and no other than these and the `allowed`."""

    def check(text: str) -> str:
        found = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        for name in set(needed) - found:
            raise ValueError(f"{{{name}}} is missing from this text")
        for name in found - {*needed, *allowed}:
            raise ValueError(f"{{{name}}} means nothing here")
        return text

    return AfterValidator(check)


Line = Annotated[Text, _slots("line")]
Urgent = Annotated[Text, _slots("line", "emergency")]
Plain = Annotated[Text, _slots()]


class Helpline(Part):
    """One line to call or write to, in one country; `dial` and `sms` exactly as they are dialled."""

    country: Code
    name: Text
    topics: tuple[Topic, ...] = ()
    ages: str = ""
    dial: str = ""
    sms: str = ""
    keyword: str = ""
    chat_url: Url | Literal[""] = ""
    hours: str = ""
    languages: tuple[str, ...] = ()
    emergency: bool = False
    source_url: Url
    verified_at: date

    @property
    def wire(self) -> Mapping[str, str]:
        """What a client gets: only what there is, texts alone."""
        shown = ("name", "ages", "dial", "sms", "keyword", "chat_url", "hours")
        ways = {key: value for key in shown if (value := getattr(self, key))}
        kind = "emergency" if self.emergency else "line"
        lists = {"topics": " ".join(self.topics), "languages": " ".join(self.languages)}
        return {"kind": kind, **ways, **{key: value for key, value in lists.items() if value}}


class Concern(Part):
    """What one category asks for: topics in order, and whether a bystander may not read the card."""

    topics: Annotated[tuple[Topic, ...], Field(min_length=1)]
    neutral: bool = False


class Registry(Part):
    """`helplines.toml` as it is written."""

    checked_by: str = ""
    categories: dict[Category, Concern]
    aliases: dict[Code, Code] = Field(default_factory=dict)
    helplines: tuple[Helpline, ...]


class OwnLines(Part):
    """`helplines.local.toml`: an organisation's own lines, which come before the shipped ones."""

    checked_by: str = ""
    instead: tuple[Code, ...] = ()
    """Countries of which the shipped lines do not count at all."""
    helplines: tuple[Helpline, ...] = ()


class _Ways(Part):
    """How one line is said, by what it has."""

    dial: Annotated[Text, _slots("name", "dial")]
    sms: Annotated[Text, _slots("name", "sms")]
    keyword: Annotated[Text, _slots("name", "keyword", "sms")]
    both: Annotated[Text, _slots("name", "dial")]
    dial_sms: Annotated[Text, _slots("name", "dial", "sms")]
    dial_keyword: Annotated[Text, _slots("name", "dial", "keyword", "sms")]
    web: Annotated[Text, _slots("name", allowed=("chat_url",))]

    def say(self, line: Helpline) -> str:
        """`Samaritans (call 116 123)`."""
        match bool(line.dial), bool(line.sms), bool(line.keyword):
            case True, True, _ if line.dial == line.sms:
                way = self.both
            case True, True, True:
                way = self.dial_keyword
            case True, True, False:
                way = self.dial_sms
            case True, False, _:
                way = self.dial
            case False, True, True:
                way = self.keyword
            case False, True, False:
                way = self.sms
            case _:
                way = self.web
        return way.format_map(line.model_dump())


class Calm(Part):
    """The texts of one severity: the room sees the message or not, a person attends or not yet."""

    open: Line
    open_seen: Line
    held: Line
    held_seen: Line


class Alarm(Part):
    """The same where life may be in danger: each names the emergency number."""

    open: Urgent
    open_seen: Urgent
    held: Urgent
    held_seen: Urgent


class _Cards(Part):
    misread: Plain
    moderate: Calm
    high: Calm
    imminent: Alarm


class _Quiet(Part):
    text: Plain


class _Unread(Part):
    text: Line
    seen: Line


class RoomWords(Part):
    """What a room as a whole is told."""

    lonely: Plain
    waiting: Plain
    alone: Plain
    closing: Plain
    back: Plain


class _Unattended(Part):
    late: Line
    nobody: Line
    danger: Annotated[Text, _slots("emergency")]


class Resource(Part):
    """Something beside the lines: an exercise, a directory, a way out. `neutral`: only on cards that fold."""

    kind: Literal["private_word", "grounding", "directory", "quick_exit", "page"]
    title: Plain
    url: Url | Literal[""] = ""
    neutral: bool = False

    @property
    def wire(self) -> Mapping[str, str]:
        """What a client gets."""
        shown = {"kind": self.kind, "title": self.title}
        return {**shown, "url": self.url} if self.url else shown


class Words(Part):
    """All that is said in one language."""

    reviewed_by: str = ""
    emergency_elsewhere: Plain
    line: _Ways
    cards: _Cards
    quiet: _Quiet
    unread: _Unread
    unattended: _Unattended
    room: RoomWords
    resources: tuple[Resource, ...] = ()


class Coping(Part):
    """One card of the toolbox that facilitators share."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    steps: Annotated[tuple[Text, ...], Field(min_length=1, max_length=10)]
    source: Text
    language: str = LANGUAGE


class Toolbox(Part):
    """`cards.toml` as it is written."""

    cards: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")], Coping] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Files:
    """What was read: all of it is there and fits together."""

    registry: Registry
    own: OwnLines | None
    languages: Mapping[str, Words]
    toolbox: Toolbox


def read_files(config: Path) -> Files:
    """Read `helplines.toml`, one's own beside it, `cards.toml` and `care/*.toml`; every fault in them at once."""
    wrong: list[str] = []
    registry = _read(Registry, config / "helplines.toml", wrong, expand=True)
    own = _read(OwnLines, config / OWN, wrong, expand=True) if (config / OWN).exists() else None
    toolbox = _read(Toolbox, config / "cards.toml", wrong) if (config / "cards.toml").exists() else Toolbox()
    words = {file.stem: _read(Words, file, wrong) for file in sorted((config / "care").glob("*.toml"))}
    if LANGUAGE not in words:
        wrong.append(f"{config / 'care' / LANGUAGE}.toml: missing; it stands in for every other language")
    if registry is not None:
        wrong += (f"{config / 'helplines.toml'}: {gap}" for gap in _gaps(registry))
    if registry is not None and own is not None:
        wrong += (f"{config / OWN}: {gap}" for gap in (*_line_gaps(own.helplines), *_emergency_gaps(own)))
        registry = registry.model_copy(update={"helplines": tuple(_on_top(own, registry))})
    if wrong or registry is None or toolbox is None:
        raise ConfigError(wrong)
    return Files(
        registry, own, {language: said for language, said in words.items() if said is not None}, toolbox
    )


def _read(model: type[Model], path: Path, wrong: list[str], *, expand: bool = False) -> Model | None:
    """One file as `model`; what is wrong with it goes into `wrong`."""
    try:
        content = read_toml(path)
        if expand and "helplines" in content:
            content["helplines"] = _expand(content.get("helplines"))
        return model.model_validate(content)
    except ConfigError as error:
        wrong += error.faults
    except ValidationError as error:
        wrong += faults(error, partial(_place, path))
    return None


def _place(path: Path, keys: tuple[str, ...]) -> str:
    return f"{path}: {'.'.join(keys)}"


def _expand(entries: object) -> object:
    """An entry for several countries as one for each; anything else is left for the model to refuse."""
    if not isinstance(entries, list):
        return entries
    expanded: list[object] = []
    for entry in entries:
        countries = entry.get("country") if isinstance(entry, dict) else None
        each = countries if isinstance(countries, list) else None
        expanded += [entry] if each is None else [{**entry, "country": country} for country in each]
    return expanded


def _gaps(registry: Registry) -> Iterator[str]:
    """What would leave somebody without an answer."""
    for category in Category:
        if category not in registry.categories:
            yield f"categories.{category}: missing"
    if not any(line.country == ANYWHERE and not line.emergency for line in registry.helplines):
        yield f'helplines: one with country = "{ANYWHERE}" must stand in where a country has none'
    yield from _line_gaps(registry.helplines)


def _line_gaps(lines: Iterable[Helpline]) -> Iterator[str]:
    """What would leave a line without a way to reach it."""
    for line in lines:
        if not (line.dial or line.sms or line.chat_url):
            yield f"helplines: {line.country} {line.name}: has no dial, sms or chat_url"
        if line.keyword and not line.sms:
            yield f"helplines: {line.country} {line.name}: a keyword goes with sms"
        if line.emergency and (not line.dial or line.country == ANYWHERE):
            yield f"helplines: {line.country} {line.name}: an emergency number has a country and is dialled"


def _emergency_gaps(own: OwnLines) -> Iterator[str]:
    """A country whose shipped lines do not count needs its emergency number here."""
    for country in own.instead:
        if country != ANYWHERE and not any(
            line.emergency and line.country == country for line in own.helplines
        ):
            yield f"instead: {country}: its emergency number is missing here"
    if ANYWHERE in own.instead and not any(line.country == ANYWHERE for line in own.helplines):
        yield f'instead: "{ANYWHERE}": a line that stands in where a country has none is missing here'


def _on_top(own: OwnLines, registry: Registry) -> Iterator[Helpline]:
    """One's own lines, then those of the shipped ones that they do not replace."""
    yield from own.helplines
    named = {(line.country, line.name) for line in own.helplines}
    for line in registry.helplines:
        if line.country not in own.instead and (line.country, line.name) not in named:
            yield line
