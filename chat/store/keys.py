"""Names of everything that is kept. All of a room lies under its hash tag, so that one script may touch it.

| key | kind | holds |
| --- | --- | --- |
| `hearth:{ROOM}:room` | hash | projection of the room's state, and its epoch |
| `hearth:{ROOM}:heads` | hash | last number of each log: `:room`, `:audit`, a person's; `:chain`, `:sealed` |
| `hearth:{ROOM}:log` | hash | seq to entry, as it stands now |
| `hearth:{ROOM}:pins` | hash | pinned seq to time it ends, 0 for none |
| `hearth:{ROOM}:hands` | list | users whose hands are up, in order |
| `hearth:{ROOM}:person:USER` | hash | role, mute, removal, ban, rates, agreement |
| `hearth:{ROOM}:private:USER` | hash | useq to entry of the person's private log |
| `hearth:{ROOM}:reacted:SEQ` | set | who set which reaction |
| `hearth:{ROOM}:receipt:USER:KEY` | hash | first answer to a key, its flag, the decision since; expires |
| `hearth:{ROOM}:flag:ID` | hash | a flag, and the text that waits with it |
| `hearth:{ROOM}:evidence:ID` | hash | text of a decided flag, and what an appeal would release; expires |
| `hearth:{ROOM}:queue` | sorted set | open flags by severity, then by when they are due |
| `hearth:{ROOM}:claims` | sorted set | claimed flags by when their lease ends |
| `hearth:{ROOM}:opened` | sorted set | all flags by when they were opened |
| `hearth:{ROOM}:flags:USER` | sorted set | all flags about a person, by when they were opened |
| `hearth:{ROOM}:flagged` | hash | seq to its flag |
| `hearth:{ROOM}:audit` | hash | number to audit entry, each with the keyed digest of the one before |
| `hearth:{ROOM}:words` | hash | number of an audit entry to its note or reason |
| `hearth:{ROOM}:here` | hash | user to who they are and on which nodes |
| `hearth:{ROOM}:leases` | hash | node to when its word about who is here ends |
| `hearth:{ROOM}:clocks` | sorted set | what falls due by itself, as KIND:ID, by when |
| `hearth:{ROOM}:unheard` | set | flags whose last call reached nobody; called again when staff come |
| `hearth:{ROOM}:duty` | hash | user to what they said of their duty, and when |
| `hearth:{ROOM}:watch` | hash | node to who of staff watches the room there, and until when that word holds |
| `hearth:{ROOM}:follow_ups` | hash | flag to who asks after its author, and when |
| `hearth:{ROOM}:pages` | hash | FLAG/CALL/TARGET to a word that waits to go outside, or was given up |
| `hearth:{store}:identity` | hash | schema, key fingerprint, epoch, run id |
| `hearth:{store}:rooms` | hash | room to its title, in the order made |
| `hearth:{people}:user:USER` | hash | name, choices, grants, ban, the invite they came by |
| `hearth:{store}:anchors` | list | signed lists of where the audit trails end, the newest first |
| `hearth:{people}:names` | hash | folded name to user |
| `hearth:{people}:staff` | set | users with a grant from the command line |
| `hearth:{people}:banned` | set | users that are banned |
| `hearth:{people}:invite:DIGEST` | hash | what an invite opens, how often, until when |
| `hearth:{people}:invites` | set | digests of all invites |
| `hearth:{people}:sessions:USER` | hash | node to its number of connections of a person |
| `hearth:{people}:asides:USER` | hash | side rooms that a person is in, with their role there |
| `hearth:{people}:request:ID` | hash | what one person asked for and a second has to confirm; expires |
| `hearth:{people}:requests` | sorted set | requests by when they expire |
| `hearth:{people}:exposure:USER:DAY` | hash | severity to texts that staff read that day, and `last`; expires |
| `hearth:{people}:nodes` | hash | node to when its lease ends |
| `hearth:ready:NODE` | string | a node's last probe of whether the store takes writes; expires |

Channels: `hearth:{ROOM}:all`, `:staff` (facilitators and above), `:mods` (moderators and above), `:u:USER`,
`hearth:{people}:changes`, `hearth:{people}:pairs`, and `hearth:canary:NODE`.
"""

from __future__ import annotations

import re

IDENTITY = "hearth:{store}:identity"
ROOMS = "hearth:{store}:rooms"
ANCHORS = "hearth:{store}:anchors"
NAMES = "hearth:{people}:names"
STAFF = "hearth:{people}:staff"
BANNED = "hearth:{people}:banned"
INVITES = "hearth:{people}:invites"
REQUESTS = "hearth:{people}:requests"
NODES = "hearth:{people}:nodes"
CHANGES = "hearth:{people}:changes"
PAIRS = "hearth:{people}:pairs"

_ROOM_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")


def is_room_id(room: str) -> bool:
    """Whether `room` can be a room's name: lower-case letters, digits, dot, dash and underscore."""
    return _ROOM_ID.match(room) is not None


def in_room(room: str, name: str) -> str:
    """A key or channel of a room."""
    return f"hearth:{{{room}}}:{name}"


def user_key(user: str) -> str:
    """What is known of a person in all rooms."""
    return f"hearth:{{people}}:user:{user}"


def invite_key(digest: str) -> str:
    """An invite, by the digest of its code."""
    return f"hearth:{{people}}:invite:{digest}"


def sessions_key(user: str) -> str:
    """How many connections a person has on each node."""
    return f"hearth:{{people}}:sessions:{user}"


def asides_key(user: str) -> str:
    """The side rooms that a person is in."""
    return f"hearth:{{people}}:asides:{user}"


def exposure_key(user: str, day: str) -> str:
    """How much of what severity somebody of staff read on a day."""
    return f"hearth:{{people}}:exposure:{user}:{day}"


def request_key(request: str) -> str:
    """What takes two people, while it waits for the second."""
    return f"hearth:{{people}}:request:{request}"


def ready(node: str) -> str:
    """What a node writes and reads back to see that the store takes writes."""
    return f"hearth:ready:{node}"


def canary(node: str) -> str:
    """The channel on which a node listens for itself."""
    return f"hearth:canary:{node}"
