"""The relay: a log of facts onto the feed, against atomic batches made by hand on the same server and disk."""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path

from services.chassis.bells import BelledStore
from services.chassis.broker import Broker
from services.chassis.clock import RealClock
from services.chassis.relay import Relay
from services.chassis.service import Chassis
from services.chassis.store_sqlite import SqliteStore
from tests.bench.limits import nats
from tests.bench.rows.append import one_fact
from tests.bench.table import Row

FACTS, BATCH = 20_000, 1000
LOOK_EVERY_S = 0.01


async def ours(place: Path) -> float:
    """Facts a second from the log to the last acknowledgement."""
    clock = RealClock()
    store = BelledStore(SqliteStore(place / "log.db", clock.now))
    await asyncio.gather(*(store.append(one_fact(number)) for number in range(FACTS)))
    async with Broker(place / "nats", port=0) as broker:
        relay = Relay(Chassis(store, clock, lambda: uuid.uuid4().hex), broker.url)
        running = asyncio.create_task(relay.run())
        while not relay.offered:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        started, before = time.perf_counter(), relay.offered
        while relay.offered < FACTS:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        rate = (FACTS - before) / (time.perf_counter() - started)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await store.close()
    return rate


async def batches(place: Path) -> float:
    return await nats.atomic_batches(place, FACTS, BATCH)


ROWS = [Row("relay, log to feed, x atomic batches by hand", ours, batches, 0.8, "facts/s")]
