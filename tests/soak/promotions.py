"""A PostgreSQL dies while facts are written, and its standby is promoted (G11, F22).

With a synchronous standby nothing that was acknowledged is missing. With one that lags, something is; and either way no
service appends there, nor goes on with what it remembers, before somebody has owned up to the promotion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from services.chassis.incarnation import AnotherLog
from services.chassis.opening import migrate, open_store
from services.chassis.restoring import promoted
from services.chassis.store import Store, StoreError
from services.chassis.verifying import snapshot_of, verify
from tests.chassis.test_chain import append
from tests.servers_postgres import Server, postgres, standby
from tests.soak.row import Row, Tried

WRITTEN = 40
"""So many facts are acknowledged while the standby follows, and as many more while a lagging one does not."""


@dataclass
class Found:
    kept: int = 0
    lost: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def now() -> datetime:
    return datetime.now(UTC)


async def promotions(folder: Path, rounds: int) -> Sequence[Tried]:
    """`rounds` each with a synchronous standby and with one that lags."""
    synchronous, lagging = Found(), Found()
    for number in range(rounds):
        for found, lags in ((synchronous, False), (lagging, True)):
            with postgres() as primary, standby(primary) as second:
                await _round(f"round {number}", primary, second, found, lags=lags)
    lost = [f"{synchronous.lost} acknowledged facts were lost"] if synchronous.lost else []
    unlike = ["a standby that lagged had lost nothing, so nothing was tried"] if lagging.lost < rounds else []
    return [
        Tried("G11 a synchronous standby has every acknowledged fact", rounds, synchronous.kept, lost),
        Tried("G11 nothing is appended to a promoted log before somebody owned up to it", 2 * rounds,
              synchronous.refused + lagging.refused, [*synchronous.wrong, *lagging.wrong, *unlike]),
    ]  # fmt: skip


async def _round(which: str, primary: Server, second: Server, found: Found, *, lags: bool) -> None:
    address = primary.address("public", second)
    migrate(address)
    if not lags:
        with psycopg.connect(primary.address(), autocommit=True) as db:
            db.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            db.execute("SELECT pg_reload_conf()")
    old = open_store(address, now)
    acknowledged = await _said(old, 0)
    if lags:
        _caught_up(primary, second)
        second.stop()
        acknowledged += await _said(old, WRITTEN)
    else:
        writing = asyncio.ensure_future(_said(old, WRITTEN, acknowledged))
    primary.stop()
    if lags:
        second.start()
    else:
        await asyncio.gather(writing, return_exceptions=True)
    second.promote()
    found.refused += await _is_refused(old, address, which, found)
    promoted(address, house_time=lambda kept: now())
    found.refused += await _is_refused(old, None, which, found)
    await old.close()
    after = open_store(address, now)
    there = {told.id for told in await after.tail(0, 1000)}
    await after.append(append(9_000))
    await after.close()
    with snapshot_of(address) as snapshot:
        verify(snapshot)
    found.kept += len(there)
    found.lost += len(set(acknowledged) - there)


async def _said(store: Store, first: int, acknowledged: list[str] | None = None) -> list[str]:
    """The ids of facts whose append was answered."""
    said = [] if acknowledged is None else acknowledged
    for number in range(first, first + WRITTEN):
        said += [told.id for told in await store.append(append(number))]
    return said


def _caught_up(primary: Server, second: Server) -> None:
    """Whatever is written now is replayed there."""
    with psycopg.connect(primary.address()) as db, psycopg.connect(second.address(), autocommit=True) as there:
        (lsn,) = db.execute("SELECT pg_current_wal_lsn()").fetchone() or ("",)
        while there.execute("SELECT pg_last_wal_replay_lsn() < %s", (lsn,)).fetchone() != (False,):
            pass


async def _is_refused(old: Store, address: str | None, which: str, found: Found) -> int:
    """By a process that was there before, and by a new one."""
    refused = 0
    try:
        await old.append(append(5_000))
        found.wrong.append(f"{which}: a process that lived through the promotion appended to it")
    except AnotherLog:
        refused += 1
    except StoreError as other:
        found.wrong.append(f"{which}: it was refused for another reason: {other}")
    if address is None:
        return refused
    try:
        await open_store(address, now).close()
        found.wrong.append(f"{which}: a new process opened the promoted log")
    except AnotherLog:
        refused += 1
    return refused


ROWS = [Row("promotions", promotions, 10)]
