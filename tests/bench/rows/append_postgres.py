"""Appending to PostgreSQL, in the log's order: calls of 250 facts, one after the other, against COPY of as many."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import time
from functools import cache
from pathlib import Path

from services.chassis.opening import migrate
from services.chassis.store import Append
from services.chassis.store_postgres import PostgresStore
from tests.bench.limits import postgres as bare
from tests.bench.rows.append import AT, one_fact
from tests.bench.table import Row
from tests.servers_postgres import Server, postgres, schema

FACTS, CALL = 20_000, 250


@cache
def _server() -> Server:
    """One for all rounds, ended with the benchmark."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(postgres())


def _calls() -> list[Append]:
    numbers = range(0, FACTS, CALL)
    return [Append([one_fact(number).says[0] for number in range(first, first + CALL)]) for first in numbers]


async def ours(place: Path) -> float:
    with schema(_server(), "ours") as address:
        migrate(address)
        store, calls = PostgresStore(address, lambda: AT), _calls()
        started = time.perf_counter()
        for call in calls:
            await store.append(call)
        rate = FACTS / (time.perf_counter() - started)
        await store.close()
    return rate


async def copies(place: Path) -> float:
    with schema(_server(), "bare") as address:
        return await asyncio.to_thread(bare.copies, address, FACTS, CALL)


ROWS = [Row("append, PostgreSQL, 250 facts a call, x COPY", ours, copies, 0.25, "facts/s")]
