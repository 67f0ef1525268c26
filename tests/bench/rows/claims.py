"""Claims: lines taken 64 at a time as the publisher's lanes take them, of a million that wait and of a thousand."""

from __future__ import annotations

import sqlite3
import time
from datetime import timedelta
from pathlib import Path

from services.chassis.clock import RealClock
from services.chassis.rows import LINE, Claim, Pick
from services.chassis.store_sqlite import SqliteStore
from tests.bench.table import Row

MANY, FEW, HAND, CLAIMS, SETS = 1_000_000, 1_000, 64, 10, 12
FILL = (
    "WITH RECURSIVE waits (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM waits WHERE number < ?)"
    " INSERT INTO line (connection, account, channel, epoch, head_turn, last_turn)"
    " SELECT 'a' || number || '.x', 'a' || number, 'x', 0, number, number FROM waits"
)
GIVE_BACK = "UPDATE line SET holder = NULL, lease_until = NULL WHERE holder = 'here'"


async def _claims(place: Path, waiting: int) -> float:
    """Lines a second."""
    clock = RealClock()
    store = SqliteStore(place / "log.db", clock.now)
    now, until = clock.now(), clock.now() + timedelta(hours=1)
    pick = Pick(LINE, {"channel": "x"}, upto={"lease_until": now, "not_before": now}, since={"head_turn": 0},
                order=("head_turn",), limit=HAND)  # fmt: skip
    claim, taken, spent = Claim(pick, {"holder": "here", "lease_until": until}, raising="epoch"), 0, 0.0
    with sqlite3.connect(place / "log.db") as db:
        db.execute(FILL, (waiting,))
        db.commit()
        for _ in range(SETS):
            started = time.perf_counter()
            for _ in range(CLAIMS):
                taken += len(await store.claim(claim))
            spent += time.perf_counter() - started
            db.execute(GIVE_BACK)
            db.commit()
    await store.close()
    if taken != SETS * CLAIMS * HAND:
        raise RuntimeError(f"{taken} lines were claimed")
    return taken / spent


async def with_many(place: Path) -> float:
    return await _claims(place, MANY)


async def with_few(place: Path) -> float:
    return await _claims(place, FEW)


ROWS = [Row("claims, 1 M waiting x 1 k waiting", with_many, with_few, 0.5, "lines/s")]
