"""Numbers that carry their own proof: check digits and shapes of cards, accounts and papers."""

from itertools import pairwise

# Verhoeff's scheme: the multiplication of the dihedral group of ten, and the permutation by position.
_TIMES = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_TURNS = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def luhn(digits: str) -> bool:
    """The sum in which every second digit from the right counts twice is a multiple of ten."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def verhoeff(digits: str) -> bool:
    """The product of all digits, each turned by its place, is none."""
    product = 0
    for index, digit in enumerate(reversed(digits)):
        product = int(_TIMES[product][int(_TURNS[index % 8][int(digit)])])
    return product == 0


def is_card(digits: str) -> bool:
    """A payment card: Luhn, and not one digit over and over (ISO/IEC 7812)."""
    return luhn(digits) and len(set(digits)) > 1


def is_account(account: str) -> bool:
    """An IBAN in lower case without spaces: the country's letters to the end, mod 97 (ISO 13616)."""
    turned = account[4:] + account[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def is_health(digits: str) -> bool:
    """An NHS number: ten digits, the last of them a weighted sum mod 11."""
    check = 11 - sum(int(digit) * (10 - at) for at, digit in enumerate(digits[:9])) % 11
    return check % 11 == int(digits[9]) and check != 10 and len(set(digits)) > 1


def is_insured(digits: str) -> bool:
    """A US social security number: nine digits, none of its three parts one that is never given out."""
    return not (digits.startswith(("000", "666", "9")) or digits[3:5] == "00" or digits[5:] == "0000")


def is_taxpayer(digits: str) -> bool:
    """A Canadian social insurance number: nine digits, Luhn, and a first digit that is in use."""
    return luhn(digits) and digits[0] not in "08" and len(set(digits)) > 1


def is_citizen(digits: str) -> bool:
    """An Aadhaar number: twelve digits, Verhoeff, neither 0 nor 1 first."""
    return digits[0] not in "01" and verhoeff(digits) and any(one != other for one, other in pairwise(digits))
