from __future__ import annotations

import pytest

from moderation.lexicon import CLOSING, OPENING, Lexicon
from moderation.needs import Words, ways_of


def _told(words: Words) -> str:
    return " ".join(sorted(word + "*" * (not exact) for word, exact in words))


def _ways(pattern: str) -> set[str] | None:
    """Each way as `set + set | first > second`."""
    return _told_of(f"{OPENING}{Lexicon([]).expand(pattern)}{CLOSING}")


def _told_of(pattern: str) -> set[str] | None:
    found = ways_of(pattern)
    if found is None:
        return None
    told = set()
    for way in found:
        sets = " + ".join(_told(words) for words in way.words if words)
        pair = f" | {' '.join(sorted(way.pair.first))} > {_told(way.pair.second)}" if way.pair else ""
        told.add(sets + pair)
    return told


@pytest.mark.parametrize(
    ("pattern", "ways"),
    [
        ("sea", {"sea"}),
        ("seas?", {"sea*"}),
        ("sea wind", {"sea + wind"}),
        ("(?:sea|lake)(?: \\w+){0,3} wind", {"wind + lake sea"}),
        ("(?:old )?sea", {"sea"}),
        ("sea ?side", {"sea seaside"}),
        ("my ?self", {"myself", "self + my"}),
        ("a&e", {"a + e"}),
        ("a ?& ?e", {"a + e"}),
        ("o ?d(?:ed)?", {"o + d* | o > d*", "od*"}),
        ("^(?:so|then) i", {"so + i | ^ > so", "then + i | ^ > then"}),
        ("sail(?:ing|ed)? south", {"sail* + south"}),
        ("(?:up|down)hill|sea", {"downhill sea uphill"}),
        ("(?:the |a )sea", {"sea + a the"}),
        ("se+a", {"s*"}),
        ("sea(?: wind)?side", {"sea*"}),
        ("warm (sea|lake)", {"warm + lake sea"}),
        ("sea(?:$|[!.]| and)", {"sea*"}),
        ("time to go", {"time + to + go | time > to"}),
        ("time(?: to)? go", {"time + go"}),
        ("(?:my|your) time", {"my + time | my > time", "your + time | your > time"}),
        ("(?:go on|do it) then", {"go + on + then | go > on", "do + it + then | do > it"}),
        ("(?:go on|push(?:ed)?) then", {"go + on + then | go > on", "push* + then"}),
        ("(?:un)?tied", {"tied untied"}),
        ("(?:un|re) ?- ?tied", {"tied + re un"}),
        ("(?:a |the )+(?:sea|lake)", {"lake sea + a the"}),
        ("(?:so |then )?sea", {"sea"}),
        ("(?:so)*sea", None),
        ("time (?:to |and )+go", {"time + go + and to | time > and to"}),
        ("(?:my (?:old )?|your )sea", {"sea + my your"}),
        ("take \\d+ ?mg", {"take + #* | take > #*"}),
        ("(?:oh[!?]+|well,? )sea", {"sea + oh well"}),
        ("(?:sea|lake) (?:the|a)", {"lake sea + a the"}),
        (
            "(?:i|you) (?:go|get) (?:in|on)",
            {
                "i + go + in on | i > go",
                "i + get + in on | i > get",
                "you + go + in on | you > go",
                "you + get + in on | you > get",
            },
        ),
        ("\\w+", None),
        ("(?:sea|\\d+)", {"#* sea"}),
    ],
)
def test_the_ways_of_a_pattern(pattern: str, ways: set[str] | None) -> None:
    """The words of which any match has one in each set; nothing where that cannot be told."""
    assert _ways(pattern) == ways


@pytest.mark.parametrize(
    ("pattern", "ways"),
    [
        ("^yes", {"yes*"}),
        ("^is it", {"is + it* | ^ > is"}),
        ("wave\\.", None),
        ("\\bwave\\.", {"wave"}),
        ("^yes\\b", {"yes"}),
        ("(?:^|and )sail", {"sail*"}),
        ("\\bdot\\b|@", None),
        ("\\bdot\\b|\\bcom", {"com* dot"}),
        ("sea", None),
        ("\\bsea[ .]?side", {"sea seaside*"}),
    ],
)
def test_the_ways_of_a_raw_pattern(pattern: str, ways: set[str] | None) -> None:
    """What stands for itself begins and ends within words, where it does not say else."""
    assert _told_of(Lexicon([]).expand(pattern)) == ways


def test_ways_that_are_joined_stay_as_open_as_either() -> None:
    """Of two ways that differ in one set, of which one is free, the other asks for no more."""
    assert _ways("sun|sun(?: \\w+)? wind") == {"sun"}
