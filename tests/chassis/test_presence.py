"""Who is at work in another process, as whoever asks for readiness finds it in the log's database (I14)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from services.chassis.clock import SteppingClock
from services.chassis.presence import SILENT_AFTER, Presence, absent
from services.chassis.service import Chassis
from services.chassis.settings import SERVICES
from tests.journeys.doors import until

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def wall():
    return SimpleNamespace(now=lambda: NINE)


@pytest.fixture
async def publisher(store):
    """One that is at work since nine."""
    chassis = Chassis(store, SteppingClock(NINE), lambda: "id", lease_now=lambda: NINE)
    running = asyncio.create_task(Presence(chassis, "publisher").run())
    yield running
    running.cancel()


async def test_where_nobody_has_begun_every_service_is_missed_with_the_mend(store):
    found = await absent(store, NINE)
    assert [each.split()[1] for each in found] == list(SERVICES)
    assert all(f"`distribution run {service}`" in each for service, each in zip(SERVICES, found, strict=True))


async def test_whoever_is_at_work_is_not_missed(store, publisher):
    async def there() -> bool:
        return len(await absent(store, NINE)) == len(SERVICES) - 1

    await until(there, what="it says so as soon as it begins")
    assert await absent(store, NINE + SILENT_AFTER) == await absent(store, NINE)


async def test_whoever_says_nothing_any_more_is_missed_since_then(store, publisher):
    async def said() -> bool:
        return not any("no publisher has been" in each for each in await absent(store, NINE))

    await until(said, what="it has begun")
    [missed] = [each for each in await absent(store, NINE + SILENT_AFTER + timedelta(seconds=1)) if "publisher" in each]
    assert missed.startswith("no publisher has written that it is at work since 2026-11-24 09:00:00")
