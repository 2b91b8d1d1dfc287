"""Numbers of public services, from the registry of helplines: never anybody's contact details."""

import re
from pathlib import Path

from moderation.lexicon import RuleError, parse

_NOT_DIGITS = re.compile(r"\D")
_FIELDS = ("dial", "sms")


def read_services(path: Path) -> tuple[str, ...]:
    """The numbers of a registry of helplines in digits, as dialled and without a leading 1; none if it is missing.

    RuleError where one is not text.
    """
    if not path.exists():
        return ()
    table, _ = parse(path)
    numbers: dict[str, None] = {}
    for entry in table.get("helplines", []):
        for field in _FIELDS:
            number = entry.get(field, "")
            if not isinstance(number, str):
                raise RuleError(path.name, 1, f"{field}: a number in quotation marks, not {number!r}")
            digits = _NOT_DIGITS.sub("", number)
            if digits:
                numbers |= {digits: None, digits.removeprefix("1"): None}
    return tuple(filter(None, numbers))
