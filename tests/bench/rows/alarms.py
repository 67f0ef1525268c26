"""Alarms and claims with a million pending: how late they ring, and whether claims stay as fast as with a thousand."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.chassis.alarms import Alarms, clear_alarm, set_alarm
from services.chassis.bells import BelledStore
from services.chassis.clock import RealClock
from services.chassis.rows import LINE, Claim, Pick
from services.chassis.store import Append
from services.chassis.store_sqlite import SqliteStore
from tests.bench.table import Row

SECOND = timedelta(seconds=1)
MANY, FEW, SECONDS, RATE = 1_000_000, 1_000, 5, 100


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _fill(path: Path, statement: str, rows: Any) -> None:
    with sqlite3.connect(path) as db:
        db.executemany(statement, rows)


async def _lateness(place: Path, pending: int) -> list[float]:
    """Milliseconds late, 100 due each second, while 100 a second are set or cleared."""
    clock = RealClock()
    store = BelledStore(SqliteStore(place / "log.db", clock.now))
    far = datetime.now(UTC) + timedelta(days=30)
    _fill(
        place / "log.db",
        "INSERT INTO alarm (service, name, due_at, ring) VALUES ('publisher', ?, ?, '{\"ring\":\"far\"}')",
        ((f"far-{number}", _micros(far) + number) for number in range(pending)),
    )
    late: list[float] = []
    done = asyncio.Event()

    async def due(ring: dict[str, Any], alarm: Any) -> None:
        late.append((clock.now() - alarm["due_at"]).total_seconds() * 1000)
        if len(late) >= RATE * SECONDS:
            done.set()

    start = clock.now() + timedelta(seconds=1)
    chance = random.Random(7)
    await store.append(
        Append(
            rows=[
                set_alarm(
                    "publisher", f"due-{n}", start + timedelta(seconds=chance.random() * SECONDS), {"ring": "due"}
                )
                for n in range(RATE * SECONDS)
            ]
        )
    )
    alarms = Alarms(store, "publisher", {"due": due}, clock=clock)
    running = [asyncio.create_task(alarms.run()), asyncio.create_task(_disturb(store, far, clock))]
    await asyncio.wait_for(done.wait(), 60)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await store.close()
    return late


async def _disturb(store: BelledStore, far: datetime, clock: RealClock) -> None:
    """Half of them set, half cleared: 100 a second."""
    number = 0
    while True:
        number += 1
        write = set_alarm("publisher", f"new-{number}", far, {"ring": "due"})
        await store.append(Append(rows=[write if number % 2 else clear_alarm("publisher", f"new-{number - 1}")]))
        await clock.nap(1 / RATE)


async def p50_many(place: Path) -> float:
    return statistics.median(await _lateness(place, MANY))


async def p99_many(place: Path) -> float:
    return statistics.quantiles(await _lateness(place, MANY), n=100)[98]


async def p50_few(place: Path) -> float:
    return statistics.median(await _lateness(place, FEW))


async def _claims(place: Path, pending: int) -> float:
    """Lines claimed a second, 64 at a time, of `pending` that wait."""
    clock = RealClock()
    store = SqliteStore(place / "log.db", clock.now)
    _fill(
        place / "log.db",
        "INSERT INTO line (connection, account, channel, epoch, head_turn, last_turn) VALUES (?, ?, 'x', 0, ?, ?)",
        ((f"a{number}.x", f"a{number}", number, number) for number in range(pending)),
    )
    now, until = clock.now(), clock.now() + timedelta(hours=1)
    pick = Pick(LINE, {"channel": "x"}, upto={"lease_until": now, "not_before": now}, since={"head_turn": 0},
                order=("head_turn",), limit=64)  # fmt: skip
    started, taken, rounds = time.perf_counter(), 0, 10
    for _ in range(rounds):
        taken += len(await store.claim(Claim(pick, {"holder": "here", "lease_until": until}, raising="epoch")))
    rate = taken / (time.perf_counter() - started)
    await store.close()
    return rate


async def claims_many(place: Path) -> float:
    return await _claims(place, MANY)


async def claims_few(place: Path) -> float:
    return await _claims(place, FEW)


ROWS = [
    Row("alarm lateness p50, 1 M pending, 100/s due, 100/s moved", p50_many, None, 5, "ms", "lower", rounds=1),
    Row("alarm lateness p99, 1 M pending, 100/s due, 100/s moved", p99_many, None, 100, "ms", "lower", rounds=1),
    Row("alarm lateness p50, 1 M against 1 k pending", p50_many, p50_few, 2, "ms", "lower", rounds=1),
    Row("claims, 1 M against 1 k pending", claims_many, claims_few, 0.5, "lines/s", rounds=3),
]
