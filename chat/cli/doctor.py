"""`hearth doctor`: look at everything that a server needs, and say what to mend."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from chat.cli.examine import examine, is_well
from chat.cli.finding import Finding, State
from chat.settings import Settings

COLOURS = {State.OK: "\033[32m", State.WARN: "\033[33m", State.WRONG: "\033[31m"}
PLAIN = "\033[0m"


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="look for what needs mending",
        description="Look at all that the server needs; say what to mend, and exit 1 if anything is wrong.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--host", help="address that the server would listen on")
    parser.add_argument("--port", type=int, help="port that the server would listen on")
    parser.add_argument("--data", type=Path, help="folder of the embedded store and the token key")
    parser.add_argument("--config", type=Path, help="folder with rooms, rules, words and lists")
    parser.add_argument(
        "--store", help="address of a Valkey or Redis that is used instead of the embedded one"
    )
    parser.add_argument("--tls-cert", type=Path, help="certificate chain")
    parser.add_argument("--tls-key", type=Path, help="its private key")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Look and tell. 1 where something is wrong."""
    names = ("host", "port", "data", "store", "tls_cert", "tls_key")
    given = {name: getattr(args, name) for name in names}
    findings = list(examine(lambda: Settings.load(args.config, **given)))
    well = is_well(findings)
    if args.json:
        print(json.dumps({"ok": well, "findings": [asdict(finding) for finding in findings]}, indent=2))
    elif sys.stdout.isatty():
        print(table(findings, shutil.get_terminal_size().columns))
    else:
        print(lines(findings))
    return 0 if well else 1


def lines(findings: Iterable[Finding]) -> str:
    """One line each, its parts between tabs."""
    rows = ((finding.state, finding.check, finding.found, finding.mend) for finding in findings)
    return "\n".join("\t".join(row).rstrip("\t") for row in rows)


def table(findings: Iterable[Finding], width: int) -> str:
    """For a terminal: columns, and under what is not well how to mend it."""
    rows: list[str] = []
    indent = " " * 16
    for finding in findings:
        state = f"{COLOURS[finding.state]}{finding.state:<6}{PLAIN}"
        first, *rest = textwrap.wrap(finding.found, max(20, width - len(indent))) or [""]
        rows.append(f"{state}{finding.check:<10}{first}")
        rows += [indent + line for line in rest]
        if finding.mend:
            mend = textwrap.wrap(f"→ {finding.mend}", max(20, width - len(indent)), subsequent_indent="  ")
            rows += [indent + line for line in mend]
    return "\n".join(rows)
