from typing import Any

import pytest

from chat.cli.chain import chain, outside
from chat.cli.finding import State
from chat.settings import Outbound, Settings
from chat.store.chain import Chain

PAGED: dict[str, Any] = {
    "targets": [{"name": "pager", "url": "https://pager.example.org/"}],
    "secrets": {"pager": "quite-long-and-secret"},
}


def states(settings: Settings, **found: Any) -> list[State]:
    known: dict[str, Any] = {"rooms": ("blue", "green"), "unstaffed": (), "people": 3, "given_up": 0, **found}
    return [finding.state for finding in chain(settings, Chain(**known))]


def test_an_empty_chain_is_wrong() -> None:
    """Unless people outside are called, or nobody was ever here; and a store without rooms says nothing."""
    assert states(Settings()) == [State.OK]
    assert states(Settings(), unstaffed=("blue",)) == [State.WRONG]
    assert states(Settings(outbound=Outbound.model_validate(PAGED)), unstaffed=("blue",)) == [State.OK]
    assert states(Settings(), unstaffed=("blue",), people=0) == [State.WARN]
    assert states(Settings(), rooms=()) == []


def test_calls_that_were_given_up_are_wrong() -> None:
    assert states(Settings(), given_up=2) == [State.OK, State.WRONG]


@pytest.mark.parametrize(("outbound", "state"), [({}, State.WARN), (PAGED, State.OK)])
def test_no_way_outside_is_worth_a_word(outbound: dict[str, Any], state: State) -> None:
    assert [finding.state for finding in outside(Settings(outbound=Outbound.model_validate(outbound)))] == [
        state
    ]
