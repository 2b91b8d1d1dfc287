"""`hearth bench`: what the server costs beside a bare one under the same load, in ratios of one run."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat.bench.judging import judging
from chat.bench.servers import Running, bare, hearth, memory, run_load, spent
from chat.bench.signals import STAFF
from chat.bench.stages import STAGES, between
from chat.bench.waiters import join_many
from chat.cli import CommandError
from chat.cli.table import show
from chat.settings import default_config
from moderation import load


@dataclass(frozen=True, slots=True)
class Case:
    """One shape of load, and what of the bare server's cost it may have."""

    name: str
    rooms: int
    size: int
    window: int
    messages: int
    most: float


CASES = (
    Case("one room of 500, eight in flight", 1, 500, 8, 900, 0.25),
    Case("one room of 500, one in flight", 1, 500, 1, 300, 0.75),
    Case("200 rooms of 15, one in flight each", 200, 15, 1, 6_000, 1.0),
)
MEMBERS = 2_000
MOST_MEMORY = 20.0
"""KiB that a joined member may cost."""
CROWD, TALKING = 2_000, 100
"""Who comes back at once, and in how many rooms they are."""
TALK, SIGNALS = 50.0, 20.0
"""Ordinary messages and signals a second, over all rooms, meanwhile."""
MOST_WAIT = 1_000
"""Milliseconds from a signal's post to staff's sockets, at the 99th percentile."""
WAVE_WITHIN = 300
"""Seconds after which a wave is given up."""
ROOMS, SIZE, MESSAGES = 20, 15, 4_000
"""Rooms, their members and the messages to them while the stages of accepting are looked at."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "bench",
        help="measure fan-out beside a bare server",
        description="Measure the server on this machine (Linux).",
    )
    parser.add_argument(
        "what", nargs="?", default="fanout", choices=("fanout", "memory", "accept", "judge", "signal")
    )
    parser.add_argument("--rounds", type=_rounds, default=5, help="rounds, of which the median counts (5)")
    parser.add_argument(
        "--texts",
        type=Path,
        metavar="FILE",
        help="JSON Lines with text to judge; the rules' own examples if not given",
    )
    parser.add_argument(
        "--people", type=_rounds, default=CROWD // TALKING, metavar="N",
        help=f"of signal: how many in each of {TALKING} rooms come back at once ({CROWD // TALKING})",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a tenth of the load: a trial, no measurement")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(func=run)


def _rounds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000:
        raise argparse.ArgumentTypeError("a number from 1 to 1,000")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Measure. 0: done, whatever the figures; 1: a receiver found a fault, or it could not be measured."""
    if not Path("/proc/self/schedstat").exists():
        raise CommandError("the processor time of each process is read from Linux's /proc, which is not here")
    measure: Callable[[argparse.Namespace], list[dict[str, Any]]] = {
        "fanout": fanout,
        "memory": members,
        "accept": accept,
        "judge": judge,
        "signal": signal,
    }[args.what]
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder:
        args.folder = Path(folder)
        rows = measure(args)
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        heads = list(rows[0])
        show(heads, [[str(row[head]) for head in heads] for row in rows], none="nothing was measured")
    return 0


# ── fan-out ──────────────────────────────────────────────────────────────────────────────────────


def fanout(args: argparse.Namespace) -> list[dict[str, Any]]:
    """CPU a delivery, beside the bare server's in the same round: medians of interleaved rounds."""
    rows = []
    for case in CASES:
        rooms = [f"bench-{number}" for number in range(case.rooms)]
        messages = max(case.rooms * case.window * 2, case.messages // (10 if args.quick else 1))
        shape = {"rooms": rooms, "receivers": case.size, "window": case.window, "messages": messages}
        found: dict[str, list[dict[str, Any]]] = {"hearth": [], "bare": []}
        folder = args.folder / f"{case.rooms}-{case.window}"
        with hearth(folder, rooms) as ours, bare() as yardstick:
            for turn in range(args.rounds):
                _say(f"{case.name}: round {turn + 1} of {args.rounds}")
                tokens = ours.tokens(case.size, rooms)
                turns = [
                    ("hearth", ours, {**shape, "is_bare": False, "tokens": tokens}),
                    ("bare", yardstick, {**shape, "is_bare": True, "tokens": []}),
                ]
                # Each goes first as often: what else the machine does grows or fades over a round.
                for name, server, task in turns if turn % 2 == 0 else reversed(turns):
                    found[name].append(run_load(server, task))
        ratios = [
            mine["us"][0] / its["us"][0] for mine, its in zip(found["hearth"], found["bare"], strict=True)
        ]
        rows.append(
            {
                "case": case.name,
                "hearth µs": _median(found["hearth"], 0),
                "store µs": _median(found["hearth"], 1),
                "bare µs": _median(found["bare"], 0),
                "bytes": found["hearth"][0]["bytes"],
                "ratio": round(statistics.median(ratios), 3),
                "of rounds": f"{min(ratios):.2f}-{max(ratios):.2f}",
                "at most": case.most,
            }
        )
    return rows


def _median(found: Sequence[dict[str, Any]], process: int) -> float:
    costs: list[float] = [one["us"][process] for one in found]
    return round(statistics.median(costs), 2)


# ── memory ───────────────────────────────────────────────────────────────────────────────────────


def members(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Memory that a joined member costs: the server's growth over many of them, divided by their number."""
    count = MEMBERS // (10 if args.quick else 1)
    found = []
    for turn in range(max(1, args.rounds // 2)):
        _say(f"memory: round {turn + 1}")
        with hearth(args.folder / f"memory-{turn}", ["bench-0"]) as server:
            found.append(asyncio.run(_grow(server, count)))
    return [
        {
            "members": count,
            "KiB a member": round(statistics.median(found), 2),
            "at most": MOST_MEMORY,
        }
    ]


async def _grow(server: Running, count: int) -> float:
    tokens = server.tokens(count + 20, ["bench-0"])
    async with join_many(server.port, "bench-0", tokens[:20]):
        before = memory(server.pids[0])
        async with join_many(server.port, "bench-0", tokens[20:]):
            grown = memory(server.pids[0]) - before
            return grown / count


# ── accepting ────────────────────────────────────────────────────────────────────────────────────


def accept(args: argparse.Namespace) -> list[dict[str, Any]]:
    """CPU of accepting a message in rooms of fifteen, by stages, without what the clocks on them take."""
    rooms = [f"bench-{number}" for number in range(ROOMS)]
    messages = MESSAGES // (10 if args.quick else 1)
    shape = {"rooms": rooms, "receivers": SIZE, "window": 1, "messages": messages, "is_bare": False}
    found: list[dict[str, float]] = []
    store: list[dict[str, Any]] = []
    stages = args.folder / "stages"
    with hearth(args.folder / "accept", rooms, stages=stages) as server:
        tokens = server.tokens(SIZE, rooms)
        for turn in range(args.rounds):
            _say(f"accept: round {turn + 1} of {args.rounds}")
            before = spent(server, stages)
            store.append(run_load(server, {**shape, "tokens": tokens}))
            found.append(between(before, spent(server, stages)))
    typical = {stage: statistics.median(one[stage] for one in found) for stage in STAGES}
    whole = sum(typical.values())
    rows = [
        {"stage": stage, "µs a message": round(took, 1), "share": f"{took / whole:.0%}"}
        for stage, took in typical.items()
    ]
    rows.append({"stage": "the node in all", "µs a message": round(whole, 1), "share": "100%"})
    beside = round(statistics.median(one["us_message"][1] for one in store), 1)
    rows.append({"stage": "the store beside it", "µs a message": beside, "share": ""})
    return rows


# ── judging ──────────────────────────────────────────────────────────────────────────────────────


def judge(args: argparse.Namespace) -> list[dict[str, Any]]:
    """CPU of judging texts one by one, and of hostile ones, beside one NFKC and casefold of the same."""
    pipeline = load(default_config())
    texts = _texts(args.texts) if args.texts else [one for rule in pipeline.rules.rules for one in rule.spare]
    if not texts:
        raise CommandError(f"{args.texts}: holds no texts")
    return judging(pipeline, texts[:: 10 if args.quick else 1], args.rounds)


# ── signals ──────────────────────────────────────────────────────────────────────────────────────


def signal(args: argparse.Namespace) -> list[dict[str, Any]]:
    """How soon staff's sockets hear of a signal, while a crowd comes back and rooms talk; each round is one wave."""
    rooms = [f"bench-{number}" for number in range(TALKING // (10 if args.quick else 1))]
    with hearth(args.folder / "signal", rooms) as server:
        _say(f"signal: {args.people * len(rooms)} people, {args.rounds} waves")
        task = {
            "rooms": rooms,
            "tokens": server.tokens(args.people, rooms),
            "authors": server.tokens(1, rooms, who="author"),
            "staff": server.tokens(STAFF, ["*"], who="staff", role="moderator"),
            "talk": TALK,
            "signals": SIGNALS,
            "rounds": args.rounds,
            "within": WAVE_WITHIN,
            "seed": 1,
        }
        found = run_load(server, task, kind="signals")
    return [
        {
            "people": args.people * len(rooms),
            "signals": found["signals"],
            "median ms": round(found["median"]),
            "99th ms": round(found["99th"]),
            "most ms": round(found["most"]),
            "at most (99th)": MOST_WAIT,
            "all back s": round(found["back"], 1),
            "tried again": found["again"],
            "of a core": f"{found['core']:.0%}",
        }
    ]


def _texts(path: Path) -> list[str]:
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]
        return [str(row["text"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CommandError(f"{path}: not JSON Lines with text ({type(error).__name__})") from None


def _say(text: str) -> None:
    """Tell how far it is, where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
