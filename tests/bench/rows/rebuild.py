"""A view anew: the queue of 83 thousand posts folded from a log of a million facts, against reading and decoding it."""

from __future__ import annotations

import asyncio
import atexit
import tempfile
import time
from functools import cache
from pathlib import Path

from services.chassis.bells import BelledStore
from services.chassis.clock import RealClock
from services.chassis.store_sqlite import SqliteStore
from services.gateway.views.fold import Views
from tests.bench.limits import rebuild as bare
from tests.bench.lives import FACTS_EACH, POSTS, write_log
from tests.bench.table import Row

PAGE = 5_000


@cache
def _log() -> Path:
    """One for all rounds, gone with the benchmark."""
    folder = tempfile.TemporaryDirectory(prefix="bench-log-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "log.db"
    write_log(path)
    return path


async def ours(place: Path) -> float:
    """Facts a second."""
    clock = RealClock()
    store = BelledStore(SqliteStore(_log(), clock.now))
    views = Views(store, f"sqlite:///{place}/views.db", clock=clock, log=f"sqlite:///{_log()}")
    started = time.perf_counter()
    done = await views.rebuild("queue")
    rate = POSTS * FACTS_EACH / (time.perf_counter() - started)
    await views.close()
    await store.close()
    if (done["rows"], done["position"]) != (POSTS, POSTS * FACTS_EACH):
        raise RuntimeError(f"the rebuild came to {done}")
    return rate


async def reads(place: Path) -> float:
    return await asyncio.to_thread(bare.reads, _log(), PAGE)


ROWS = [Row("rebuild of the queue, 1 M facts, x read + decode", ours, reads, 0.35, "facts/s")]
