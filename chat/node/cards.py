"""What care says to one person, as the event that tells them."""

from __future__ import annotations

from typing import Any

from chat.protocol.events import Support, SupportGiven
from chat.protocol.wire import pack
from chat.room.care import Card


def answered(card: Card, key: str) -> Support:
    """A card as the reply to a text carries it."""
    return Support(**_words(card, key))


def given(room: str, card: Card | Support, key: str = "") -> bytes:
    """A card as its person's private log keeps it."""
    return pack(SupportGiven(room=room, **_words(card, key)))


def _words(card: Card | Support, key: str) -> dict[str, Any]:
    return {
        "key": key,
        "severity": card.severity,
        "seen": card.seen,
        "text": card.text,
        "helplines": [dict(line) for line in card.helplines],
        "resources": [dict(line) for line in card.resources],
        "neutral": card.neutral,
    }
