"""What a pattern cannot tell of numbers and names: check digits, allowed hosts, dates, scores and services."""

import re
from collections.abc import Callable, Mapping

from moderation.digits import is_account, is_card, is_citizen, is_health, is_insured, is_taxpayer
from moderation.lexicon import Lexicon
from moderation.names import is_named

_TOKEN = re.compile(r"[a-z]+|\d+")
_SAID = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "null": "0", "one": "1", "two": "2", "three": "3",
    "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9",
}  # fmt: skip
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_LETTERS = str.maketrans("oilzesbg", "01123589")
_COUNTED = "01234567890123456789"
_DATE = re.compile(
    r"\s*(?:\d{1,2}[./\-]\d{1,2}[./\-](?:19|20)?\d\d|(?:19|20)\d\d[./\-]\d{1,2}[./\-]\d{1,2}(?:\s+\d{1,2})?"
    r"|(?:19|20)\d\d(?:[\s\-/,.]+(?:19|20)\d\d)+|\d{1,2}[\-:]\d{1,2}(?:[\s,]+\d{1,2}[\-:]\d{1,2})*"
    r"|\d{1,2}\s(?:19|20)\d\d)\s*"
)
_SMALL = re.compile(r"\s*(?:\d{1,2}\b[\s.,\-/]*)+")
_SINGLE = re.compile(r"\s*\d(?:[\s.\-_,*]+\d)+\s*")
_PAIRS = re.compile(r"\s*\d\d([.\-])\d\d\1\d\d\1\d\d(?:\1\d\d)?\s*")
_ROUND = re.compile(r"\s*[1-9]\d{0,2}(?:[ .,]?0{3})+\s*")
# Free or non-geographic numbers of the UK, Ireland, the US, Australia, New Zealand, Germany and France: services all.
_SERVICE = re.compile(
    r"0(?:800|808|508|300|30[136]|33[03]|34[345]|37[01])\d{4,8}|080[0-5]\d{6}|1?8(?:00|33|44|55|66|77|88)\d{7}"
    r"|1(?:800|850|890|300)\d{3,7}|13\d{4}|116\d{3}"
)
_BOOK = re.compile(r"97[89]\d{10}")
_FEWEST = 4  # true digits in a number whose zeros and ones are written as letters

_NAMED = re.compile(r"\b(?:is|id|handle|name|username|user|account|acc|tag|me|my)\b|[:=@#]")
_OWN = re.compile(
    r"\s*@?(?:[a-z]*\d[a-z0-9._]*|[a-z0-9]+[._][a-z0-9._]*)[\s(]+(?:on|at|via|from|is my|thats my)\b"
)
_TITLE = re.compile(r"\s*(?:my|the) (?:user ?name|gamer ?tag|handle|screen ?name|tag)\b")

_SEPARATORS = re.compile(r"\s*(?:\b(?:and |then )*(?:a )?dot\b|[(\[{]\s*(?:dot|\.)\s*[)\]}])\s*")
_LINK = 300  # characters of a link that are looked at: a host is at most 253
_HOST = re.compile(
    r"(?:https?[\s(\[]*:[\s)\]]*/?\s?/?\s?|www\s?\.\s?)*([a-z0-9\-]+(?:\s?[.,]\s?[a-z0-9\-]+)+)"
)
_ADDRESS = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.])")

_NO_PAPER = frozenset(
    ("at", "as", "by", "am", "my", "me", "he", "we", "to", "in", "on", "is", "it", "or", "no")
)
_SEVERAL = 5  # digits of a number that is named as that of a paper


def digits_of(text: str) -> str:
    """The digits of a number, be they written as such, as words (`double seven`) or as letters (`O7`)."""
    found: list[str] = []
    times = 1
    for token in _TOKEN.findall(text):
        if token in _TIMES:
            times = _TIMES[token]
            continue
        digits = token if token.isdigit() else _SAID.get(token, "")
        if not digits and not token.strip("oilzesbg"):
            digits = token.translate(_LETTERS)
        found.append(digits[:1] * (times - 1) + digits)
        times = 1
    return "".join(found)


def is_service(digits: str, lexicon: Lexicon) -> bool:
    """A number of a helpline or one that no private person has."""
    return digits in lexicon.words("numbers.services") or _SERVICE.fullmatch(digits) is not None


def is_phone(text: str, lexicon: Lexicon) -> bool:
    """Seven to fifteen digits; no date, range of years, score, count, round sum, book or service."""
    digits = digits_of(text)
    if not 7 <= len(digits) <= 15 or is_service(digits, lexicon) or _BOOK.fullmatch(digits):
        return False
    if _DATE.fullmatch(text) or _ROUND.fullmatch(text) or len(set(digits)) == 1:
        return False
    if digits[:7] in _COUNTED or digits[6::-1] in _COUNTED:
        return False
    if any(character.isalpha() for character in text):
        return _spoken(text) or _disguised(text)
    if _SINGLE.fullmatch(text) is not None:
        return True
    return (
        _SMALL.fullmatch(text) is None
        or _PAIRS.fullmatch(text) is not None
        or text.lstrip().startswith(("+", "0", "("))
    )


def _spoken(text: str) -> bool:
    return any(token in _SAID and len(token) > 1 for token in _TOKEN.findall(text))


def _disguised(text: str) -> bool:
    """Letters stand among the digits, and no word between them."""
    every = all(any(map(str.isdigit, part)) or part.startswith(("x", "ext")) for part in text.split())
    return every and sum(map(str.isdigit, text)) >= _FEWEST


def is_handle(text: str, lexicon: Lexicon) -> bool:
    """A name on an app, given as one's own, and not merely a sentence about the app."""
    if _OWN.match(text) is not None:
        return True
    rest = text.strip()
    last = re.split(r"[\s:=(@]+", rest)[-1].strip(".")
    if any(mark in rest for mark in "@#=:"):
        return True
    if any(character.isdigit() or character in "._" for character in last):
        return True
    if last in lexicon.words("handles.words"):
        return False
    return _TITLE.match(text) is not None or (rest.startswith("my ") and _NAMED.search(rest[3:]) is not None)


def is_identity(text: str, lexicon: Lexicon) -> bool:
    """A number whose check digits or shape are those of a card, account or paper, or one named as such."""
    bare = re.sub(r"[\s\-]", "", text)
    if not bare.isdigit():
        return _is_paper(text, bare)
    if is_service(bare, lexicon):
        return False
    match len(bare):
        case 9:
            return is_insured(bare) if re.search(r"\d{3}\D\d\d\D", text) else is_taxpayer(bare)
        case 10:
            return is_health(bare)
        case 12:
            return is_citizen(bare)
        case size:
            return 13 <= size <= 19 and is_card(bare) and _BOOK.fullmatch(bare) is None


def _is_paper(text: str, bare: str) -> bool:
    if re.fullmatch(r"[a-z]{2}\d{6}[a-d]", bare):
        return bare[:2] not in _NO_PAPER
    if re.fullmatch(r"[a-z]{2}\d{2}[a-z0-9]{10,30}", bare):
        return is_account(bare)
    count = sum(map(str.isdigit, text))
    return count >= _SEVERAL or (count >= 3 and re.match(r"\s*(?:pin|cvv)\b", text) is not None)


def is_link(text: str, lexicon: Lexicon) -> bool:
    """A link to somewhere that is not on the list of places that anybody may name."""
    name = host_of(text)
    if not name:
        return text.startswith(("http", "hxxp", "h**p", "h "))
    if _ADDRESS.search(text) is not None:
        return all(int(part) < 256 for part in _ADDRESS.findall(text)[0])
    if "/" not in text and name.rpartition(".")[2] in lexicon.words("links.words"):
        return False
    return not may_link(name, lexicon.words("links.allowed"))


def host_of(text: str) -> str:
    """The host that a link or the name of a website leads to, however its dots are written; "" for none."""
    host = _HOST.search(_SEPARATORS.sub(".", text[:_LINK]))
    return re.sub(r"\s", "", host[1]).replace(",", ".").removeprefix("www.") if host else ""


def may_link(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a host is one of those allowed or within one."""
    return any(host == one or host.endswith("." + one) for one in allowed)


# Checks of what stands around a hit in the text as it was written.
AROUND: Mapping[str, Callable[[str, int, int, Lexicon], bool]] = {"named": is_named}
CHECKS: Mapping[str, Callable[[str, Lexicon], bool]] = {
    "phone": is_phone,
    "handle": is_handle,
    "identity": is_identity,
    "link": is_link,
}
