"""One message and its context in, one judgement out; pure, and it imports nothing of chat."""

from moderation.classifier import Part
from moderation.lexicon import RuleError
from moderation.message import EMPTY, Reading, Remark
from moderation.pipeline import Pipeline, load
from moderation.verdict import Action, Category, Judgement, Reason, Severity

__all__ = [
    "EMPTY",
    "Action",
    "Category",
    "Judgement",
    "Part",
    "Pipeline",
    "Reading",
    "Reason",
    "Remark",
    "RuleError",
    "Severity",
    "load",
]
