"""Two ways to refuse: an error answers a command; a close code ends the connection and says whether to come back."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ErrorCode(StrEnum):
    """Why a command was refused."""

    BAD_REQUEST = "bad_request"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    NOT_JOINED = "not_joined"
    AGREEMENT_REQUIRED = "agreement_required"
    MUTED = "muted"
    REMOVED = "removed"
    BANNED = "banned"
    ROOM_LOCKED = "room_locked"
    ROOM_FULL = "room_full"
    ROOM_CLOSED = "room_closed"
    NOT_YOUR_TURN = "not_your_turn"
    SLOW_MODE = "slow_mode"
    RATE_LIMITED = "rate_limited"
    TOO_LONG = "too_long"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"


TEXTS: dict[ErrorCode, str] = {
    ErrorCode.BAD_REQUEST: "We could not read that request. Please check its fields and send it again.",
    ErrorCode.UNAUTHENTICATED: "This link or sign-in is no longer valid. Please ask your group for a new one.",
    ErrorCode.FORBIDDEN: "Your role here does not include that. A member of staff can help.",
    ErrorCode.NOT_FOUND: "We could not find that. It may have been closed or moved.",
    ErrorCode.NOT_JOINED: "Please join the room first.",
    ErrorCode.AGREEMENT_REQUIRED: "Please read the group's agreement and accept it to come in.",
    ErrorCode.MUTED: "You can read along, but not write to the group just now. Help still reaches our team.",
    ErrorCode.REMOVED: "You can't take part in this room just now. Help still reaches our team.",
    ErrorCode.BANNED: "You can't use this service at present. Please contact the people who run it.",
    ErrorCode.ROOM_LOCKED: "A facilitator has paused the conversation. Help still reaches our team.",
    ErrorCode.ROOM_FULL: "The room is full just now. Please try again in a little while.",
    ErrorCode.ROOM_CLOSED: "This room is closed now. Help still reaches our team.",
    ErrorCode.NOT_YOUR_TURN: "Somebody else is speaking. Raise your hand and your turn will come.",
    ErrorCode.SLOW_MODE: "The room is in slow mode. Your text is not lost: please send it again in a moment.",
    ErrorCode.RATE_LIMITED: "That was a little fast. Your text is not lost: please send it again in a moment.",
    ErrorCode.TOO_LONG: "That is longer than one message can be. Please send it in parts.",
    ErrorCode.CONFLICT: "Somebody or something else came first. Please look again and choose anew.",
    ErrorCode.UNAVAILABLE: "We can't say whether that was stored. Please send it again with the same key.",
}
"""What each refusal says when there is nothing more exact to say."""

NOT_YET = "This is not available yet."


class CloseCode(IntEnum):
    """Why the server ended a connection."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    BAD_FRAME = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL = 1011
    DRAINING = 1012
    OVERLOADED = 1013
    SLOW_READER = 4001
    POSITION_LOST = 4002
    UNREADABLE = 4500
    NO_HELLO = 4501
    BANNED = 4503
    FLOODING = 4508

    @property
    def may_return(self) -> bool:
        """Whether the client should come back by itself."""
        return self in _RETURN or 4000 <= self < 4500


_RETURN = frozenset({CloseCode.GOING_AWAY, CloseCode.INTERNAL, CloseCode.DRAINING, CloseCode.OVERLOADED})


class Refused(Exception):
    """A command that is answered with an error. Carries no text that a person wrote."""

    def __init__(
        self,
        code: ErrorCode,
        text: str = "",
        *,
        retry_after: float | None = None,
        by: str | None = None,
        agreement: tuple[int, str] | None = None,
        support: object = None,
        flag: str | None = None,
        close: CloseCode | None = None,
        anyway: bool = False,
        appeal: str | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.text = text or TEXTS[code]
        self.retry_after = retry_after
        self.by = by
        self.agreement = agreement
        self.support = support
        """What the author gets where the refused text carried a crisis signal."""
        self.flag = flag
        self.anyway = anyway
        """It can be had all the same, by saying so."""
        self.appeal = appeal
        """How another look at a ban stands."""
        self.close = close
        """The connection ends after the answer, with this code."""
