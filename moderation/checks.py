"""What a pattern cannot tell of numbers and names: check digits, allowed hosts, dates and scores."""

import re
from collections.abc import Callable, Mapping

from moderation.lexicon import Lexicon

_DIGITS = re.compile(r"\d")
_DATE = re.compile(
    r"\s*(?:\d{1,2}[./\-]\d{1,2}[./\-](?:19|20)?\d\d|(?:19|20)\d\d[./\-]\d{1,2}[./\-]\d{1,2}"
    r"|(?:19|20)\d\d\s*[\-/ ]\s*(?:19|20)\d\d|\d{1,2}[\-:]\d{1,2}(?:[\s,]+\d{1,2}[\-:]\d{1,2})*)\s*"
)
_SMALL = re.compile(r"\s*(?:\d{1,2}\b[\s.,\-/]*)+")
_SAID = re.compile(r"\b(?:double|zero|oh|one|two|three|four|five|six|seven|eight|nine)\b")
_NAMED = re.compile(r"\b(?:is|id|handle|name|username|user|account|acc|tag|me|my)\b|[:=@#]")
_APP = re.compile(
    r"\s*(?:my |on |add me on |find me on |dm me on |message me on |hmu on |text me on )?"
    r"(?:snap ?chat|snap|insta(?:gram)?|ig|discord|telegram|tele|whats ?app|wa|kik|tik ?tok|signal|skype"
    r"|facebook|fb|twitter|reddit|steam|wechat|line|messenger|onlyfans|viber|threads)"
)
_SEPARATORS = re.compile(r"\s*(?:\bdot\b|[(\[{]\s*(?:dot|\.)\s*[)\]}])\s*")
_LINK = 300  # characters of a link that are looked at: a host is at most 253
_HOST = re.compile(r"(?:https?:\s?/\s?/\s?|www\s?\.\s?)*([a-z0-9\-]+(?:\s?\.\s?[a-z0-9\-]+)+)")


def is_phone(text: str, lexicon: Lexicon) -> bool:
    """Seven to fifteen digits, or number words; no date, range of years, score or service."""
    if _SAID.search(text) and not _DIGITS.search(text):
        return True
    digits = "".join(_DIGITS.findall(text))
    if not 7 <= len(digits) <= 15 or digits in lexicon.words("numbers.services"):
        return False
    if _DATE.fullmatch(text):
        return False
    single = re.fullmatch(r"\s*\d(?:[\s.\-_,]+\d)+\s*", text) is not None
    if single and digits in "01234567890123456789":
        return False  # counting
    if len(set(digits)) <= 1 or re.fullmatch(r"\s*[1-9]0{5,}\s*", text):
        return False
    return single or _SMALL.fullmatch(text) is None or text.lstrip().startswith(("+", "0", "("))


def is_handle(text: str, lexicon: Lexicon) -> bool:
    """A name on an app, given as one's own, and not merely a sentence about the app."""
    app = _APP.match(text)
    if app is None:
        return True
    rest = text[app.end() :]
    last = re.split(r"[\s:=(@]+", rest.strip())[-1]
    if "@" in rest or "#" in rest or ":" in rest or "=" in rest:
        return True
    if any(character.isdigit() or character in "._" for character in last.strip(".")):
        return True
    own = _NAMED.search(rest) is not None and text.lstrip().startswith("my ")
    return own and last not in lexicon.words("handles.words")


def is_identity(text: str, _lexicon: Lexicon) -> bool:
    """A card number (Luhn), account number (mod 97), social security number, or a number named as one."""
    bare = re.sub(r"[\s\-]", "", text)
    if bare.isdigit() and 13 <= len(bare) <= 19:
        return _luhn(bare)
    if re.fullmatch(r"[a-z]{2}\d{2}[a-z0-9]{10,30}", bare):
        return _mod97(bare)
    if re.fullmatch(r"\s*\d{3}[\s\-]\d{2}[\s\-]\d{4}\s*", text):
        return not bare.startswith(("000", "666", "9"))
    tail = re.split(r"[\s:#=]+", text.strip())[-1]
    return sum(character.isdigit() for character in text) >= 5 or sum(map(str.isdigit, tail)) >= 4


def is_link(text: str, lexicon: Lexicon) -> bool:
    """A link to somewhere that is not on the list of places that anybody may name."""
    host = _HOST.search(_SEPARATORS.sub(".", text[:_LINK]))
    if host is None:
        return text.startswith(("http", "hxxp"))
    name = re.sub(r"\s", "", host[1]).removeprefix("www.")
    allowed = lexicon.words("links.allowed")
    return not any(name == one or name.endswith("." + one) for one in allowed)


def _luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0 and len(set(digits)) > 1


def _mod97(account: str) -> bool:
    turned = account[4:] + account[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


CHECKS: Mapping[str, Callable[[str, Lexicon], bool]] = {
    "phone": is_phone,
    "handle": is_handle,
    "identity": is_identity,
    "link": is_link,
}
