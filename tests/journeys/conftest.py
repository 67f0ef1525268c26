"""The settings a story is told in; at the end, how many tests each of them has had, and what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from services.chassis.opening import migrate
from tests.journeys.places import Place, four_processes, one_process

SETTINGS = ("one process", "one process on PostgreSQL", "four processes on PostgreSQL")
_told: Counter[str] = Counter()
_measured: list[str] = []


@pytest.fixture
def measured() -> Callable[[str], None]:
    """A line that is printed at the end of the tests, also of those that pass."""
    return _measured.append


@pytest.fixture(params=SETTINGS)
async def place(request, tmp_path) -> AsyncIterator[Place]:
    """A house in which nothing has happened yet. The same story is told in every setting."""
    setting: str = request.param
    _told[setting] += 1
    if setting == "one process":
        async with one_process(tmp_path) as house:
            yield house
        return
    database = request.getfixturevalue("postgres_address")
    if setting == "four processes on PostgreSQL":
        async with four_processes(tmp_path, database) as house:
            yield house
        return
    migrate(database)
    async with one_process(tmp_path, database_url=database) as house:
        yield house


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _told:
        terminalreporter.section("stories told in each setting")
        for setting in SETTINGS:
            terminalreporter.write_line(f"{setting}: {_told[setting]}")
    if _measured:
        terminalreporter.section("measured on the way")
        for line in _measured:
            terminalreporter.write_line(line)
