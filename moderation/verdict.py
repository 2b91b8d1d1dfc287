"""The closed types of a judgement: what the room gets, and apart from it what the author may need."""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from moderation.message import Reading


class Action(StrEnum):
    """What the room gets; the order of definition is the order of strength."""

    DELIVER = "deliver"
    MASK = "mask"
    HOLD = "hold"
    BLOCK = "block"


class Severity(IntEnum):
    """How strongly a text signals a risk to its author or one told of; never a clinical level."""

    NONE = 0
    LOW = 1
    MODERATE = 2
    HIGH = 3
    IMMINENT = 4

    @property
    def word(self) -> str:
        """The name on the wire."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> "Severity":
        """The severity with that name; ValueError for any other word."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"no such severity: {word!r}") from None


class Category(StrEnum):
    """What a signal is about, which chooses the helpline."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    OVERDOSE = "overdose"
    ABUSE = "abuse"
    VIOLENCE = "violence"
    EATING_DISORDER = "eating_disorder"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that spoke: where in the original text (half-open, code points) and one kind sentence."""

    rule: str
    span: tuple[int, int]
    text: str
    risk: bool
    """True: about the author's own risk, never a reproach; False: about what the room can take."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Two separate answers about one message: `action` for the room, `severity` for its author."""

    action: Action
    severity: Severity
    flag: bool
    categories: tuple[Category, ...]
    score: float
    """Probability of a crisis of any category, 0 to 1."""
    reasons: tuple[Reason, ...]
    text: str = field(repr=False)
    """As it would be delivered, masked parts redacted."""
    reading: Reading = field(repr=False)
    failed: bool = False
    """True: the pipeline itself failed or overran, and the message is held for that alone."""
    shadow: tuple[Reason, ...] = ()
    """What rules on trial would have said; it changed nothing."""
    notes: tuple[str, ...] = ()
    """How the context was read, for `hearth check`: fixed words, never content."""
    is_read_away: bool = False
    """Whether context has read away what a rule found, so that the learned score is not asked of a short text."""

    @property
    def crisis(self) -> bool:
        """Whether the author gets support and staff a nudge."""
        return self.severity >= Severity.MODERATE

    @property
    def author_reasons(self) -> tuple[Reason, ...]:
        """The reasons about the room that the author is told; none about the author's own risk."""
        return tuple(reason for reason in self.reasons if not reason.risk)
