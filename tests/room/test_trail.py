"""Nothing in a trail can be changed, removed, reordered or cut off unseen, in the store or in a file."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from chat.protocol.wire import pack, unpack
from chat.room import ledger
from chat.room.trail import Anchor, Head, Seals, Trail, check, head_of

SEALS = Seals(b"k" * 32)
OTHER = Seals(b"o" * 32)


def made(room: str = "blue", many: int = 9, seals: Seals = SEALS, *, erased: bool = False) -> Trail:
    """A trail as the store's scripts write it."""
    entries: list[bytes] = []
    words: dict[int, str] = {}
    prev = ""
    for n in range(1, many + 1):
        entry = {
            "n": n,
            "at": 1_000 + n,
            "room": room,
            "by": {"id": "mia", "name": "Mia", "role": "moderator"},
        }
        if n % 3 == 0:
            words[n] = f'a "note", over\nlines, {n}'
            entry |= {"action": "mute", "user": "ann", "words": seals.of_words(room, n, words[n])}
        else:
            entry |= {"action": "claim", "user": "ben", "flag": f"f_{n}.{room}"}
        if erased and n == many:
            entry |= {"action": "erase", "user": "ann"}
        entries.append(pack({**entry, "prev": prev}))
        prev = seals.of_entry(room, entries[-1])
    sealed = seals.of_head(room, Head(many, prev)) if many else ""
    return Trail(room, entries, words, many, prev, sealed)


def anchored(*trails: Trail) -> Anchor:
    """An anchor of these trails, read back."""
    anchor = SEALS.read_anchor(SEALS.anchor(5, {trail.room: head_of(trail) for trail in trails}))
    assert anchor is not None
    return anchor


@pytest.mark.parametrize("many", [0, 1, 2, 40])
def test_a_trail_as_it_was_written_is_whole(many: int) -> None:
    trail = made(many=many)
    assert check(SEALS, trail, [anchored(made(many=n)) for n in range(many + 1)]) == []


def cut(trail: Trail, many: int) -> Trail:
    """Its last entries are gone, and its head says what the log itself still tells."""
    entries = trail.entries[:-many]
    last = trail.entries[-many]
    assert last is not None
    words = {n: said for n, said in trail.words.items() if n <= len(entries)}
    return replace(trail, entries=entries, words=words, kept=len(entries), chain=unpack(last)["prev"])


def altered(trail: Trail) -> Trail:
    """Its last entry says another time."""
    last = unpack(trail.entries[-1] or b"")
    return replace(trail, entries=[*trail.entries[:-1], pack({**last, "at": 7})])


CHANGES: dict[str, Callable[[Trail], Trail]] = {
    "changed": altered,
    "removed": lambda trail: replace(trail, entries=[None, *trail.entries[1:]], kept=trail.kept - 1),
    "reordered": lambda trail: replace(trail, entries=[trail.entries[1], trail.entries[0], *trail.entries[2:]]),
    "cut off": lambda trail: cut(trail, 2),
    "cut off whole": lambda trail: Trail(trail.room, [], {}, 0, "", ""),
    "added": lambda trail: replace(trail, kept=trail.kept + 1),
    "another room's": lambda trail: replace(made("green"), room="blue"),
    "by another key": lambda trail: made(seals=OTHER),
    "no entry": lambda trail: replace(trail, entries=[b"\xc1", *trail.entries[1:]]),
    "other words": lambda trail: replace(trail, words={**trail.words, 3: "kinder"}),
    "lost words": lambda trail: replace(trail, words={n: said for n, said in trail.words.items() if n != 3}),
    "more words": lambda trail: replace(trail, words={**trail.words, 1: "more"}),
    "words of none": lambda trail: replace(trail, words={**trail.words, 99: "more"}),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_done_to_it_is_found(change: str) -> None:
    assert check(SEALS, CHANGES[change](made()), [anchored(made())])


def test_a_cut_that_the_anchors_did_not_reach_is_found_by_the_seal() -> None:
    assert check(SEALS, cut(made(), 1), [])


def test_an_earlier_state_put_back_is_found_by_an_anchor_alone() -> None:
    earlier = made(many=5)
    assert check(SEALS, earlier, []) == []
    (fault,) = check(SEALS, earlier, [anchored(made(many=9))])
    assert (fault.room, fault.n) == ("blue", 9)


def test_words_that_went_with_their_person_are_not_missed() -> None:
    trail = made(erased=True)
    assert check(SEALS, replace(trail, words={}), []) == []
    other = made(many=10, erased=True)
    later = replace(other, words={n: said for n, said in other.words.items() if n != 3})
    assert check(SEALS, later, []) == []


def test_an_anchor_is_exactly_what_was_signed() -> None:
    line = SEALS.anchor(5, {"blue": Head(3, "ab"), "green": Head(1, "cd")})
    assert SEALS.read_anchor(line) == Anchor(5, {"blue": Head(3, "ab"), "green": Head(1, "cd")})
    assert OTHER.read_anchor(line) is None
    dice = random.Random(3)
    for _ in range(300):
        at = dice.randrange(len(line))
        changed = line[:at] + chr(dice.randrange(32, 126)) + line[at + 1 :]
        assert changed == line or SEALS.read_anchor(changed) is None
    for other in ("", "null", "[]", '{"sign":1}', line + " ", line[:-1], "[" * 99_999):
        assert SEALS.read_anchor(other) is None


def test_a_rooms_key_is_not_anothers_and_not_the_anchors() -> None:
    assert SEALS.pads("blue") != SEALS.pads("green") != OTHER.pads("green")
    assert len(SEALS.pads("blue")) == 128


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_file_proves_itself(form: ledger.Form) -> None:
    trails = [made("green", 4), made("blue", 12), made("empty", 0)]
    lines = list(ledger.write(SEALS, trails, 7, form))
    text = "".join(lines)
    assert ledger.verify(SEALS, text, []) == ([], 16)
    assert ledger.verify(SEALS, text, [anchored(made("blue", 20))])[0] == [], (
        "an anchor younger than the file"
    )
    assert ledger.verify(OTHER, text, [])[0]
    assert ledger.verify(SEALS, "", [])[0]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_changed_file_is_found(form: ledger.Form) -> None:
    """Whatever byte, line or order it is."""
    dice = random.Random(5)
    lines = list(ledger.write(SEALS, [made("blue", 12), made("green", 6)], 7, form))
    text = "".join(lines)
    for _ in range(400):
        match dice.randrange(4):
            case 0:
                at = dice.randrange(len(text))
                changed = text[:at] + chr(dice.randrange(9, 300)) + text[at + 1 :]
            case 1:
                at = dice.randrange(len(lines))
                changed = "".join(lines[:at] + lines[at + 1 :])
            case 2:
                one, two = dice.sample(range(len(lines)), 2)
                moved = list(lines)
                moved[one], moved[two] = moved[two], moved[one]
                changed = "".join(moved)
            case _:
                changed = text[: dice.randrange(len(text))]
        assert changed == text or ledger.verify(SEALS, changed, [])[0]
