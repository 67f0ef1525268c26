"""Appending to SQLite: 64 concurrent callers of one fact each, against raw commits and raw batches."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from events import Draft, PostDue
from events.envelope import About
from events.production import Content
from services.chassis.store import Append, Say
from services.chassis.store_sqlite import SqliteStore
from tests.bench.limits import sqlite
from tests.bench.table import Row

CALLERS, EACH, BATCH = 64, 250, 1000
AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
FACT = PostDue(round=1, connection="acme.x", content=Content(text="x" * 120), content_hash="h" * 64, slot_at=AT)


def one_fact(name: str) -> Append:
    about = About(story=name, actor="bench", happened_at=AT, account="acme", channel="x")
    return Append([Say(f"post-{name}", 0, [Draft(name, FACT, about)])])


async def ours(place: Path) -> float:
    store = SqliteStore(place / "log.db", lambda: AT)

    async def caller(number: int) -> None:
        for each in range(EACH):
            await store.append(one_fact(f"acme.{number}-{each}"))

    started = time.perf_counter()
    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    rate = CALLERS * EACH / (time.perf_counter() - started)
    await store.close()
    return rate


async def commits(place: Path) -> float:
    return await asyncio.to_thread(sqlite.one_by_one, place / "bare.db", 2000)


async def batches(place: Path) -> float:
    return await asyncio.to_thread(sqlite.batches, place / "bare.db", 40 * BATCH, BATCH)


ROWS = [
    Row("append, 64 callers, SQLite FULL, x raw commits", ours, commits, 10, "facts/s"),
    Row("append, 64 callers, SQLite FULL, x raw batch", ours, batches, 0.4, "facts/s"),
]
