"""What a rule is: one entry of a rule file, read and checked."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from moderation.verdict import Action, Category, Severity


class Kind(StrEnum):
    """What a rule speaks of: the author's risk, the room's content, or a part that others build on."""

    SIGNAL = "signal"
    ROOM = "room"
    CUE = "cue"


class Mode(StrEnum):
    """Whether a rule acts, only looks on, or is not read."""

    LIVE = "live"
    SHADOW = "shadow"
    OFF = "off"


# How a context changes a signal; each rule names those that it heeds.
CONTEXTS = frozenset(
    ("negation", "denial", "past", "recovery", "quotation", "third_person", "question", "hyperbole",
     "conditional", "education", "told", "reported", "helpline", "advised", "wish_of_dead",
     "addressed", "playing", "studied")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a rule file."""

    id: str
    kind: Kind
    mode: Mode
    text: str
    tier: int
    source: str
    date: date
    patterns: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    """Patterns that, where they overlap or touch a hit, undo it."""
    facets: frozenset[str] = frozenset()
    severity: Severity = Severity.NONE
    category: Category | None = None
    action: Action = Action.DELIVER
    heeds: frozenset[str] = frozenset()
    holds: str = ""
    """For a signal: the id of the room rule whose sentence is told when this keeps the text from the room."""
    needs: frozenset[str] = frozenset()
    """For a compound: it hits when all these facets are there."""
    after: frozenset[str] = frozenset()
    """For a compound: facets that the author's recent messages must have had."""
    heard: frozenset[str] = frozenset()
    """For a compound: facets that the last messages of others must have had."""
    across: bool = False
    """Whether the facets of the author's recent messages count for `needs`; one must still be in this one."""
    within: int = 0
    """For a compound: so many characters hold all of what it needs, where it is not 0."""
    late: bool = False
    """For a cue: it is tried only where a compound has all that it needs but for cues that are late."""
    gate: str = ""
    """What must stand in the text before the patterns are tried: a second facet, or what no word gives away."""
    bar: str = ""
    """What must stand nowhere in the text: words by which the whole of it means well."""
    check: str = ""
    place: tuple[str, int] = ("", 0)
    """The file and line it was read from."""
    match: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
