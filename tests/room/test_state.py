import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.room.state import Place, State, View, apply

CASES: list[dict[str, Any]] = [
    case
    for path in sorted((Path(__file__).parent / "cases").glob("*.json"))
    for case in json.loads(path.read_text())
]
"""Cases that the page's fold is held to as well. In `entries`, null means: not there."""

ANA = {"id": "u_a", "name": "Ana", "role": "participant"}


def wire_of(state: State) -> dict[str, Any]:
    return {name: getattr(state, name) for name in State.__slots__}


def joined(**fields: Any) -> dict[str, Any]:
    """A `joined` reply for an empty room, but for `fields`."""
    return {
        "type": "joined",
        "room": "r",
        "epoch": "e1",
        "head": 0,
        "recovered": False,
        "events": [],
        "private": {"head": 0, "events": []},
        "state": {"hands": [], "pins": []},
        "members": [],
        "you": {"role": "participant", "muted_until": None},
        "count": 0,
    } | fields


def message(seq: int, text: str = "one", **fields: Any) -> dict[str, Any]:
    return {"type": "message", "room": "r", "seq": seq, "at": seq, "from": ANA, "text": text} | fields


def event(seq: int, kind: str, target: int, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "room": "r", "seq": seq, "at": seq, "target": target} | fields


class Log:
    """What a store does to its entries, written the long way round: each is rewritten in place, by hand."""

    def __init__(self) -> None:
        self.entries: dict[int, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []

    def say(self, kind: str, **fields: Any) -> int:
        """Append one event."""
        seq = len(self.entries) + 1
        self.events.append({"type": kind, "room": "r", "seq": seq, "at": seq} | fields)
        self.entries[seq] = dict(self.events[-1])
        return seq

    def edit(self, target: int, text: str) -> None:
        """Put a new text in a message, and in its earlier edits."""
        entry = self.entries[target]
        if entry["type"] != "message" or entry.get("retracted"):
            return
        edits = [*entry.get("edits", []), self.say("edited", target=target, text=text)]
        for seq in (target, *edits):
            self.entries[seq]["text"] = text
        entry["edits"] = edits

    def retract(self, target: int) -> None:
        """Take a message's text out everywhere."""
        entry = self.entries[target]
        if entry["type"] != "message" or entry.get("retracted"):
            return
        self.say("retracted", target=target, by="author")
        for name in ("text", "warning", "reactions"):
            entry.pop(name, None)
        for seq in entry.get("edits", []):
            self.entries[seq].pop("text", None)
        entry["retracted"] = True

    def warn(self, target: int, warning: str) -> None:
        """Put a warning before a message."""
        entry = self.entries[target]
        if entry["type"] == "message" and not entry.get("retracted"):
            self.say("warned", target=target, warning=warning)
            entry["warning"] = warning

    def react(self, target: int, count: int) -> None:
        """Set how often a reaction stands under a message."""
        entry = self.entries[target]
        if entry["type"] != "message" or entry.get("retracted"):
            return
        self.say("reacted", target=target, reaction="🧡", count=count)
        entry.pop("reactions", None)
        if count:
            entry["reactions"] = {"🧡": count}


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["say", "edit", "retract", "warn", "react"]), st.integers(0, 30), st.integers(0, 3)
    ),
    max_size=40,
)


def log_of(acts: list[tuple[str, int, int]]) -> Log:
    kept = Log()
    kept.say("message", **{"from": ANA}, text="first")
    for act, at, number in acts:
        target = at % len(kept.entries) + 1
        match act:
            case "say":
                kept.say("message", **{"from": ANA}, text=f"text {number}")
            case "edit":
                kept.edit(target, f"edit {number}")
            case "retract":
                kept.retract(target)
            case "warn":
                kept.warn(target, f"warning {number}")
            case "react":
                kept.react(target, number)
    return kept


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_shared_cases(case: dict[str, Any]) -> None:
    """Each case that the page is held to holds here: head, state, pins, and the entries as they stand."""
    state, view = State(), View("r")
    for item in case["events"]:
        state = apply(state, item)
        view.apply(item)
    expect = case["expect"]
    assert replace(view.state, staffed=True) == state, "who is here is the view's to know"
    assert view.head == expect["head"]
    for name, value in expect.get("state", {}).items():
        assert wire_of(view.state)[name] == (tuple(value) if isinstance(value, list) else value), name
    if "pins" in expect:
        assert list(state.pins) == expect["pins"]
    if expect.get("entries") == {}:
        assert view.entries == {}
    for seq, fields in expect.get("entries", {}).items():
        assert {name: view.entries[int(seq)].get(name) for name in fields} == fields


def test_state_is_read_from_a_joined_reply() -> None:
    """Pins travel as whole events; the fold keeps their seqs."""
    wire = {
        "title": "Evening circle",
        "topic": "Sleep",
        "phase": "sharing",
        "slow_mode": 5,
        "locked": True,
        "turns": True,
        "hold": "all",
        "hands": ["u_a"],
        "speaker": "u_a",
        "pins": [message(9), message(4)],
        "agreement": {"version": 3},
        "reactions": ["🧡"],
        "staffed": False,
        "closed": True,
    }
    assert State.of(wire) == State(
        title="Evening circle",
        topic="Sleep",
        phase="sharing",
        slow_mode=5,
        locked=True,
        turns=True,
        hold="all",
        hands=("u_a",),
        speaker="u_a",
        pins=(4, 9),
        agreement=3,
        reactions=("🧡",),
        staffed=False,
        closed=True,
    )
    assert State.of({}) == State()


def test_the_topic_is_not_in_the_repr() -> None:
    assert "Sleep" not in repr(State(topic="Sleep"))


def test_apply_leaves_the_state_that_it_was_given() -> None:
    before = State()
    apply(before, {"type": "room_changed", "room": "r", "seq": 1, "at": 1, "locked": True})
    assert before == State()


@given(ACTS)
def test_view_after_events_equals_a_fresh_fetch(acts: list[tuple[str, int, int]]) -> None:
    """Somebody who heard every event and somebody who fetches the log now see the same entries."""
    log = log_of(acts)
    heard = View("r")
    heard.enter(joined())
    for item in log.events:
        heard.apply(item)
    fresh = View("r")
    fresh.enter(joined(head=len(log.entries), events=list(log.entries.values())))
    assert heard.entries == fresh.entries == log.entries
    assert heard.head == fresh.head


@given(ACTS, st.integers(0, 40))
def test_view_after_coming_back_equals_a_fresh_fetch(acts: list[tuple[str, int, int]], cut: int) -> None:
    """Missed events come as they stand now, not as they were: the view is whole all the same."""
    log = log_of(acts)
    cut = min(cut, len(log.events))
    view = View("r")
    view.enter(joined())
    for item in log.events[:cut]:
        view.apply(item)
    missed = [entry for seq, entry in log.entries.items() if seq > cut]
    assert view.enter(joined(head=len(log.entries), recovered=True, events=missed)) == missed
    assert view.entries == log.entries


@given(ACTS, st.integers(1, 40), st.integers(1, 40))
def test_a_page_of_history_that_comes_late_changes_nothing_back(
    acts: list[tuple[str, int, int]], latest: int, read_at: int
) -> None:
    """A page read before some change and received after it must not undo the change."""
    log = log_of(acts)
    size = len(log.events)
    before = Log()
    early = View("r")
    early.enter(joined())
    for item in log.events[: min(read_at, size)]:
        early.apply(item)
    before.entries = {seq: dict(entry) for seq, entry in early.entries.items()}

    view = View("r")
    first = max(1, min(latest, early.head))
    view.enter(joined(head=early.head, events=[e for seq, e in before.entries.items() if seq >= first]))
    for item in log.events[early.head :]:
        view.apply(item)
    view.add([entry for seq, entry in before.entries.items() if seq < first])
    assert view.entries == log.entries


def test_a_page_beyond_the_head_is_left_to_its_events() -> None:
    """An entry that was not heard yet is not taken from a page: it comes as an event, and works then."""
    view = View("r")
    view.enter(joined(head=1, events=[message(1)]))
    view.add([event(2, "warned", 1, warning="loss")])
    assert view.head == 1
    view.apply(event(2, "warned", 1, warning="loss"))
    assert view.entries[1]["warning"] == "loss"


def test_place_tells_next_seen_and_gap() -> None:
    view = View("r")
    view.enter(joined(head=3, private={"head": 2, "events": []}))
    assert view.place(message(4)) is Place.NEXT
    assert view.place(message(3)) is Place.SEEN
    assert view.place(message(5)) is Place.GAP
    assert view.place({"type": "unmuted", "room": "r", "useq": 3}) is Place.NEXT
    assert view.place({"type": "held_decided", "room": "r", "useq": 2, "seq": 4}) is Place.SEEN
    assert view.place({"type": "typing", "room": "r", "users": []}) is Place.UNLOGGED


def test_a_flag_is_in_no_log_whatever_message_it_names() -> None:
    view = View("r")
    view.enter(joined(head=3))
    assert view.place({"type": "flag", "flag": "f", "room": "r", "seq": 4}) is Place.UNLOGGED


def test_an_event_that_was_seen_changes_nothing() -> None:
    view = View("r")
    view.apply(message(1))
    view.apply(event(2, "edited", 1, text="two"))
    view.apply(message(1))
    assert view.entries[1]["text"] == "two"


def test_a_new_epoch_begins_anew() -> None:
    """Nothing of the old log is kept, even where the server says `recovered`."""
    view = View("r")
    view.enter(joined(head=1, events=[message(1, "old")]))
    view.enter(joined(epoch="e2", head=1, recovered=True, events=[message(1, "new")]))
    assert view.epoch == "e2"
    assert [entry["text"] for entry in view.log()] == ["new"]


def test_coming_back_skips_what_was_heard() -> None:
    """A missed event that was heard meanwhile is given out once."""
    view = View("r")
    view.enter(joined(head=1, events=[message(1)]))
    assert view.enter(joined(head=2, recovered=True, events=[message(1), message(2)])) == [message(2)]


def test_the_private_log_keeps_one_mute_and_forgets_a_text_that_was_decided() -> None:
    view = View("r")
    view.apply({"type": "muted", "room": "r", "useq": 1, "at": 1, "until": 0})
    assert view.you["muted_until"] == 0
    view.apply({"type": "unmuted", "room": "r", "useq": 2, "at": 2})
    assert view.you["muted_until"] is None
    view.apply(
        {"type": "held", "room": "r", "useq": 3, "at": 3, "key": "k", "text": "t", "reasons": [], "flag": "f"}
    )
    assert view.private[3]["text"] == "t"
    decided = {
        "type": "held_decided",
        "key": "k",
        "flag": "f",
        "action": "approve",
        "text": "Thanks.",
        "seq": 9,
    }
    view.apply({"room": "r", "useq": 4, "at": 4} | decided)
    assert "text" not in view.private[3]
    assert view.head == 0
    assert view.uhead == 4


def test_presence_brings_and_takes_members() -> None:
    ben = {"id": "u_b", "name": "Ben", "role": "participant"}
    view = View("r")
    view.enter(joined(members=[ANA], count=1))
    view.apply({"type": "presence", "room": "r", "joined": [ben], "left": [], "lost": [], "count": 2})
    assert list(view.members) == ["u_a", "u_b"]
    view.apply({"type": "presence", "room": "r", "joined": [], "left": ["u_b"], "lost": ["u_a"], "count": 0})
    assert view.members == {}
    assert view.count == 0
