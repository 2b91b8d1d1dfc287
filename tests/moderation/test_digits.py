from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.digits import (
    is_account,
    is_card,
    is_citizen,
    is_health,
    is_insured,
    is_taxpayer,
    luhn,
    verhoeff,
)

CARDS = st.text("0123456789", min_size=12, max_size=18).filter(lambda digits: len(set(digits)) > 1)


def _with_luhn(payload: str) -> str:
    return next(payload + digit for digit in "0123456789" if luhn(payload + digit))


@given(CARDS)
def test_one_check_digit_of_ten_is_right(payload: str) -> None:
    """Of the ten digits that can end a number exactly one passes."""
    assert sum(luhn(payload + digit) for digit in "0123456789") == 1
    assert sum(verhoeff(payload + digit) for digit in "0123456789") == 1


@given(CARDS, st.data())
def test_a_slip_of_one_digit_is_noticed(payload: str, data: st.DataObject) -> None:
    """A card with one digit changed is no card."""
    card = _with_luhn(payload)
    at = data.draw(st.integers(0, len(card) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != card[at]]))
    assert is_card(card)
    assert not is_card(card[:at] + other + card[at + 1 :])


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=11, max_size=26))
def test_accounts(payload: str) -> None:
    """The two digits that make an account number right do, and no others near them."""
    remainder = int("".join(str(int(one, 36)) for one in payload + "gb00")) % 97
    check = 98 - remainder
    assert is_account(f"gb{check:02}{payload}")
    assert not is_account(f"gb{check % 97 + 1:02}{payload}") or check % 97 + 1 == check


@given(st.text("0123456789", min_size=9, max_size=9).filter(lambda digits: len(set(digits)) > 1))
def test_health_numbers_have_at_most_one_check_digit(payload: str) -> None:
    """Where the sum would call for a tenth there is none."""
    assert sum(is_health(payload + digit) for digit in "0123456789") <= 1


@pytest.mark.parametrize(
    ("holds", "number", "expected"),
    [
        (is_card, "4111111111111111", True),
        (is_card, "4111111111111112", False),
        (is_card, "0000000000000000", False),
        (is_account, "gb82west12345698765432", True),
        (is_account, "gb83west12345698765432", False),
        (is_account, "de89370400440532013000", True),
        (is_health, "9434765919", True),
        (is_health, "9434765918", False),
        (is_health, "1111111111", False),
        (is_insured, "078051120", True),
        (is_insured, "000051120", False),
        (is_insured, "666051120", False),
        (is_insured, "912051120", False),
        (is_insured, "078001120", False),
        (is_insured, "078050000", False),
        (is_taxpayer, "130692544", True),
        (is_taxpayer, "130692545", False),
        (is_taxpayer, "046454286", False),
        (is_citizen, "234123412346", True),
        (is_citizen, "234123412347", False),
        (is_citizen, "134123412346", False),
    ],
)
def test_published_examples(holds: object, number: str, expected: bool) -> None:
    """Numbers that their issuers publish as examples, and the same with a fault."""
    assert callable(holds)
    assert holds(number) is expected
