"""A retracted text is found nowhere.

Not in the store, its file after a rewrite, or the next node's memory (I23).
"""

from pathlib import Path

import pytest

from tests.faults.conftest import Reach
from tests.faults.rig import ROOM, behind, log_of, serving, words
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
