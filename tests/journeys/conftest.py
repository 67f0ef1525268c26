"""The settings a story is told in; at the end, how many tests each of them has had."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.chassis.opening import migrate
from tests.journeys.places import Place, four_processes, one_process

SETTINGS = ("one process", "one process on PostgreSQL", "four processes on PostgreSQL")


@pytest.fixture(params=SETTINGS)
async def place(request, tell, tmp_path) -> AsyncIterator[Place]:
    """A house in which nothing has happened yet. The same story is told in every setting."""
    setting: str = request.param
    tell("stories told in each setting", setting)
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
