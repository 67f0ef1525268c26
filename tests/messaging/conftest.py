"""A broker, a client that looks at it as anyone could, and a log to relay."""

from __future__ import annotations

import pytest

from tests.messaging.log import Log
from tests.servers_nats import broker, client_of


@pytest.fixture
async def nats(tmp_path):
    async with broker(tmp_path) as running:
        yield running


@pytest.fixture
async def client(nats):
    async with client_of(nats) as connected:
        yield connected


@pytest.fixture
async def log(tmp_path):
    made = Log(tmp_path)
    yield made
    await made.close()
