"""Whether somebody's full name stands near a place in a text, told by its capital letters."""

import re

from moderation.lexicon import Lexicon

_REACH = 110  # characters on each side
_MARKS = "'\N{RIGHT SINGLE QUOTATION MARK}"
_NAME = rf"[A-Z][a-zà-ÿ{_MARKS}]+(?:-[A-Z]?[a-zà-ÿ]+)?"
_RUN = re.compile(rf"{_NAME}(?: (?:(?:de|van|von|al|bin|der|la) )?{_NAME})+")
_WORD = re.compile(rf"[A-Za-z][A-Za-zà-ÿ{_MARKS}-]*")
_MOSTLY = 0.6  # where more of the words than this begin with a capital, capitals tell nothing
# What comes before the author's own name, or before the name of a place or a thing.
_NOBODY = re.compile(
    r"(?:\bI am|\b[Mm]y name(?:.s| is)|\bcall(?:s|ed)? me|\b(?:by|the|a|an|in|near|at|to|from|of|around)) $"
)
_LEAD = 16  # characters before a name in which that stands
_OWN = re.compile(rf"I[{_MARKS}]m\b")


def is_named(text: str, start: int, end: int, lexicon: Lexicon) -> bool:
    """Whether a first and a last name stand near, and not as the author's own."""
    written = _WORD.findall(text)
    if sum(word[0].isupper() for word in written) > _MOSTLY * len(written):
        return False
    none = frozenset(lexicon.words("names.none"))
    for run in _RUN.finditer(text, max(0, start - _REACH), min(len(text), end + _REACH)):
        if _OWN.match(run[0]) or _NOBODY.search(text[max(0, run.start() - _LEAD) : run.start()]):
            continue
        words = re.sub(f"[{_MARKS}]", "'", run[0].lower()).split()
        names = [word for word in words if word.removesuffix("'s") not in none]
        if len(names) > 1 and words[-1] not in none:
            return True
    return False
