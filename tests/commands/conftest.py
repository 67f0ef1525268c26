"""Fixtures of the command line's tests."""

from __future__ import annotations

import pytest

from tests.gateway.weeks import served
from tests.journeys.houses import Ended, command


@pytest.fixture
async def typed():
    """`distribution …` against the example week over a real socket; what it asked for is in the log."""
    async with served() as (address, week):
        key = await week.gateway.issue_key(role="owner")

        async def run(*words: str) -> Ended:
            return await command(*words, api=address, key=key)

        yield run, week, key
