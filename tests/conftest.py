"""Fixtures every test may use."""

from __future__ import annotations

import pytest

from services.chassis.store_memory import MemoryStore
from services.chassis.store_sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, wall, tmp_path):
    made = MemoryStore(wall.now) if request.param == "memory" else SqliteStore(tmp_path / "log.db", wall.now)
    yield made
    await made.close()
