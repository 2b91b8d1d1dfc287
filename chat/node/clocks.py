"""What falls due by itself: calls when nobody comes, unanswered messages, follow-ups, words to the outside.

Every node looks at the due list of every room, and takes what is due by one script that lets one of them act. What is
to be done is decided in `chat.room.clocks`; nothing here is kept, so a node's death costs at most one sweep of another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog

from chat.node.cards import given
from chat.node.node import Node, now_ms
from chat.node.ports import NotSent, Page, Pager, Unavailable
from chat.node.rota import as_staff
from chat.protocol.fields import DutyState, Role
from chat.protocol.wire import unpack
from chat.room.clocks import Staff, Taken, is_answered, opening, step
from moderation import Category, Severity

log = structlog.get_logger(__name__)

SWEEP_EVERY: Final = 1.0
"""Seconds between looks at the due lists of all rooms: what a node's death, or a call that nobody heard, costs."""
MOST: Final = 50
"""Things of one room that are taken in one look."""
AFTER: Final = 200
"""Entries that are read after a message to see whether somebody answered it."""
DAY: Final = 86_400_000
SPARE: Final = 5.0
"""Seconds beyond its deadline after which a call outside counts as not sent by whoever took it."""


class Clocks:
    """The timer of a node."""

    def __init__(self, node: Node, pager: Pager) -> None:
        self._node = node
        self._pager = pager
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._looking: set[str] = set()
        self._again: set[str] = set()
        """Rooms that are looked at and in which something came meanwhile."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._sweep_on())

    async def stop(self) -> None:
        """Look no more."""
        for timer in self._timers.values():
            timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def heard(self, flag: Mapping[str, Any]) -> None:
        """A flag changed: be there when its next call is due, and at once where it is new."""
        if flag.get("next_at"):
            self.poke(flag["room"], 0 if flag["step"] == 1 else flag["next_at"] - now_ms())
            if flag["step"] == 1:
                self._later(flag["room"], flag["next_at"] - now_ms())

    def poke(self, room: str, wait: float) -> None:
        """Look at a room's list at once, or in so many milliseconds."""
        if wait <= 0:
            self._node.hub.soon(self.look(room))
        else:
            self._later(room, wait)

    def _later(self, room: str, wait: float) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + wait / 1000
        timer = self._timers.get(room)
        if timer is not None and timer.when() <= at:
            return  # what it finds says when to look next
        if timer is not None:
            timer.cancel()
        self._timers[room] = loop.call_at(at, self._is_time, room)

    def _is_time(self, room: str) -> None:
        del self._timers[room]
        self.poke(room, 0)

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            try:
                await self._sweep()
            except Unavailable:
                log.warning("clocks.store_away")
            except Exception as error:
                log.exception("clocks.failed", error=type(error).__name__)

    async def _sweep(self) -> None:
        now, times = await self._node.broker.due(list(await self._node.hub.known()))
        for room, at in times.items():
            if at <= now:
                await self._look_in_turn(room)
            elif at - now < SWEEP_EVERY * 1000:
                self._later(room, at - now)

    async def _look_in_turn(self, room: str) -> None:
        """What is wrong with one room must not keep back what is due in those after it."""
        try:
            await self.look(room)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("clocks.failed", room=room, error=type(error).__name__)

    async def look(self, room: str) -> None:
        """Take what is due in one room."""
        self._again.add(room)
        if room in self._looking:
            return
        self._looking.add(room)
        try:
            while room in self._again:
                self._again.discard(room)
                found = await self._node.broker.clock(room, {"op": "look", "most": MOST})
                staff = [as_staff(one) for one in found["staff"]]
                for item in found["due"]:
                    await self._try(room, item, staff, int(found["now"]))
        finally:
            self._looking.discard(room)
            self._again.discard(room)

    async def _try(self, room: str, item: dict[str, Any], staff: Sequence[Staff], now: int) -> None:
        """Take one thing. What is wrong with it must not keep back what is due after it."""
        try:
            await self._take(room, item, staff, now)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("clocks.failed", kind=item["kind"], room=room, error=type(error).__name__)

    async def _take(self, room: str, item: dict[str, Any], staff: Sequence[Staff], now: int) -> None:
        match item["kind"]:
            case "open":
                staff = await self._with_topics(item["flag"], staff)
                taken = opening(item["flag"], staff, may_page=self._may_page)
                await self._call(room, item["flag"], taken, staff, is_opening=True)
            case "flag":
                staff = await self._with_topics(item["flag"], staff)
                waits = self._node.settings.review.clock_seconds[item["flag"]["severity"]]
                taken = step(item["flag"], staff, waits, may_page=self._may_page, now=now)
                await self._call(room, item["flag"], taken, staff, is_opening=False)
            case "reply":
                await self._reply(room, item, staff)
            case "task":
                await self._ask_after(room, item["task"], staff)
            case "staff":
                await self._unstaffed(room, is_thinned=item["is_thinned"])
            case "aside":
                if item["is_idle"]:
                    await self._node.broker.drop_room(room)
                await self._node.broker.clock(
                    room, {"op": "aside", "again": None if item["is_idle"] else DAY}
                )
            case "page":
                self._node.hub.soon(self._page(room, item, staff))

    @property
    def _may_page(self) -> bool:
        return bool(self._pager.targets)

    # ── calls ────────────────────────────────────────────────────────────────────────────────────

    async def _with_topics(self, flag: Mapping[str, Any], staff: Sequence[Staff]) -> Sequence[Staff]:
        """The same people, with the topics that they would rather not take, where the flag has any."""
        if not flag["categories"]:
            return staff
        people = await asyncio.gather(*(self._node.people.person(one.id) for one in staff))
        return [
            replace(one, avoids=frozenset(person.avoids)) for one, person in zip(staff, people, strict=True)
        ]

    async def _call(
        self, room: str, flag: dict[str, Any], taken: Taken, staff: Sequence[Staff], *, is_opening: bool
    ) -> None:
        args: dict[str, Any] = {
            "op": "call",
            "flag": flag["flag"],
            "rev": flag["rev"],
            "is_opening": is_opening,
            "take": {
                "step": taken.step,
                "next_at": taken.next_at,
                "groups": [str(group) for group in taken.groups],
                "to": list(taken.to),
                "cover": list(taken.cover),
            },
        }
        if taken.tells:
            args["tells"] = taken.tells
            args["support"] = await self._honest_words(room, flag, taken)
        if taken.is_page:
            args["targets"] = list(self._pager.targets)
            args["on_call"] = [one.id for one in staff if one.duty is DutyState.ON_CALL]
        done = await self._node.broker.clock(room, args)
        if done["is_taken"] and is_opening:
            self._node.numbers.took("nudge", flag["severity"], now_ms() - flag["opened_at"])
        if done["is_taken"] and taken.is_page:
            self._again.add(room)

    async def _honest_words(self, room: str, flag: dict[str, Any], taken: Taken) -> bytes:
        """What the author is told where nobody has come, or nobody is there to be called."""
        node = self._node
        author = await node.people.person(flag["author"]["id"])
        policy = node.policies.policy(room)
        card = node.care.unattended(
            severity=Severity.of(flag["severity"]),
            categories=[Category(category) for category in flag["categories"]],
            country=author.country or policy.country,
            language=author.language or policy.language,
            nobody=taken.tells == "nobody",
        )
        return given(room, card)

    async def _page(self, room: str, item: dict[str, Any], staff: Sequence[Staff]) -> None:
        """Send one word outside. The lease is this node's alone; what it does not finish another one sends again."""
        page, about = item["id"], item["page"]
        outbound = self._node.settings.outbound
        lease = {"op": "lease", "page": page, "at": item["at"]}
        lease["lease"] = int((outbound.timeout_seconds + SPARE) * 1000)
        if not (await self._node.broker.clock(room, lease))["is_taken"]:
            return
        call = Page(
            call=f"{about['flag']}.{about['step']}",
            room=room,
            flag=about["flag"],
            severity=about["severity"],
            step=int(about["step"]),
            at=int(about["made_at"]),
            on_call=tuple(about.get("on_call") or ()),
        )
        try:
            await self._pager.send(about["target"], call)
        except NotSent as lost:
            waits = outbound.retry_seconds
            tries = int(about["tries"])
            log.warning("page.not_sent", error=lost.why)
            failed: dict[str, Any] = {"op": "failed", "page": page, "why": lost.why}
            failed["to"] = [one.id for one in staff if one.role is Role.ADMIN and one.is_reached]
            if tries < len(waits):
                failed["wait"] = int(waits[tries] * 1000)
            await self._node.broker.clock(room, failed)
            if "wait" in failed:
                self._later(room, failed["wait"])
        else:
            await self._node.broker.clock(room, {"op": "sent", "page": page})

    # ── what nobody answered, whom nobody asked after ────────────────────────────────────────────

    async def _reply(self, room: str, item: dict[str, Any], staff: Sequence[Staff]) -> None:
        entry, flag = item.get("entry"), item.get("flag")
        seq = int(item["id"])
        is_over = entry is None or bool(entry.get("retracted")) or bool(flag and flag["attended_by"])
        author = entry["from"] if entry is not None else {"id": "", "role": str(Role.PARTICIPANT)}
        if not is_over:
            after = await self._node.broker.read(room, None, seq + 1, seq + AFTER)
            is_over = is_answered(author["id"], seq, (unpack(one) for _, one in after))
        is_about_staff = author["role"] != Role.PARTICIPANT
        nudged = [
            one.id
            for one in staff
            if one.is_reached
            and one.id != author["id"]
            and (one.role.rank >= Role.MODERATOR.rank or not is_about_staff)
        ]
        args: dict[str, Any] = {
            "op": "reply",
            "seq": seq,
            "author": {"id": author["id"], "role": author["role"]},
            "staff": nudged,
            "answered": is_over,
        }
        if self._node.policies.policy(room).nudge_peers:
            args["peers"] = self._node.told(room, "quiet", "lonely")
        done = await self._node.broker.clock(room, args)
        self._node.numbers.unanswered += done["is_taken"] and not is_over

    async def _unstaffed(self, room: str, *, is_thinned: bool) -> None:
        """Nobody of staff came back in time. What the room needs by now may have changed since."""
        policy = self._node.policies.policy(room)
        args: dict[str, Any] = {"op": "staff", "slow": policy.unstaffed_slow_mode}
        args["word"] = self._node.told(
            room, *(("closing", "closing") if is_thinned else ("unstaffed", "alone"))
        )
        if policy.unstaffed_close_seconds:
            args["close"] = int(policy.unstaffed_close_seconds * 1000)
        await self._node.broker.clock(room, args)

    async def _ask_after(self, room: str, task: dict[str, Any], staff: Sequence[Staff]) -> None:
        """The owner where they are there, else whoever is."""
        there = [one.id for one in staff if one.is_reached and one.id != task["user"]["id"]]
        owner = task["owner"]["id"]
        to = [owner] if owner in there else there
        if task["user"]["role"] != Role.PARTICIPANT:
            to = [one.id for one in staff if one.id in to and one.role.rank >= Role.MODERATOR.rank]
        await self._node.broker.clock(room, {"op": "task", "flag": task["flag"], "to": to, "again": DAY})
