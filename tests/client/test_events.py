import asyncio

import pytest

from chat.client import events as module
from chat.client.events import Events, Lagged

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_events_come_in_the_order_heard() -> None:
    events = Events()
    listening = asyncio.create_task(anext(events))
    events.put({"type": "one"})
    events.put({"type": "two"})
    assert await listening == {"type": "one"}
    assert events.take() == [{"type": "two"}]
    assert events.take() == []


async def test_what_waits_is_given_out_before_the_end() -> None:
    events = Events()
    events.put({"type": "one"})
    events.finish(StopAsyncIteration())
    events.put({"type": "after the end"})
    assert [event["type"] async for event in events] == ["one"]


async def test_one_who_lags_is_told_and_hears_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    events = Events()
    for number in range(4):
        events.put({"type": str(number)})
    assert [await anext(events), await anext(events)] == [{"type": "0"}, {"type": "1"}]
    with pytest.raises(Lagged):
        await anext(events)
