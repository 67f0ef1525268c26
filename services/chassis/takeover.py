"""Before a line is taken from a process of this machine, that process is ended (D11, F5).

    renewed -> overdue (not renewed, and the process is there) -> asked to go, then killed -> gone: its lines are free

A process that stands still between its last look at the clock and the first byte would send late, and whoever has taken
over meanwhile could not know. On other machines it cannot be reached; there the deadline bounds the gap. A process that
is only late, as after a database was away for all, has time to renew: a moment longer than the pause between renewals.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from services.chassis.processes import Record, alive, end, record_of
from services.chassis.rows import Row

OVERDUE_S: Final = 4.0
"""So long a lease must have been seen to be over before its holder is ended; renewals come every 3 s."""
SEEN_AGAIN_S: Final = 3.0
"""Looks farther apart than this, as while the store was away, do not count as one."""
PATIENCE_S: Final = 2.0
MARK_LETTERS: Final = 12

log = structlog.get_logger("takeover")


def holder(service: str, pid: int | None = None) -> str:
    """Who holds a lease: named so that an operator finds the process, and so that no other is taken for it."""
    pid = pid or os.getpid()
    return f"{service}@{socket.gethostname()}:{pid}:{_mark(record_of(pid))}:{secrets.token_hex(4)}"


def _mark(record: Record | None) -> str:
    """The moment a process started, short and without the separator."""
    return hashlib.sha256(record.started.encode()).hexdigest()[:MARK_LETTERS] if record else "unknown"


def process_of(named: object) -> Record | None:
    """The process on this machine that holds under this name, if it is there and is not this one."""
    where, _, rest = str(named).partition("@")
    pieces = rest.rsplit(":", 3)
    if not where or len(pieces) != 4 or pieces[0] != socket.gethostname() or not pieces[1].isdecimal():
        return None
    pid = int(pieces[1])
    record = record_of(pid) if pid != os.getpid() else None
    return record if record is not None and _mark(record) == pieces[2] else None


class Takeover:
    """Asked with rows whose leases are over."""

    def __init__(self, mine: str, elapsed: Callable[[], float]) -> None:
        self._mine, self._elapsed = mine, elapsed
        self._overdue: dict[str, tuple[float, float]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}

    def not_yet(self, rows: Iterable[Row]) -> set[str]:
        """The holders among them from whom nothing may be taken yet; those that are overdue are being ended."""
        kept: set[str] = set()
        for named in {str(row["holder"]) for row in rows if row["holder"] and row["holder"] != self._mine}:
            record = process_of(named)
            if record is None:
                self._overdue.pop(named, None)
                continue
            kept.add(named)
            now = self._elapsed()
            first, last = self._overdue.get(named, (now, now))
            first = now if now - last > SEEN_AGAIN_S else first
            self._overdue[named] = (first, now)
            if now - first >= OVERDUE_S and named not in self._ending:
                self._ending[named] = asyncio.create_task(self._end(named, record))
        return kept

    async def _end(self, named: str, record: Record) -> None:
        log.warning("a process of this machine holds lines and does not say that it lives; it is ended", holder=named)
        try:
            await end(record, patience=PATIENCE_S)
        finally:
            del self._ending[named]
            if not alive(record):
                self._overdue.pop(named, None)

    async def close(self) -> None:
        ending = list(self._ending.values())
        for each in ending:
            each.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
