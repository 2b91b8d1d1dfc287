"""A retracted text is found nowhere.

Not in the store, its file after a rewrite, or the next node's memory (I23).
"""

import contextlib
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from chat.assembly import store_of
from chat.cli.audit import verify_store
from chat.settings import Settings
from tests.faults.conftest import Reach
from tests.faults.rig import ROOM, Client, Server, audit_of, behind, dial, log_of, new_user, serving, words
from tests.waiting import wait_until

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

MARK = "zibethkatze"


async def test_retracted_and_replaced_texts_are_found_nowhere(tmp_path: Path, reach: Reach) -> None:
    """Retracted by author and staff, edited away, withdrawn while held, replaced: no byte of them is left.

    What staff retract is put aside for appeals where that is set; here it is not.
    """
    async with serving(tmp_path / "data", env={"HEARTH_REVIEW__EVIDENCE_DAYS": "0"}) as server:
        async with server.client() as one, server.client("facilitator") as staff:
            for number in range(reach(10, 200)):
                text = f"{words(number)} {MARK}"
                own = (await one.post(text, f"a{number}"))["seq"]
                await one.call("react", room=ROOM, seq=own, reaction="👍", on=True)
                await staff.call("pin", room=ROOM, seq=own)
                await one.call("retract", room=ROOM, seq=own)
                theirs = (await one.post(text, f"b{number}"))["seq"]
                await staff.call("retract", room=ROOM, seq=theirs, reason="names somebody")
                edited = (await one.post(text, f"c{number}"))["seq"]
                await one.call("edit", room=ROOM, seq=edited, text=f"{words(number)} once {MARK}")
                await one.call("edit", room=ROOM, seq=edited, text=f"{words(number)} mended")
            await staff.call("set_room", room=ROOM, hold="all")
            for number in range(reach(5, 100)):
                waits = await one.post(f"{words(number)} {MARK}", f"d{number}")
                assert waits["verdict"] == "held"
                await one.call("retract", room=ROOM, key=f"d{number}")
                await one.post(f"{words(number)} {MARK}", f"e{number}")
                await one.post(f"{words(number)} better", f"f{number}", replaces=f"e{number}")
        with behind(server) as store:
            left = []
            for key in store.scan_iter("*", 1_000):
                # Plain for what is small; a dump may be compressed, so hashes are read as well.
                kept = store.dump(key) or b""
                if store.type(key) == b"hash":
                    kept += b"".join(
                        value for value in store.hgetall(key).values() if isinstance(value, bytes)
                    )
                if MARK.encode() in kept:
                    left.append(key)
            assert left == []
            store.bgrewriteaof()
            await wait_until(lambda: not store.info("persistence")["aof_rewrite_in_progress"], 20)
        for path in (tmp_path / "data").rglob("*"):
            if path.is_file():
                assert MARK.encode() not in path.read_bytes(), path
        assert MARK not in server.log.read_text()
        retracted = [entry for entry in log_of(server).values() if entry.get("retracted")]
        assert retracted
        assert all("text" not in entry for entry in retracted)
        server.kill()
        await server.start()
        async with server.client() as back:
            page = await back.call("history", room=ROOM, limit=200)
            assert MARK not in str(page) + str(back.joined)


async def test_a_decided_text_is_found_nowhere_once_it_expired(tmp_path: Path, reach: Reach) -> None:
    """Held, blocked and taken-down texts are staff's alone for a while, in one key each, and then nobody's (I24)."""
    kept = {"HEARTH_REVIEW__EVIDENCE_DAYS": "0.00005", "HEARTH_REVIEW__REWRITE_SECONDS": "0.3"}
    async with (
        serving(tmp_path / "data", env=kept) as server,
        server.client() as one,
        server.client("facilitator") as staff,
        server.client("moderator") as mo,
    ):
        for number in range(reach(5, 100)):
            seq = (await one.post(f"{words(number)} {MARK}", f"a{number}"))["seq"]
            await staff.call("retract", room=ROOM, seq=seq, reason="names somebody")
            held = await one.post(
                f"i took all the pills an hour ago, goodbye {MARK} {words(number)}", f"b{number}"
            )
            await mo.call("claim", flag=held["flag"], anyway=True)
            await mo.call("decide", flag=held["flag"], action="retract", note="method")
        held = await one.post(f"i took all the pills an hour ago, goodbye {MARK}", "last")
        await mo.call("claim", flag=held["flag"], anyway=True)
        await mo.call("decide", flag=held["flag"], action="retract", note="method")
        left = holders(server, MARK)
        assert left
        assert all(b":evidence:" in key for key in left), "apart from flags, logs, private logs and receipts"
        opened = await mo.call("evidence", flag=held["flag"], purpose="to see")
        assert MARK in opened["text"]
        await wait_until(lambda: holders(server, MARK) == [], 30)
        assert (await mo.ask("evidence", flag=held["flag"], purpose="to see"))["code"] == "not_found"
        await wait_until(lambda: files_with(tmp_path / "data", MARK) == [], 30)


def files_with(folder: Path, *marks: str) -> list[Path]:
    """The files that hold any of these words; one that goes meanwhile holds none."""
    found = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and any(mark.encode() in path.read_bytes() for mark in marks):
                found.append(path)
    return found


NAME = "Quendelhorn"


def holders(server: Server, *marks: str) -> list[Any]:
    """The keys that hold any of these words."""
    left = []
    with behind(server) as store:
        for key in store.scan_iter("*", 1_000):
            kept: Any = store.dump(key) or b""
            kind = store.type(key)
            if kind == b"hash":
                found: Any = store.hgetall(key)
                kept += b"".join(part for pair in found.items() for part in pair)
            elif kind == b"list":
                listed: Any = store.lrange(key, 0, -1)
                kept += b"".join(listed)
            if any(mark.encode() in kept for mark in marks):
                left.append(key)
    return left


async def be_refused(one: Client, staff: Client) -> None:
    """Texts in need of care that a locked room keeps out, more than get a flag each."""
    await staff.call("set_room", room=ROOM, locked=True)
    for number in range(8):
        refused = await one.ask("post", room=ROOM, key=f"r{number}", text=f"i want to die {MARK} {number}")
        assert refused["code"] == "room_locked"
    await staff.call("set_room", room=ROOM, locked=False)


async def test_an_erased_person_is_found_nowhere(tmp_path: Path, reach: Reach) -> None:
    """Everything somebody can have said: posts, edits, held, flagged and appealed texts, whispers, help, reports.

    Two people ask and confirm; nothing of the texts or the name is left in any key, nor in the file once written anew
    (I23, I24).
    """
    soon = {"HEARTH_REVIEW__REWRITE_SECONDS": "0.3"}
    async with serving(tmp_path / "data", env=soon) as server, AsyncExitStack() as stack:
        other, staff, ada, mo = [
            await stack.enter_async_context(server.client(role))
            for role in ("participant", "facilitator", "admin", "moderator")
        ]
        user = new_user("gone")
        one = await stack.enter_async_context(dial(server.port))
        await one.hello(server.token(user=user, name=NAME))
        await one.join(ROOM)
        theirs = (await other.post("thank you all", "o"))["seq"]
        side = (await staff.call("aside", room=ROOM, user=user))["room"]
        await one.join(side)
        await one.post(f"between us {MARK}", "s", side)
        for number in range(reach(5, 100)):
            text = f"{words(number)} {MARK}"
            seq = (await one.post(text, f"a{number}"))["seq"]
            await one.call("edit", room=ROOM, seq=seq, text=f"{text} again")
            await one.call("react", room=ROOM, seq=theirs, reaction="👍", on=number % 2 == 0)
            await other.call("report", room=ROOM, seq=seq, reason=f"{MARK} hurts")
            await one.post(f"i took all the pills an hour ago, goodbye {MARK}", f"b{number}")
            await one.call("whisper", room=ROOM, to=staff.user, text=text)
            await one.call("help", room=ROOM, text=text)
        await be_refused(one, staff)
        await one.call("report", room=ROOM, seq=theirs, reason=MARK)
        held = await one.post(f"i took all the pills an hour ago, goodbye {MARK}", "c")
        await mo.call("claim", flag=held["flag"])
        await mo.call("decide", flag=held["flag"], action="retract", note=f"says {MARK}")
        await one.call("appeal", flag=held["flag"], text=f"please {MARK}")
        await staff.call("mute", room=ROOM, user=user, seconds=1, reason=f"wrote {MARK}")
        assert holders(server, MARK)
        assert holders(server, NAME)

        asked = await ada.call("erase", user=user, reason="asked for it")
        assert (await ada.ask("confirm", request=asked["request"]))["code"] == "forbidden"
        assert (await other.ask("confirm", request=asked["request"]))["code"] == "forbidden"
        assert [row["request"] for row in (await mo.call("confirm"))["requests"]] == [asked["request"]]
        await mo.call("confirm", request=asked["request"])
        await wait_until(lambda: holders(server, MARK, NAME) == [])
        await wait_until(lambda: files_with(tmp_path / "data", MARK, NAME) == [], 30)
        with behind(server) as store:
            assert store.zcard(f"hearth:{{{ROOM}}}:queue") == 1, (
                "what they reported stays, without their words"
            )
        assert not any(mark in server.log.read_text() for mark in (MARK, NAME))
        assert (await one.ask("post", room=ROOM, key="late", text="still here"))["code"] == "not_found"
        page = await other.call("history", room=ROOM, limit=200)
        assert not any(mark in str(page) for mark in (MARK, NAME))
        async with store_of(Settings(store=server.store_url, data=server.data)) as stored:
            assert (await verify_store(stored))[0] == [], "the trail is whole, and knows why words are gone"
        entry = audit_of(server)[-1]
        assert (entry["action"], entry["user"], entry["by"]["id"], entry["with"]["id"]) == (
            "erase", user, ada.user, mo.user,
        )  # fmt: skip
