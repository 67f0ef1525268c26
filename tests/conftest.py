"""Fixtures every test may use."""

from __future__ import annotations

import pytest

from services.chassis.store_memory import MemoryStore


@pytest.fixture(params=["memory"])
async def store(request, wall):
    made = MemoryStore(wall.now)
    yield made
    await made.close()
