import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.client.line import LONGEST, may_return, wait
from chat.protocol.errors import CloseCode

SPANS = st.tuples(st.floats(0, 10), st.floats(0, 20)).map(lambda pair: (min(pair), max(pair)))
DICE = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize("code", CloseCode)
def test_client_and_server_agree_on_who_may_return(code: CloseCode) -> None:
    assert may_return(code) is code.may_return


@pytest.mark.parametrize(
    ("code", "returns"), [(1006, True), (1003, False), (4000, True), (4499, True), (4500, False)]
)
def test_codes_that_the_server_never_names(code: int, returns: bool) -> None:
    """1006 is an end without a close frame; ranges hold for codes of later versions too."""
    assert may_return(code) is returns


@given(SPANS, DICE)
def test_the_first_wait_is_within_the_servers_span(span: tuple[float, float], dice: float) -> None:
    assert span[0] <= wait(0, span, None, dice) <= span[1] + 1e-9


@given(st.integers(0, 100), SPANS, DICE)
def test_waits_grow_and_are_bounded(tries: int, span: tuple[float, float], dice: float) -> None:
    assert wait(tries, span, None, dice) <= wait(tries + 1, span, None, dice) <= max(LONGEST, span[1])


@given(st.integers(0, 100), st.floats(0, 300), SPANS, DICE)
def test_what_the_server_asks_for_is_the_least(
    tries: int, asked: float, span: tuple[float, float], dice: float
) -> None:
    assert asked <= wait(tries, span, asked, dice) <= asked + span[1]
