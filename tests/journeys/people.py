"""People of the journeys: each a client of their own, in one room, who remember what they heard."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from chat.client import Client, CommandError, Frame
from chat.protocol.wire import Format
from chat.room.state import View
from chat.tokens import new_user
from tests.serving import Serving, new_name
from tests.waiting import wait_until


def matches(event: Frame, fields: dict[str, Any]) -> bool:
    """Whether an event has all of these."""
    return all(name in event and event[name] == value for name, value in fields.items())


class Person:
    """Somebody at their client."""

    def __init__(self, client: Client, room: str, user: str, name: str) -> None:
        self.client = client
        self.room = room
        self.id = user
        self.name = name
        self._events = client.events()
        self._heard: list[Frame] = []

    @property
    def view(self) -> View:
        """The room as they see it."""
        return self.client.views[self.room]

    async def ask(self, type_: str, **fields: Any) -> Frame:
        """Send a command about their room."""
        return await self.client.request(type_, **{"room": self.room, **fields})

    async def refused(self, code: str, type_: str, **fields: Any) -> Frame:
        """Send a command that must be refused with this code; the whole `error`."""
        with pytest.raises(CommandError) as caught:
            await self.ask(type_, **fields)
        assert caught.value.code == code
        assert caught.value.text
        return caught.value.reply

    async def say(self, text: str, **fields: Any) -> Frame:
        """Post to the room."""
        return await self.client.post(self.room, text, **fields)

    def heard(self, type_: str, **fields: Any) -> list[Frame]:
        """All events of this kind so far, or those of them that match."""
        self._heard += self._events.take()
        return [event for event in self._heard if event["type"] == type_ and matches(event, fields)]

    async def hears(self, type_: str, **fields: Any) -> Frame:
        """The first such event, once it is there."""
        await wait_until(lambda: bool(self.heard(type_, **fields)))
        return self.heard(type_, **fields)[0]

    async def caught_up_with(self, seq: int) -> None:
        """Wait until their view reaches a seq."""
        await wait_until(lambda: self.view.head >= seq)

    def sees(self, seq: int) -> Any:
        """An entry as it stands before them."""
        return self.view.entries[seq]


def _is_alike(one: View, other: View) -> bool:
    return one.state.staffed == other.state.staffed


class Stage:
    """One room and who is in it. JSON and msgpack sit side by side: every other person speaks the other."""

    def __init__(self, server: Serving, room: str, first: Format, stack: AsyncExitStack) -> None:
        self.server = server
        self.room = room
        self.forms = list(Format) if first is Format.MSGPACK else list(Format)[::-1]
        self.stack = stack
        self.people: list[Person] = []

    async def person(
        self, name: str, role: str = "participant", *rooms: str, user: str = "", agree: int | None = None
    ) -> Person:
        """Somebody who said hello and came in."""
        newcomer = await self.visitor(name, role, *rooms, user=user)
        await newcomer.client.join(self.room, agree=agree)
        return newcomer

    async def visitor(self, name: str, role: str = "participant", *rooms: str, user: str = "") -> Person:
        """Somebody who said hello, and is in no room yet."""
        user, name = user or new_user(), new_name(name)
        token = self.server.token(role, name, *rooms, user=user)
        client = await self.connect(token)
        newcomer = Person(client, self.room, user, name)
        self.people.append(newcomer)
        return newcomer

    async def connect(self, token: str, **options: Any) -> Client:
        """A client in the next person's format."""
        form = self.forms[len(self.people) % 2]
        client = Client(self.server.url, token, form=form, **options)
        return await self.stack.enter_async_context(client)

    async def settle(self) -> None:
        """Everybody who is still in the room sees what a newcomer is given: no gap, no difference."""
        newcomer = await self.person("Late", "admin")
        fresh = newcomer.view
        if fresh.head > max(fresh.entries, default=0) or (1 not in fresh.entries and fresh.head):
            await newcomer.client.history(self.room, before=min(fresh.entries, default=1), limit=200)
        for person in self.people:
            view = person.client.views.get(self.room)
            if view is None or not person.client.is_open or person.heard("removed"):
                continue
            await person.caught_up_with(fresh.head)
            assert view.epoch == fresh.epoch
            assert view.entries == {seq: fresh.entries[seq] for seq in view.entries}, person.name
            first = min(view.entries, default=fresh.head + 1)
            assert sorted(view.entries) == [*range(first, fresh.head + 1)], person.name
            # Whether there is staff follows from presence, which is in no log and comes when it comes.
            await wait_until(partial(_is_alike, view, fresh))
            assert view.state == fresh.state, person.name
