"""Appending to SQLite: 64 concurrent callers of one fact each, against raw commits and raw batches.

Both sides write the same streams in the same order and states of the same length. A transaction of ours can never hold
more than the 64 facts that are asked for at a time, so neither does a raw batch.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from events import Draft, SlotTaken
from events.envelope import About
from services.chassis.store import Append, Say
from services.chassis.store_sqlite import SqliteStore
from tests.bench.limits import sqlite
from tests.bench.table import Row

CALLERS, FACTS, COMMITS = 64, 16_000, 2_000
AT = datetime(2026, 11, 24, 9, 0, 0, 250_000, tzinfo=UTC)
FACT = SlotTaken(connection="acme.linkedin", day=AT.date(), post="spring-042", at=AT, local="2026-11-24T09:00")
CAUSE = "c" * 32


def one_fact(number: int) -> Append:
    """A fact of middling length: its state has 416 bytes, as the limits' have."""
    story = f"acme.{number}"
    about = About(story=story, actor="scheduler", happened_at=AT, cause=CAUSE, account="acme", channel="linkedin")
    return Append([Say(f"post-{story}", 0, [Draft(f"{number:032}", FACT, about)])])


async def ours(place: Path) -> float:
    store = SqliteStore(place / "log.db", lambda: AT)
    appends = iter([one_fact(number) for number in range(FACTS)])

    async def caller() -> None:
        for each in appends:
            await store.append(each)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    rate = FACTS / (time.perf_counter() - started)
    await store.close()
    return rate


async def commits(place: Path) -> float:
    return await asyncio.to_thread(sqlite.one_by_one, place / "bare.db", COMMITS)


async def batches(place: Path) -> float:
    return await asyncio.to_thread(sqlite.batches, place / "bare.db", FACTS, CALLERS)


ROWS = [
    Row("append, 64 callers, SQLite FULL, x raw commits", ours, commits, 10, "facts/s"),
    Row("append, 64 callers, SQLite FULL, x raw executemany", ours, batches, 0.4, "facts/s"),
]
