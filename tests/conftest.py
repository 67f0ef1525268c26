"""Fixtures every test may use."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from services.chassis.opening import migrate, open_store
from services.chassis.store_memory import MemoryStore
from tests.absent import not_run_here
from tests.servers_postgres import Server, postgres, schema
from tests.telling import tell as tell
from tests.telling import told_at_the_end

LONG = ("simulation", "soak", "journeys")
"""Folders whose files take longest. They are begun first, so that the others fill the time beside them."""

_names = (f"house_{number}" for number in itertools.count(1))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    told_at_the_end(terminalreporter)
    not_run_here(terminalreporter)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_address(postgres_server) -> Iterator[str]:
    """Empty, without tables."""
    with schema(postgres_server, next(_names)) as address:
        yield address


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, wall, tmp_path):
    if request.param == "memory":
        made = MemoryStore(wall.now)
    else:
        address = f"sqlite:///{tmp_path}/log.db"
        if request.param == "postgres":
            address = request.getfixturevalue("postgres_address")
        migrate(address)
        made = open_store(address, wall.now)
    yield made
    await made.close()
