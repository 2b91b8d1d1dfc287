"""What a notice says, by its code: the words that staff and the room are called with. None names or quotes anybody."""

from __future__ import annotations

from collections.abc import Mapping

NOTICES: Mapping[str, str] = {
    "call": "Somebody in {room} may need a person now. Please look at the queue.",
    "missed": "Nobody has come yet to somebody in {room}, and it is your turn. Please look at the queue.",
    "cover": "A colleague in {room} may need a moment. Please look after the room meanwhile.",
    "unanswered": "Somebody in {room} wrote something heavy, and nobody has answered yet.",
    "left": "Somebody in {room} whom we worry about has left.",
    "lost": "Somebody in {room} whom we worry about has lost the connection. They may be back in a moment.",
    "back": "Somebody in {room} whom we worry about is back.",
    "aftercare": "The private talk is over. If the group has felt it, you can share the after-care card with them.",
    "follow_up": "It is time to ask after somebody from {room}.",
    "safeguarding": "A child in {room} may be at risk, and it was sent to you. Please look at the queue.",
    "handed": "A colleague handed somebody in {room} over to you. Please look at the queue.",
    "opinion_given": "A colleague told you what they think about somebody in {room}.",
    "break": "You have read a good deal that is heavy. A few minutes away would be well earned; others can take over.",
    "second_person": "A colleague asks for a second person. Please look above the queue.",
    "confirmed": "A colleague confirmed what waited for a second person.",
    "granted": "What you may do here has changed: you are one of the team.",
    "page_failed": "A call to our people outside could not be delivered. Please look at it with hearth pages.",
}
"""The text of each code; `{room}` becomes the room's title."""


def notice_text(code: str, room: str) -> str:
    """The words of a notice."""
    return NOTICES[code].replace("{room}", room)
