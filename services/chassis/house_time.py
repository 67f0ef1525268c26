"""Which clock a house runs on: real, or scaled from an origin that is kept with its log (D7). And the one that leases
of several processes share."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import orjson

from services.chassis.clock import Clock, RealClock, ScaledClock
from services.chassis.recorder_postgres import connect
from services.chassis.rows import HOUSE, Pick, Put
from services.chassis.store import Append, Store


class LateClock:
    """House time for a store that is opened before its clock, because a scaled clock's origin is kept in the store."""

    clock: Clock | None = None

    def now(self) -> datetime:
        return self.clock.now() if self.clock else datetime.now(UTC)


def house_time(speed: float, kept: str | None) -> datetime:
    """The time of a house that does not run, given what its log keeps of a scaled clock."""
    if speed == 1 or kept is None:
        return datetime.now(UTC)
    clock = orjson.loads(kept)
    start, origin = (datetime.fromisoformat(clock[name]) for name in ("start", "origin"))
    return ScaledClock(clock["speed"], start=start, origin=origin).now()


async def clock_of(speed: float, store: Store) -> Clock:
    """Real, or scaled from an origin that is kept with the log, so that a restart goes on in the same time (D7)."""
    if speed == 1:
        return RealClock()
    rows = await store.pick(Pick(HOUSE, {"name": "clock"}))
    if rows:
        kept = orjson.loads(str(rows[0]["body"]))
        if kept["speed"] == speed:
            start, origin = (datetime.fromisoformat(kept[name]) for name in ("start", "origin"))
            return ScaledClock(speed, start=start, origin=origin)
    now = datetime.now(UTC)
    body = {"speed": speed, "start": now.isoformat(), "origin": now.isoformat()}
    await store.append(Append(rows=[Put(HOUSE, {"name": "clock", "body": orjson.dumps(body).decode()})]))
    return ScaledClock(speed, start=now, origin=now)


def database_clock(url: str) -> Callable[[], datetime]:
    """The database's clock as it was at our start, advanced by our monotonic one: leases of all processes share it."""
    with connect(url) as db:
        row = db.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM gives one row
    began, at = time.monotonic(), row[0]
    return lambda: at + timedelta(seconds=time.monotonic() - began)
