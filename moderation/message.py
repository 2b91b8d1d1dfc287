"""What the pipeline is given besides a text: what earlier messages said, fifty a room."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text says by itself; all that is kept of it for the messages that follow."""

    severity: int = 0
    """The isolated severity, as `Severity` counts."""
    facets: frozenset[str] = frozenset()
    """What was found, in the rules' words: `intent`, `means`, `asks_suicide`."""
    score: float = 0.0
    tail: str = field(default="", repr=False)
    """The folded end of the text, for sentences that run over several messages."""
    mark: int = 0
    """A checksum of the folded text, to notice repeats; 0 for texts too short to count."""


EMPTY = Reading()


@dataclass(frozen=True, slots=True)
class Remark:
    """One earlier message of the room: who, when (milliseconds; 0 if not known), and its reading."""

    author: str
    at: int
    reading: Reading
