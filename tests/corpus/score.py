"""Score the pipeline on the corpus: what share of each group is read as a careful volunteer would read it.

`python -m tests.corpus.score` prints the rates, with `--misses GROUP` the misses of one group (never of the sealed
half), and with `--raise` writes rates that have risen into `floors.toml`, below which no group may fall again.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moderation import Judgement, Pipeline, Remark, Severity, load

HERE = Path(__file__).parent
CONFIG = HERE.parent.parent / "config"
FLOORS = HERE / "floors.toml"
HALVES = ("open", "sealed", "regression")
_FLOORS_HEAD = """# The share of each group that is read rightly; no group may fall below what it had before.
# Written by `python -m tests.corpus.score --raise`; lower one by hand only, and say in the change why.
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One text with what was said before it, and what is wanted of its judgement."""

    text: str = field(repr=False)
    wanted: dict[str, Any] = field(repr=False)
    said: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(slots=True)
class Group:
    """Cases that try one capability."""

    name: str
    cases: list[Case] = field(default_factory=list, repr=False)
    missed: list[Case] = field(default_factory=list, repr=False)

    @property
    def rate(self) -> float:
        """The share that passed, in whole per cent rounded down."""
        return (len(self.cases) - len(self.missed)) * 100 // len(self.cases) / 100


def groups(half: str) -> Iterator[Group]:
    """The groups of one half, named `file/group`; a file of single cases is two groups."""
    for path in sorted((HERE / half).glob("*.toml")):
        table = tomllib.loads(path.read_text("utf-8"))
        for entry in table.get("group", ()):
            yield Group(f"{path.stem}/{entry['name']}", [Case(text, entry) for text in entry["cases"]])
        singles: dict[str, Group] = {}
        for entry in table.get("case", ()):
            calm = entry.get("most") == "none" or entry.get("action") == ["deliver"]
            name = f"{path.stem}/{'controls' if calm else 'adds up'}"
            said = tuple((who, text) for who, text in entry["said"])
            singles.setdefault(name, Group(name)).cases.append(Case(entry["text"], entry, said))
        yield from singles.values()


def score(pipeline: Pipeline, half: str) -> list[Group]:
    """Every group of a half with its misses."""
    scored = list(groups(half))
    for group in scored:
        group.missed = [case for case in group.cases if not fits(judge(pipeline, case), case.wanted)]
    return scored


def judge(pipeline: Pipeline, case: Case) -> Judgement:
    """The judgement of a case, its author `a` and seven seconds between one message and the next."""
    context = [Remark(who, 7_000 * (n + 1), pipeline.read(text)) for n, (who, text) in enumerate(case.said)]
    now = 7_000 * (len(context) + 1)
    profile = case.wanted.get("profile", "default")
    return pipeline.judge(case.text, author="a", context=context, now=now, profile=profile)


def fits(judgement: Judgement, wanted: dict[str, Any]) -> bool:
    """Whether a judgement is what the group says, and was not an accident."""
    at_least = Severity.of(wanted.get("severity", "none"))
    at_most = Severity.of(wanted.get("most", "imminent"))
    if judgement.failed or not at_least <= judgement.severity <= at_most:
        return False
    if wanted.get("hold") and judgement.action != "hold":
        return False
    if "action" in wanted:
        return judgement.action in wanted["action"]
    return "most" not in wanted or judgement.action == "deliver"


def floors() -> dict[str, dict[str, float]]:
    """The floor of each group, by half."""
    return tomllib.loads(FLOORS.read_text("utf-8")) if FLOORS.exists() else {}


def write_floors(rates: dict[str, dict[str, float]]) -> None:
    """Keep the best rate that each group that still is there has had."""
    known = floors()
    parts = [_FLOORS_HEAD]
    for half, by_group in rates.items():
        parts.append(f"\n[{half}]\n")
        for name, rate in by_group.items():
            parts.append(f'"{name}" = {max(rate, known.get(half, {}).get(name, 0.0)):.2f}\n')
    FLOORS.write_text("".join(parts), "utf-8")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    """Print the table, or the misses of a group."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", action="append", choices=HALVES, help="repeatable; all if not given")
    parser.add_argument("--misses", default="", metavar="GROUP", help="print the misses of groups so named")
    parser.add_argument("--raise", action="store_true", dest="lift", help="write rates that have risen")
    args = parser.parse_args()
    pipeline = load(CONFIG)
    rates: dict[str, dict[str, float]] = {}
    for half in args.half or HALVES:
        scored = score(pipeline, half)
        rates[half] = {group.name: group.rate for group in scored}
        for group in scored:
            passed = len(group.cases) - len(group.missed)
            _say(f"{half:11}{group.name:60}{passed:4} of {len(group.cases):3}{group.rate:7.0%}")
            if args.misses and half != "sealed" and args.misses in group.name:
                for case in group.missed:
                    found = judge(pipeline, case)
                    _say(f"    {found.severity.word}, {found.action}: {case.said or ''} {case.text}")
    if args.lift and not args.half:
        write_floors(rates)


if __name__ == "__main__":
    main()
