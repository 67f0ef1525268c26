"""The store on SQLite: the library's recorder and table, one writer connection, group commit, rows beside the facts.

WAL with `synchronous=FULL`; the writer is the only connection that writes or checkpoints, and a lock file keeps a
second process away, because two checkpointers can corrupt a WAL before SQLite 3.51.3 (D4, F20).
"""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from events import Told
from services.chassis import codec, rows_sql
from services.chassis.grouping import Grouped
from services.chassis.judgement import Seen, judge, named
from services.chassis.rows import CHECKPOINT, TABLES, Claim, Pick, Put, Row
from services.chassis.rows_sql import SQLITE
from services.chassis.store import Append, Conflict, StoreError, StreamMoved

SCHEMA = 1
"""Raised with every change of the tables; a log of another schema is refused at start, naming the mend."""
Stored = tuple[str, int, str, bytes]
"""A line of the library's table: stream, version, topic, state."""
T = TypeVar("T")


class StoreLocked(StoreError):
    """Another process has this log open."""


class SchemaDiffers(StoreError):
    """The tables are of another release."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One caller's append, its facts already encoded outside the writer's thread."""

    append: Append
    encoded: Sequence[bytes]


def encoded(append: Append) -> Asked:
    return Asked(append, [codec.encode(draft) for say in append.says for draft in say.facts])


class SqliteRecorder(SQLiteApplicationRecorder):
    """The library's recorder, whose inserts take the judgement of a whole group in one transaction."""

    def __init__(self, path: Path) -> None:
        super().__init__(SQLiteDatastore(str(path), originator_id_type="text"))
        self.writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        self.writer.execute("PRAGMA journal_mode=WAL")
        self.writer.execute("PRAGMA synchronous=FULL")

    def prepare(self) -> None:
        """Make the tables of an empty file; refuse those of another release."""
        version = self.writer.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA):
            raise SchemaDiffers(
                f"the log is of schema {version} and this release needs {SCHEMA}: run `distribution migrate`"
            )
        for statement in self.create_table_statements:
            self.writer.execute(statement)
        for table in TABLES:
            for statement in rows_sql.create(table, SQLITE):
                self.writer.execute(statement)
        self.writer.execute(f"PRAGMA user_version={SCHEMA}")
        level = self.writer.execute("PRAGMA synchronous").fetchone()[0]
        mode = self.writer.execute("PRAGMA journal_mode").fetchone()[0]
        if (level, mode) != (2, "wal"):
            raise StoreError(f"SQLite runs with synchronous={level}, journal_mode={mode}; FULL and wal are needed")

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """The library's own door, kept working; the house itself appends through the store."""
        last = self.last_position()
        self.writer.execute("BEGIN IMMEDIATE")
        try:
            self.insert([(str(s.originator_id), s.originator_version, s.topic, s.state) for s in stored_events])
            self.writer.execute("COMMIT")
        except BaseException:
            self.writer.execute("ROLLBACK")
            raise
        return list(range(last + 1, last + 1 + len(stored_events)))

    def insert(self, stored: Sequence[Stored]) -> None:
        self.writer.executemany(self.insert_events_statement, stored)

    def last_position(self) -> int:
        return self.writer.execute(self.select_max_notification_id_statement).fetchone()[0] or 0

    def close(self) -> None:
        self.writer.close()
        self.datastore.close()


class SqliteStore:
    """See `Store`. Writes run in one thread, reads in another, so that reading never waits for a flush."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = locked(path)
        self._recorder = SqliteRecorder(path)
        self._recorder.prepare()
        self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        self._reader.execute("PRAGMA query_only=1")
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-reader")
        self._writing: Grouped[Asked | Claim, Any] = Grouped(self._commit, "log-writer")
        self._recorded_at = self._last_recorded_at()
        self.on_append: list[Callable[[int], None]] = []

    @property
    def pending(self) -> int:
        """Appends and claims asked for and not yet answered."""
        return self._writing.pending

    def _last_recorded_at(self) -> datetime:
        query = f"SELECT state FROM {self._recorder.events_table_name} ORDER BY rowid DESC LIMIT 1"
        last = self._recorder.writer.execute(query).fetchone()
        if last is None:
            return datetime.min.replace(tzinfo=UTC)
        return datetime.fromisoformat(orjson.loads(last[0])["recorded_at"])

    async def append(self, append: Append) -> Sequence[Told]:
        told: Sequence[Told] = await self._writing.ask(encoded(append))
        if told:
            for hear in self.on_append:
                hear(told[-1].position)
        return told

    async def claim(self, claim: Claim) -> Sequence[Row]:
        found: Sequence[Row] = await self._writing.ask(claim)
        return found

    def _commit(self, group: Sequence[Asked | Claim]) -> Sequence[Any]:
        """One transaction for the whole group, in the writer's thread; members are answered in order."""
        db = self._recorder.writer
        db.execute("BEGIN IMMEDIATE")
        try:
            seen = self._seen([asked.append for asked in group if isinstance(asked, Asked)])
            stored: list[Stored] = []
            position = self._recorder.last_position()
            answers: list[Any] = []
            self._recorded_at = max(self._recorded_at, self._now())
            stamp = codec.stamp(self._recorded_at)
            for asked in group:
                if isinstance(asked, Claim):
                    answers.append(self._claim(asked))
                    continue
                conflict = judge(asked.append, seen)
                if conflict is not None:
                    answers.append(conflict)
                    continue
                told = self._tell(asked, position, stamp, stored)
                position += len(told)
                self._write_rows(asked.append)
                answers.append(told)
            if stored:
                self._recorder.insert(stored)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return [
            self._second_look(asked, answer) if isinstance(answer, StreamMoved) else answer
            for asked, answer in zip(group, answers, strict=True)
        ]

    def _seen(self, appends: Sequence[Append]) -> Seen:
        """One query each for everything any caller named; the write lock makes the answers final."""
        wanted, table, db = named(appends), self._recorder.events_table_name, self._recorder.writer
        queries = (
            (wanted.streams, f"SELECT originator_id, MAX(originator_version) FROM {table} WHERE originator_id IN"
                             " (SELECT value FROM json_each(?)) GROUP BY originator_id"),
            (wanted.lines, "SELECT connection, epoch FROM line WHERE connection IN (SELECT value FROM json_each(?))"),
            (wanted.services,
             "SELECT service, position FROM checkpoint WHERE service IN (SELECT value FROM json_each(?))"),
        )  # fmt: skip
        found = [
            dict(db.execute(query, (orjson.dumps(names).decode(),)).fetchall()) if names else {}
            for names, query in queries
        ]
        return Seen(found[0], {name: epoch or 0 for name, epoch in found[1].items()}, found[2])

    def _tell(self, asked: Asked, position: int, stamp: bytes, stored: list[Stored]) -> list[Told]:
        told: list[Told] = []
        states = iter(asked.encoded)
        for say in asked.append.says:
            for version, draft in enumerate(say.facts, say.after + 1):
                position += 1
                stored.append((say.stream, version, draft.fact.topic(), codec.splice(stamp, next(states))))
                told.append(codec.tell(draft, say.stream, version, position, self._recorded_at))
        return told

    def _write_rows(self, append: Append) -> None:
        if append.read:
            row: Row = {"service": append.read.service, "position": append.read.position}
            self._recorder.writer.execute(*rows_sql.write(Put(CHECKPOINT, row), SQLITE))
        for write in append.rows:
            self._recorder.writer.execute(*rows_sql.write(write, SQLITE))

    def _claim(self, claim: Claim) -> list[Row]:
        found = self._recorder.writer.execute(*rows_sql.claim(claim, SQLITE)).fetchall()
        return rows_sql.in_order([rows_sql.unpack(claim.pick.table, values) for values in found], claim.pick)

    def _second_look(self, asked: Asked | Claim, answer: Any) -> Any:
        """The same facts once more are the same answer (I4); any other conflict is what it is."""
        if not isinstance(asked, Asked) or not asked.append.says:
            return answer
        there: list[Told] = []
        for say in asked.append.says:
            there += self._select(self._recorder.writer, say.stream, say.after, say.after + len(say.facts))
        ids = [draft.id for say in asked.append.says for draft in say.facts]
        return there if [told.id for told in there] == ids else answer

    def _select(self, db: sqlite3.Connection, stream: str, after: int, upto: int) -> list[Told]:
        query = (
            f"SELECT originator_version, rowid, topic, state FROM {self._recorder.events_table_name}"
            " WHERE originator_id=? AND originator_version>? AND originator_version<=? ORDER BY originator_version"
        )
        return [codec.decode(stream, *row) for row in db.execute(query, (stream, after, upto))]

    async def _read(self, what: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, what)

    async def read(self, stream: str) -> Sequence[Told]:
        return await self._read(lambda: self._select(self._reader, stream, 0, 2**62))

    async def fold(self, stream: str, decider: Any) -> tuple[Any, int]:
        state, told = decider.initial, await self.read(stream)
        for each in told:
            state = decider.evolve(state, each.fact)
        return state, len(told)

    async def tail(self, after: int, limit: int = 500) -> Sequence[Told]:
        return await self._read(lambda: [codec.decode(*line) for line in self._lines(after, limit)])

    async def lines(self, after: int, limit: int = 500) -> Sequence[codec.Line]:
        return await self._read(lambda: [codec.Line(*line) for line in self._lines(after, limit)])

    def _lines(self, after: int, limit: int) -> list[tuple[Any, ...]]:
        query = (
            "SELECT originator_id, originator_version, rowid, topic, state"
            f" FROM {self._recorder.events_table_name} WHERE rowid>? ORDER BY rowid LIMIT ?"
        )
        return self._reader.execute(query, (after, limit)).fetchall()

    async def position(self) -> int:
        query = self._recorder.select_max_notification_id_statement
        return await self._read(lambda: self._reader.execute(query).fetchone()[0] or 0)

    async def pick(self, pick: Pick) -> Sequence[Row]:
        statement, values = rows_sql.select(pick, SQLITE)
        return await self._read(
            lambda: [rows_sql.unpack(pick.table, row) for row in self._reader.execute(statement, values).fetchall()]
        )

    async def close(self) -> None:
        self.on_append.clear()
        await self._writing.close()
        self._reading.shutdown(wait=True)
        self._reader.close()
        self._recorder.close()
        self._lock.close()


def locked(path: Path) -> Any:
    """An exclusive lock for as long as the store is open; freed by the system even after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(path.name + ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise StoreLocked(
            f"{path} is open in another process; stop that one first, or give this one another DISTRIBUTION_DATA_DIR"
        ) from error
    return lock


__all__ = ["Conflict", "SchemaDiffers", "SqliteStore", "StoreLocked", "locked"]
