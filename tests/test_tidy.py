"""The house keeps itself: who leans on whom, how long a file may be, and where the outside may be reached.

Each rule is a function of a tree on disk, so the tests below can plant a breach in a copy and see it named.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parsing import parsed

HOUSE = Path(__file__).resolve().parent.parent
SERVICES = ("scheduler", "publisher", "collector", "gateway")
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 70

PURE_FILES = (
    "services/planning/*.py",
    "services/scheduler/post.py",
    "services/scheduler/asks.py",
    "services/scheduler/grounds.py",
    "services/scheduler/limits.py",
    "services/scheduler/message.py",
    "services/publisher/delivery.py",
    "services/collector/measurement.py",
    "services/collector/weights.py",
    "services/collector/engagement.py",
    "services/collector/figures.py",
    "services/gateway/account.py",
    "services/gateway/connection.py",
    "services/gateway/approval.py",
    "services/channels/outcome.py",
    "services/channels/text.py",
    "services/channels/utm.py",
)
REACHES_OUTSIDE = {"asyncio", "socket", "httpx", "aiohttp", "nats", "faststream", "sqlite3", "psycopg", "sqlalchemy",
                   "os", "subprocess", "time", "random", "secrets", "threading"}  # fmt: skip


def modules(root: Path, *patterns: str) -> Iterator[tuple[str, ast.Module]]:
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            yield path.relative_to(root).as_posix(), parsed(path)


def imported(tree: ast.Module) -> set[str]:
    """Every module name an import statement of this file names, wherever it stands."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def leans(names: set[str], on: str) -> bool:
    return any(name == on or name.startswith(on + ".") for name in names)


def services_that_know_each_other(root: Path) -> list[str]:
    return [
        f"{file} imports services.{other}; services meet only in events/"
        for own in SERVICES
        for file, tree in modules(root, f"services/{own}/**/*.py")
        for other in SERVICES
        if other != own and leans(imported(tree), f"services.{other}")
    ]


def events_that_lean_on_us(root: Path) -> list[str]:
    return [
        f"{file} leans on services; events/ leans on nothing of ours"
        for file, tree in modules(root, "events/**/*.py")
        if leans(imported(tree), "services")
    ]


def pure_files_that_reach_out(root: Path) -> list[str]:
    breaches = []
    for file, tree in modules(root, *PURE_FILES):
        names = imported(tree)
        breaches += [f"{file} is pure and imports {name}" for name in sorted(REACHES_OUTSIDE) if leans(names, name)]
        if leans(names, "services.chassis"):
            breaches.append(f"{file} is pure and leans on services.chassis")
    return breaches


def files_that_import_httpx(root: Path) -> list[str]:
    return [
        f"{file} imports httpx; the one door to the outside is services/chassis/egress.py"
        for file, tree in modules(root, "events/**/*.py", "services/**/*.py")
        if file != "services/chassis/egress.py" and leans(imported(tree), "httpx")
    ]


def shelves_that_know_each_other(root: Path) -> list[str]:
    pairs = (("chassis", "channels"), ("channels", "chassis"), ("planning", "chassis"))
    return [
        f"{file} imports services.{other}; these two shelves ignore each other"
        for shelf, other in pairs
        for file, tree in modules(root, f"services/{shelf}/**/*.py")
        if leans(imported(tree), f"services.{other}")
    ]


def shelves_that_know_a_service(root: Path) -> list[str]:
    return [
        f"{file} imports services.{service}; a shelf knows no service"
        for shelf in ("chassis", "channels", "planning")
        for file, tree in modules(root, f"services/{shelf}/**/*.py")
        for service in SERVICES
        if leans(imported(tree), f"services.{service}")
    ]


def sandbox_known_to_the_product(root: Path) -> list[str]:
    return [
        f"{file} imports the sandbox; it is outside the product's knowledge"
        for file, tree in modules(root, "services/**/*.py")
        if "sandbox" not in file and leans(imported(tree), "services.channels.sandbox")
    ]


def long_things(root: Path) -> list[str]:
    breaches = []
    for file, tree in modules(root, "events/**/*.py", "services/**/*.py"):
        lines = len((root / file).read_text().splitlines())
        if lines > FILE_LINES_MAX:
            breaches.append(f"{file} has {lines} lines; past {FILE_LINES_MAX} a file is two nouns")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    breaches.append(f"{file}: {node.name} has {length} lines; one screen is {FUNCTION_LINES_MAX}")
    return breaches


RULES = (
    services_that_know_each_other,
    events_that_lean_on_us,
    pure_files_that_reach_out,
    files_that_import_httpx,
    shelves_that_know_each_other,
    shelves_that_know_a_service,
    sandbox_known_to_the_product,
    long_things,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule):
    assert rule(HOUSE) == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for part in ("events", "services"):
        shutil.copytree(HOUSE / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def plant(root: Path, file: str, line: str) -> None:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else '"""Planted."""\n'
    path.write_text(before + "\n" + line + "\n")


@pytest.mark.parametrize(
    ("rule", "file", "line"),
    [
        (services_that_know_each_other, "services/scheduler/planted.py", "from services.publisher import delivery"),
        (events_that_lean_on_us, "events/planted.py", "import services.chassis.rows"),
        (pure_files_that_reach_out, "services/planning/planted.py", "import socket"),
        (pure_files_that_reach_out, "services/channels/utm.py", "import aiohttp"),
        (files_that_import_httpx, "services/publisher/planted.py", "import httpx"),
        (shelves_that_know_each_other, "services/channels/planted.py", "from services.chassis.rows import Put"),
        (shelves_that_know_a_service, "services/chassis/planted.py", "import services.gateway"),
        (sandbox_known_to_the_product, "services/gateway/planted.py", "from services.channels.sandbox import world"),
        (long_things, "services/gateway/planted.py", "x = 1\n" * 301),
    ],
)
def test_a_planted_breach_is_named(copy, rule, file, line):
    plant(copy, file, line)
    assert any(file in breach for breach in rule(copy)), rule(copy)
