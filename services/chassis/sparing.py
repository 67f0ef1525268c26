"""A log whose disk is full or broken (F18, F19, I28). What is acknowledged is durable, or it is not acknowledged.

well -> scarce   the disk is full: the ballast beside the log is given up, and whatever begins something waits
 ^        |      there is room again: the ballast is laid anew
 |--------'
well -> broken   a write or a flush failed: nobody knows what the file holds, so nothing more is written over this
                 handle; the process stops, and the next start reads what is there
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from events import (
    AccountChanged,
    AttemptStarted,
    ConnectionListed,
    DiscoveryWeightsRecalculated,
    EditAsked,
    EngagementProfiled,
    KeyIssued,
    MeasurementPlanned,
    MessageParked,
    MetricsCollected,
    PostDue,
    PostTakenIn,
    RedriveAsked,
    RescheduleAsked,
    RetryAsked,
    UndoAsked,
)
from services.chassis.rows import LINE, Claim
from services.chassis.store import Append, StoreError

BALLAST: Final = 16 * 2**20
"""Room for thousands of cancels and outcomes, and little beside any honest disk."""
BEGINS: Final = (
    AccountChanged, AttemptStarted, ConnectionListed, DiscoveryWeightsRecalculated, EditAsked, EngagementProfiled,
    KeyIssued, MeasurementPlanned, MessageParked, MetricsCollected, PostDue, PostTakenIn, RedriveAsked,
    RescheduleAsked, RetryAsked, UndoAsked,
)  # fmt: skip
"""What waits while room is scarce. The outcome of a call, a cancel, a pause, and what follows from them, do not."""
FULL: Final = "the disk of the log is full: make room, and the work goes on by itself"

NO_ROOM: Final = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
"""The second is said of the index of the WAL, which is a file on the same disk."""

log = structlog.get_logger("log")


class StoreFull(StoreError):
    """There is no room for it. Nothing of it was written."""


class StoreBroken(Exception):
    """The log cannot be written any more; not a `StoreError`, because nothing is to be tried again (F19)."""


class Ballast:
    """A file that is nothing but room."""

    def __init__(self, path: Path, size: int = BALLAST) -> None:
        self._path, self._size = path, size

    def lay(self) -> bool:
        """Only where it leaves room for others; whether it lies there now."""
        if self._path.exists():
            return True
        if shutil.disk_usage(self._path.parent).free < 3 * self._size:
            return False
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError:
            self._path.unlink(missing_ok=True)
            return False
        return True

    def give_up(self) -> bool:
        """Whether there was any to give up."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


class Sparing:
    """A store's commit that makes do with little room. `trouble` says what is wrong with the disk, or None."""

    def __init__(self, commit: Callable[[Sequence[Any]], Sequence[Any]], ballast: Ballast) -> None:
        self._commit, self._ballast = commit, ballast
        self._scarce = self._full = False
        self.broken: StoreBroken | None = None
        ballast.lay()

    @property
    def trouble(self) -> str | None:
        return str(self.broken) if self.broken else FULL if self._scarce or self._full else None

    def __call__(self, group: Sequence[Any]) -> Sequence[Any]:
        """In the writer's thread."""
        if self._scarce and self._ballast.lay():
            self._scarce = False
            log.info("there is room on the disk again")
        if self._scarce:
            return self._spared(group)
        try:
            return self._written(group)
        except StoreFull:
            self._scarce = self._ballast.give_up()
            log.error("the disk is full", ballast_given_up=self._scarce)
            if self._scarce:
                return self._spared(group)
            raise

    def _spared(self, group: Sequence[Any]) -> Sequence[Any]:
        """Of a group only what must not wait is written; the others are told why they are not."""
        answers: list[Any] = [StoreFull(FULL)] * len(group)
        chosen = [number for number, asked in enumerate(group) if not begins(getattr(asked, "append", asked))]
        if chosen:
            written = self._written([group[number] for number in chosen])
            for number, answer in zip(chosen, written, strict=True):
                answers[number] = answer
        return answers

    def _written(self, group: Sequence[Any]) -> Sequence[Any]:
        if self.broken is not None:
            raise self.broken
        try:
            answers = self._commit(group)
        except sqlite3.OperationalError as error:
            name = str(getattr(error, "sqlite_errorname", ""))
            if name in NO_ROOM:
                self._full = True
                raise StoreFull(FULL) from error
            if not name.startswith("SQLITE_IOERR"):
                raise
            self.broken = StoreBroken(
                f"the log cannot be written ({error}, {name}): look after its disk, then start again"
            )
            log.error("the log is broken, so nothing more is written", error=name)
            raise self.broken from error
        self._full = False
        return answers


def begins(asked: Append | Claim) -> bool:
    if isinstance(asked, Claim):
        return asked.pick.table is LINE
    return any(isinstance(draft.fact, BEGINS) for say in asked.says for draft in say.facts)
