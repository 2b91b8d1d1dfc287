"""Whatever is done to the stored or exported audit trail is found (I25)."""

import random
from pathlib import Path
from typing import Any

import msgpack
import pytest
from redis import Redis

from chat.assembly import Stored, store_of
from chat.cli.audit import verify_store
from chat.room import ledger
from chat.room.trail import Seals, Trail
from chat.settings import Settings
from tests.faults.conftest import Reach
from tests.faults.rig import OTHER, ROOM, behind, serving, words

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

KEYS = ("audit", "words", "heads")


def key(room: str, name: str) -> str:
    return f"hearth:{{{room}}}:{name}"


class Trails:
    """The stored trails, changed from behind and put back."""

    def __init__(self, store: Redis, dice: random.Random) -> None:
        self.store = store
        self.dice = dice
        self.kept: dict[str, dict[Any, Any]] = {
            key(room, name): store.hgetall(key(room, name)) for room in (ROOM, OTHER) for name in KEYS
        }

    def put_back(self) -> None:
        with self.store.pipeline() as steps:
            for name, fields in self.kept.items():
                steps.delete(name)
                steps.hset(name, mapping=fields)
            steps.execute()

    def change(self) -> str:
        """One change of some kind; which it was."""
        room = self.dice.choice((ROOM, OTHER))
        audit = self.kept[key(room, "audit")]
        kind = self.dice.choice(("byte", "field", "remove", "swap", "cut", "move", "words", "head", "add"))
        getattr(self, f"_{kind}")(room, audit, sorted(audit, key=int))
        return f"{kind} in {room}"

    def _byte(self, room: str, audit: dict[bytes, bytes], numbers: list[bytes]) -> None:
        n = self.dice.choice(numbers)
        at = self.dice.randrange(len(audit[n]))
        changed = bytearray(audit[n])
        changed[at] ^= 1 << self.dice.randrange(8)
        self.store.hset(key(room, "audit"), n, bytes(changed))

    def _field(self, room: str, audit: dict[bytes, bytes], numbers: list[bytes]) -> None:
        n = self.dice.choice(numbers)
        entry = msgpack.unpackb(audit[n])
        name = self.dice.choice(("at", "action", "by", "user"))
        entry[name] = {"at": 5, "action": "card", "by": {"id": "u_other"}, "user": "u_none"}[name]
        self.store.hset(key(room, "audit"), n, msgpack.packb(entry))

    def _remove(self, room: str, _audit: dict[bytes, bytes], numbers: list[bytes]) -> None:
        self.store.hdel(key(room, "audit"), self.dice.choice(numbers))

    def _swap(self, room: str, audit: dict[bytes, bytes], numbers: list[bytes]) -> None:
        one, two = self.dice.sample(numbers, 2)
        self.store.hset(key(room, "audit"), mapping={one: audit[two], two: audit[one]})

    def _cut(self, room: str, audit: dict[bytes, bytes], numbers: list[bytes]) -> None:
        """Cut off with all that its head says, as far as the entries themselves still tell it."""
        first = self.dice.randrange(len(numbers))
        self.store.hdel(key(room, "audit"), *numbers[first:])
        self.store.hdel(key(room, "words"), *numbers[first:])
        prev = msgpack.unpackb(audit[numbers[first]])["prev"]
        self.store.hset(key(room, "heads"), mapping={":audit": first, ":chain": prev})

    def _move(self, room: str, audit: dict[bytes, bytes], numbers: list[bytes]) -> None:
        """Remove one and close the gap."""
        at = self.dice.randrange(len(numbers))
        left = numbers[:at] + numbers[at + 1 :]
        moved: dict[Any, Any] = {str(n): audit[old] for n, old in enumerate(left, 1)}
        self.store.delete(key(room, "audit"))
        self.store.hset(key(room, "audit"), mapping=moved)
        self.store.hset(key(room, "heads"), ":audit", len(moved))

    def _words(self, room: str, _audit: dict[bytes, bytes], _numbers: list[bytes]) -> None:
        said = self.kept[key(room, "words")]
        n = self.dice.choice(sorted(said))
        if self.dice.random() < 0.5:
            self.store.hdel(key(room, "words"), n)
        else:
            self.store.hset(key(room, "words"), n, said[n] + b".")

    def _head(self, room: str, _audit: dict[bytes, bytes], _numbers: list[bytes]) -> None:
        field = self.dice.choice((":chain", ":sealed"))
        self.store.hset(key(room, "heads"), field, "0" * 40)

    def _add(self, room: str, audit: dict[bytes, bytes], numbers: list[bytes]) -> None:
        entry = {**msgpack.unpackb(audit[numbers[-1]]), "n": len(numbers) + 1}
        self.store.hset(key(room, "audit"), str(len(numbers) + 1), msgpack.packb(entry))
        self.store.hset(key(room, "heads"), ":audit", len(numbers) + 1)


def change_file(text: str, dice: random.Random) -> str:
    """The text with one thing done to it."""
    lines = text.splitlines(keepends=True)
    one, two = dice.sample(range(len(lines)), 2)
    at = dice.randrange(len(text))
    match dice.randrange(5):
        case 0:
            return text[:at] + chr((ord(text[at]) + 1) % 128) + text[at + 1 :]
        case 1:
            return "".join(lines[:one] + lines[one + 1 :])
        case 2:
            lines[one], lines[two] = lines[two], lines[one]
            return "".join(lines)
        case 3:
            return text[:at]
        case _:
            return "".join([*lines[:one], lines[two], *lines[one:]])


async def _export(stored: Stored, form: ledger.Form) -> tuple[Seals, str]:
    seals = Seals(stored.key.secret)
    trails = [Trail(**await stored.review.trail(room)) for room in (ROOM, OTHER)]
    return seals, "".join(ledger.write(seals, trails, 1, form))


async def test_every_change_of_the_trail_is_found(tmp_path: Path, reach: Reach) -> None:
    """Bytes, fields, removals, swaps and cuts, with the head made to fit; in the store and in both kinds of file."""
    dice = reach.dice()
    async with serving(tmp_path / "data") as server:
        async with server.client() as author, server.client("moderator") as staff:
            for room in (ROOM, OTHER):
                await author.join(room)
                for number in range(12):
                    seq = (await author.post(words(number), f"{room}-{number}", room))["seq"]
                    await staff.call("mute", room=room, user=author.user, seconds=1, reason=words(number))
                    await staff.call("unmute", room=room, user=author.user)
                    await staff.call("warn", room=room, seq=seq, warning="loss")
        settings = Settings(store=server.store_url, data=server.data)
        async with store_of(settings) as stored:
            with behind(server) as store:
                assert (await verify_store(stored))[:2] == ([], 72)
                trails = Trails(store, dice)
                for _ in range(reach(100, 500)):
                    kind = trails.change()
                    faults, _, _ = await verify_store(stored)
                    assert faults, kind
                    trails.put_back()
                assert (await verify_store(stored))[0] == []
            for form in ledger.FORMS:
                seals, text = await _export(stored, form)
                assert ledger.verify(seals, text, []) == ([], 72)
                for _ in range(reach(50, 250)):
                    changed = change_file(text, dice)
                    assert changed == text or ledger.verify(seals, changed, [])[0]
