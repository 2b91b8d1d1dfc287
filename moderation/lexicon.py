"""Lists of words that rules name as `<list>`, and the notation that patterns are written in."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any


class RuleError(Exception):
    """A file of rules or words that cannot be used: which, on what line, and why."""

    def __init__(self, file: str, line: int, why: str) -> None:
        super().__init__(f"{file}:{line}: {why}")
        self.file = file
        self.line = line
        self.why = why


_LINE = re.compile(r"at line (\d+)")
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*\Z")
_TIERS = (1, 2, 3)

# A space in a pattern is what people put between words that belong together.
GAP = r"[\s,\-]+"
# What a pattern stands between unless it is raw: it begins with a word and ends with one, or after a mark.
OPENING = r"\b(?:"
CLOSING = r")(?:\b|\B(?:\s|$))"
# Stands after each text that is matched: a filter that does not find it gave up, and found nothing else.
END = " \x02zqj"
NEVER = r"[^\x00-\x{10FFFF}]"
"""A pattern that matches nothing, such as an empty list."""
_WORD = r"[a-z0-9*@$!]+"
_MACRO = re.compile(r"<([a-z][a-z0-9_.]*|\d-\d)>")


def parse(path: Path) -> tuple[dict[str, Any], str]:
    """The TOML of a file and its text; RuleError with the line where it does not parse."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(path.name, 0, f"cannot be read: {type(error).__name__}") from error
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        raise RuleError(path.name, int(found[1]) if found else text.count("\n") + 1, str(error)) from error


def line_of(text: str, key: str, value: str) -> int:
    """The line on which `key = "value"` stands, 1 if it cannot be found."""
    found = re.search(rf"""^\s*{re.escape(key)}\s*=\s*["']{re.escape(value)}["']""", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1


@dataclass(frozen=True, slots=True)
class WordList:
    """One list: words or phrases in the plain form, with where they come from."""

    name: str
    language: str
    tier: int
    source: str
    date: date
    words: tuple[str, ...]
    place: tuple[str, int] = ("", 0)
    """The file and line it was read from."""


class Lexicon:
    """All word lists, each name in as many languages as have it; `expand` makes RE2 of a pattern."""

    def __init__(self, lists: Iterable[WordList]) -> None:
        self.lists: dict[str, list[WordList]] = {}
        for one in lists:
            self.lists.setdefault(one.name, []).append(one)
        self._words: dict[str, tuple[str, ...]] = {}
        self._expanded: dict[str, str] = {}

    def learn(self, name: str, words: tuple[str, ...]) -> None:
        """Add words that another file gives to a list, which must be there; KeyError with its name otherwise."""
        first = self.lists[name][0]
        self.lists[name].append(replace(first, source="another file", words=words))
        self._words.pop(name, None)

    def words(self, name: str) -> tuple[str, ...]:
        """The words of a list in all languages, none if there is no such list."""
        known = self._words.get(name)
        if known is None:
            known = tuple(word for one in self.lists.get(name, ()) for word in one.words)
            self._words[name] = known
        return known

    def expand(self, pattern: str) -> str:
        """RE2 for a pattern: `<name>` is a list, `<0-3>` up to three words, a space any gap between words.

        Raises KeyError with the name of an unknown list.
        """
        out: list[str] = []
        at = 0
        for macro in _MACRO.finditer(pattern):
            out.append(_spaced(pattern[at : macro.start()]))
            out.append(self._macro(macro[1]))
            at = macro.end()
        out.append(_spaced(pattern[at:]))
        return "".join(out)

    def _macro(self, name: str) -> str:
        if name[0].isdigit():
            return f"(?:{GAP}{_WORD}){{{name[0]},{name[2]}}}"
        known = self._expanded.get(name)
        if known is None:
            if name not in self.lists:
                raise KeyError(name)
            words = self.words(name)
            known = "(?:" + "|".join(map(self.expand, words)) + ")" if words else NEVER
            self._expanded[name] = known
        return known


def _spaced(pattern: str) -> str:
    """Outside character classes a space becomes a gap, and `$` the end of the text, `END` after it or not."""
    out: list[str] = []
    inside = escaped = False
    for index, character in enumerate(pattern):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "[":
            inside = True
        elif character == "]":
            inside = False
        elif character == "$" and not inside:
            out.append(r"(?:$|\s\x02)")
            continue
        elif character == " " and not inside:
            optional = pattern[index + 1 : index + 2] in ("?", "*", "{")
            out.append(f"(?:{GAP})" if optional else GAP)
            continue
        out.append(character)
    return "".join(out)


def load_lexicon(folder: Path) -> Lexicon:
    """Every `*.toml` of a folder: `[[list]]` with name, tier, source, date, words; RuleError otherwise."""
    lists: dict[tuple[str, str], WordList] = {}  # by name and file
    for path in sorted(folder.glob("*.toml")):
        table, text = parse(path)
        language = str(table.get("language", ""))
        if not re.fullmatch(r"[a-z]{2}", language):
            raise RuleError(path.name, 1, "language: two letters, such as en")
        entries = table.get("list", [])
        if set(table) - {"language", "list"} or not isinstance(entries, list):
            raise RuleError(path.name, 1, "only language and [[list]] tables are known")
        for entry in entries:
            words = _word_list(path.name, text, language, entry)
            if (words.name, path.name) in lists:
                raise RuleError(path.name, line_of(text, "name", words.name), f"{words.name}: a second list")
            lists[words.name, path.name] = words
    return Lexicon(lists.values())


def _word_list(file: str, text: str, language: str, entry: Any) -> WordList:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not _NAME.match(name):
        raise RuleError(file, 1, f"name: lower-case words with dots, not {name!r}")
    line = line_of(text, "name", name)
    unknown = set(entry) - {"name", "tier", "source", "date", "words"}
    if unknown:
        raise RuleError(file, line, f"{name}: unknown field {min(unknown)}")
    words = entry.get("words")
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise RuleError(file, line, f"{name}: words must be a list of strings")
    tier, source, day = provenance(file, line, name, entry)
    return WordList(name, language, tier, source, day, tuple(words), (file, line))


def provenance(file: str, line: int, name: str, entry: Mapping[str, Any]) -> tuple[int, str, date]:
    """Tier, source and date, which each entry must state."""
    tier, source, day = entry.get("tier"), entry.get("source"), entry.get("date")
    if tier not in _TIERS or isinstance(tier, bool):
        raise RuleError(file, line, f"{name}: tier must be 1, 2 or 3")
    if not isinstance(source, str) or not source.strip():
        raise RuleError(file, line, f"{name}: source must say where it comes from")
    if not isinstance(day, date):
        raise RuleError(file, line, f"{name}: date must be a date, such as 2026-11-24")
    return int(tier), source, day
