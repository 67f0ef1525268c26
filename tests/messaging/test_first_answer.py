"""A start asks for its broker, and gives up on one that is not there."""

from __future__ import annotations

import asyncio
import contextlib

import nats
import pytest

from services import serving
from services.chassis.broker import BrokerFailed
from services.serving import connected


async def test_a_broker_that_is_not_there_is_given_up_on_with_the_mend(monkeypatch):
    monkeypatch.setattr(serving, "FIRST_ANSWER_S", 0.05)
    with pytest.raises(BrokerFailed, match="set DISTRIBUTION_NATS_URL"):
        async with connected("nats://127.0.0.1:9"):
            pass


async def test_and_also_when_nats_py_forgets_the_cancellation(monkeypatch):
    """Its `wait_for` does when both come together; a busy machine brings them together."""

    async def deaf(*_, **__):
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        await asyncio.Event().wait()

    monkeypatch.setattr(serving, "FIRST_ANSWER_S", 0.05)
    monkeypatch.setattr(nats, "connect", deaf)
    with pytest.raises(BrokerFailed):
        async with asyncio.timeout(10), connected("nats://127.0.0.1:9"):
            pass
