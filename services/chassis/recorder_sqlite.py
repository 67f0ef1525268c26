"""The library's recorder and table on SQLite: how the house opens its file, makes its tables, and proves them (D16).

WAL with `synchronous=FULL`; the writer is the only connection that writes or checkpoints, and a lock file keeps a
second process away, because two checkpointers can corrupt a WAL before SQLite 3.51.3 (D4, F20).
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from services.chassis import rows_sql
from services.chassis.chain import Head, head_of, link_row, linked
from services.chassis.codec import Line
from services.chassis.incarnation import NAME, incarnation_in, incarnation_row
from services.chassis.rows import CHAIN, TABLES
from services.chassis.rows_sql import SQLITE
from services.chassis.rows_together import in_lengths
from services.chassis.store import StoreError, Topics

SCHEMA = 3
"""Raised with every change of the tables; a log of another schema is refused at start, naming the mend."""
LAST_LINK = "SELECT position, hash FROM chain ORDER BY position DESC LIMIT 1"
LOG = "stored_events"
"""The library's name for its table."""
Stored = tuple[str, int, str, bytes]
"""A line of the library's table: stream, version, topic, state."""


class StoreLocked(StoreError):
    """Another process has this log open."""


class SchemaDiffers(StoreError):
    """The tables are of another release."""


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


def read_only_file(path: Path) -> sqlite3.Connection:
    """Whatever the path is called: in an address a question mark would begin something else."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)


FOR_EVER = (LOG, CHAIN.name)
"""Facts and their chain are added to and never changed; whoever tries is told so (I5)."""


def protected(tables: Sequence[str] = FOR_EVER) -> list[str]:
    return [
        f"CREATE TRIGGER IF NOT EXISTS {table}_never_{verb.lower()} BEFORE {verb} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table}: what was written is never changed'); END"
        for table in tables
        for verb in ("UPDATE", "DELETE")
    ]


def statements() -> list[str]:
    """Whatever makes the tables of a log in an empty file; where they are already it changes nothing."""
    library = SQLiteApplicationRecorder(SQLiteDatastore(":memory:", originator_id_type="text"))
    made = list(library.create_table_statements)
    for table in TABLES:
        made += rows_sql.create(table, SQLITE)
    return made + protected()


def of_another_schema(found: object) -> SchemaDiffers:
    """Nothing was released in a schema below this one, so there is none to bring along."""
    return SchemaDiffers(
        f"the log is of schema {found} and this release needs {SCHEMA}: schemas before it were never released and are "
        "not brought along, so begin a new log (another DISTRIBUTION_DATA_DIR or DISTRIBUTION_DATABASE_URL); a later "
        "one needs its own release"
    )


def lines_in(db: sqlite3.Connection, after: int, limit: int, without: Topics = ()) -> list[Line]:
    """A page of the log as any reader of the file sees it. Positions have no gaps, so it ends where it must."""
    last = after + limit
    left_out = f"topic NOT IN ({','.join('?' * len(without))})"
    query = (
        f"SELECT originator_id, originator_version, rowid, topic, state FROM {LOG} WHERE rowid>? AND rowid<=?"
        f" AND ({left_out} OR rowid=min(?, (SELECT max(rowid) FROM {LOG}))) ORDER BY rowid"
    )
    return list(map(Line._make, db.execute(query, (after, last, *without, last))))


class SqliteRecorder(SQLiteApplicationRecorder):
    """The library's recorder, whose inserts take the judgement of a whole group in one transaction."""

    def __init__(self, path: Path) -> None:
        super().__init__(SQLiteDatastore(str(path), originator_id_type="text"))
        self.writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=1024)
        self.writer.execute("PRAGMA journal_mode=WAL")
        self.writer.execute("PRAGMA synchronous=FULL")
        self._end: Head | None = None

    def prepare(self) -> None:
        """Make the tables of an empty file; refuse those of another release."""
        version = self.writer.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA):
            raise of_another_schema(version)
        for statement in statements():
            self.writer.execute(statement)
        self.writer.execute(*rows_sql.write(incarnation_row(), SQLITE))
        self.writer.execute(f"PRAGMA user_version={SCHEMA}")
        level = self.writer.execute("PRAGMA synchronous").fetchone()[0]
        mode = self.writer.execute("PRAGMA journal_mode").fetchone()[0]
        if (level, mode) != (2, "wal"):
            raise StoreError(f"SQLite runs with synchronous={level}, journal_mode={mode}; FULL and wal are needed")

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """The library's own door, kept working; the house itself appends through the store."""
        self.writer.execute("BEGIN IMMEDIATE")
        try:
            last = self.end().position
            self.insert([(str(s.originator_id), s.originator_version, s.topic, s.state) for s in stored_events])
            self.writer.execute("COMMIT")
        except BaseException:
            self.unsure()
            self.writer.execute("ROLLBACK")
            raise
        return list(range(last + 1, last + 1 + len(stored_events)))

    def insert(self, stored: Sequence[Stored]) -> None:
        """The facts that come next, and their link; no facts have none."""
        if not stored:
            return
        before = self.end()
        for some in in_lengths(stored):
            marks = ", (?,?,?,?)" * (len(some) - 1)
            self.writer.execute(self.insert_events_statement + marks, [value for line in some for value in line])
        link = linked(
            before.hash,
            ((stream, version, position, topic, state)
             for position, (stream, version, topic, state) in enumerate(stored, before.position + 1)),
        )  # fmt: skip
        end = Head(before.position + len(stored), link)
        self.writer.execute(*rows_sql.write(link_row(end.position, link), SQLITE))
        self._end = end

    def end(self) -> Head:
        """Where the log ends. Nobody else writes it, so what this writer wrote last is not read again."""
        if self._end is None:
            self._end = Head(self.last_position(), head_of(self.writer.execute(LAST_LINK).fetchone()).hash)
        return self._end

    def unsure(self) -> None:
        """Something was not written after all, or may not have been: the end is read again."""
        self._end = None

    def incarnation(self) -> str:
        (body,) = self.writer.execute("SELECT body FROM house WHERE name = ?", (NAME,)).fetchone()
        return incarnation_in(body)

    def last_position(self) -> int:
        return self.writer.execute(self.select_max_notification_id_statement).fetchone()[0] or 0

    def close(self) -> None:
        self.writer.close()
        self.datastore.close()
