"""Alarms: how late they ring with a million pending and with a thousand, while others are set and cleared."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import statistics
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.chassis.alarms import Alarms, clear_alarm, set_alarm
from services.chassis.bells import BelledStore
from services.chassis.clock import RealClock
from services.chassis.store import Append
from services.chassis.store_sqlite import SqliteStore
from tests.bench.table import Row

MANY, FEW, SECONDS, RATE = 1_000_000, 1_000, 4, 100
FILL = (
    "WITH RECURSIVE far (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM far WHERE number < ?)"
    " INSERT INTO alarm (service, name, due_at, ring)"
    " SELECT 'publisher', 'far-' || number, ? + number, '{\"ring\":\"due\"}' FROM far"
)


async def _late(place: Path, pending: int) -> list[float]:
    """Milliseconds late, each of the 100 due a second, while 100 a second are set or cleared."""
    clock = RealClock()
    store = BelledStore(SqliteStore(place / "log.db", clock.now))
    far = datetime.now(UTC) + timedelta(days=30)
    with sqlite3.connect(place / "log.db") as db:
        db.execute(FILL, (pending, int(far.timestamp() * 1_000_000)))
    start, chance = clock.now() + timedelta(seconds=1), random.Random(7)
    due_at = [start + timedelta(seconds=chance.random() * SECONDS) for _ in range(RATE * SECONDS)]
    await store.append(
        Append(rows=[set_alarm("publisher", f"due-{n}", due, {"ring": "due"}) for n, due in enumerate(due_at)])
    )
    late: list[float] = []
    done = asyncio.Event()

    async def due(ring: dict[str, Any], alarm: Any) -> None:
        late.append((clock.now() - alarm["due_at"]).total_seconds() * 1000)
        if len(late) >= RATE * SECONDS:
            done.set()

    alarms = Alarms(store, "publisher", {"due": due}, clock=clock)
    running = [asyncio.create_task(alarms.run()), asyncio.create_task(_move(store, far, clock))]
    await asyncio.wait_for(done.wait(), 60)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await store.close()
    return late


async def _move(store: BelledStore, far: datetime, clock: RealClock) -> None:
    """100 a second: set one, clear it, set the next."""
    for number in itertools.count():
        name = f"moved-{number // 2}"
        move = clear_alarm("publisher", name) if number % 2 else set_alarm("publisher", name, far, {"ring": "due"})
        await store.append(Append(rows=[move]))
        await clock.nap(1 / RATE)


async def with_many(place: Path) -> list[float]:
    return await _late(place, MANY)


async def with_few(place: Path) -> list[float]:
    return await _late(place, FEW)


def p99(late: list[float]) -> float:
    return statistics.quantiles(late, n=100)[98]


ROWS = [
    Row("alarms, 1 M pending, 100/s due, 100/s moved: late, p50", with_many, None, 5, "ms", "lower", statistics.median),
    Row("alarms, 1 M pending, 100/s due, 100/s moved: late, p99", with_many, None, 100, "ms", "lower", p99),
    Row("alarms, 1 M pending x 1 k pending: late, p50", with_many, with_few, 2, "ms", "lower", statistics.median),
]
