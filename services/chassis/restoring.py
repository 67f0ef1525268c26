"""Putting a backup back, or owning up to a promotion: the log stands in quarantine with the same commit (I27).

Nothing is called and nothing is sent here. What the restored house may have forgotten it finds out by itself, by
looking on the channels, before it sends anything.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg.sql import SQL, Identifier

from services.chassis import codec, rows_sql
from services.chassis.backups import KEPT, BackupUnfit, Manifest, flushed, prove_backup
from services.chassis.incarnation import incarnation_row
from services.chassis.opening import is_postgres, path_of
from services.chassis.quarantine import How, Restored, Rows, carrying_on, quarantine
from services.chassis.recorder_postgres import STALLED_S, Connection, PostgresRecorder, connect, server_of
from services.chassis.recorder_sqlite import FOR_EVER, SCHEMA, locked
from services.chassis.rows import CHAIN, HOUSE, TABLES, Put, Row, Table
from services.chassis.rows_sql import POSTGRES, SQLITE
from services.chassis.snapshot import PostgresSnapshot, Snapshot, SqliteSnapshot, house_value, of_file
from services.chassis.store import StoreError
from services.chassis.verifying import Said, quiet

HouseTime = Callable[[str | None], datetime]
"""The house's own time, given what its log keeps of a scaled clock."""


class LogNotEmpty(StoreError):
    """There is a log already, and nobody has said that it may go."""


@dataclass(frozen=True, slots=True)
class Done:
    restored: Restored
    suspects: int
    manifest: Manifest | None = None
    kept: str | None = None
    """Where the log that was replaced lies now."""


def restore(path: Path, database_url: str, *, house_time: HouseTime, replace: bool = False, said: Said = quiet) -> Done:
    manifest, _ = prove_backup(path, said=said)
    if is_postgres(database_url):
        return _into_postgres(path, database_url, manifest, house_time, replace)
    return _into_sqlite(path, path_of(database_url), manifest, house_time, replace)


def promoted(database_url: str, *, house_time: HouseTime) -> Done:
    """A standby that was promoted is a log as well, whose last facts may be missing."""
    if not is_postgres(database_url):
        raise BackupUnfit("only a database on PostgreSQL is promoted: give the file of a backup instead")
    recorder = PostgresRecorder(database_url)
    with connect(database_url) as db:
        recorder.prove(db)
        with db.transaction():
            _lock(db, recorder.schema, "EXCLUSIVE")
            restored = _since(PostgresSnapshot(db, recorder.schema), house_time, "promotion")
            return Done(*_quarantine_postgres(db, restored))


def _since(snapshot: Snapshot, house_time: HouseTime, how: How) -> Restored:
    """From the last fact on anything may have happened, until now."""
    last, now = snapshot.last_fact(), house_time(house_value(snapshot, "clock"))
    since = codec.recorded_at(last.state[:64]) if last else now
    return Restored(last.position if last else 0, since, max(now, since), how)


def _into_sqlite(path: Path, target: Path, manifest: Manifest, house_time: HouseTime, replace: bool) -> Done:
    with locked(target):
        if (facts := _facts_in(target)) and not replace:
            raise LogNotEmpty(f"there is a log with {facts} facts at {target}: replace it with --replace (it is kept "
                              f"beside, as {target.name}.replaced), or set another DISTRIBUTION_DATA_DIR")  # fmt: skip
        part = target.with_name(target.name + ".restoring")
        shutil.copyfile(path, part)
        part.chmod(0o600)
        with closing(sqlite3.connect(part, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            rows = _rows_of(lambda sql: db.execute(sql).fetchall())
            restored = carrying_on(_since(SqliteSnapshot(db), house_time, "backup"), rows)
            db.execute("DROP TABLE manifest")
            for write in quarantine(rows, restored, incarnation_row()):
                db.execute(*rows_sql.write(write, SQLITE))
            suspects = int(db.execute("SELECT COUNT(*) FROM suspect").fetchone()[0])
            db.execute("COMMIT")
        kept = _set_aside(target) if target.exists() else None
        flushed(part)
        part.replace(target)
        flushed(target.parent)
    return Done(restored, suspects, manifest, kept)


def _facts_in(target: Path) -> int:
    if not target.exists():
        return 0
    try:
        with of_file(target) as log:
            return log.last_position()
    except (StoreError, sqlite3.DatabaseError):
        return 1  # damaged or of another release, and still not to be written over unasked


def _set_aside(target: Path) -> str:
    """The old log in one file beside the new one, under a name that nothing has: what was kept before stays kept too.

    What it had not yet moved out of its WAL goes with it.
    """
    ends = itertools.chain([".replaced"], (f".replaced-{number}" for number in itertools.count(2)))
    kept = next(path for end in ends if not (path := target.with_name(target.name + end)).exists())
    wal, index = (target.with_name(target.name + end) for end in ("-wal", "-shm"))
    with contextlib.suppress(sqlite3.DatabaseError), closing(sqlite3.connect(target)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if wal.exists() and wal.stat().st_size:
        wal.rename(kept.with_name(kept.name + "-wal"))
    wal.unlink(missing_ok=True)
    index.unlink(missing_ok=True)
    os.link(target, kept)
    return str(kept)


def _into_postgres(path: Path, url: str, manifest: Manifest, house_time: HouseTime, replace: bool) -> Done:
    recorder = PostgresRecorder(url)
    recorder.migrate()
    with connect(url) as db, of_file(path) as backup, db.transaction():
        db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        _lock(db, recorder.schema, "ACCESS EXCLUSIVE")
        there = PostgresSnapshot(db, recorder.schema).last_position()
        if there and not replace:
            raise LogNotEmpty(f"there is a log with {there} facts in this database: replace it with --replace, after a "
                              "`distribution backup` of it, for nothing of it is kept")  # fmt: skip
        _empty(db, recorder.schema)
        _copy(db, recorder.schema, backup)
        db.execute(*rows_sql.write(Put(HOUSE, {"name": "schema", "body": str(SCHEMA)}), POSTGRES))  # type: ignore[arg-type]
        return Done(*_quarantine_postgres(db, _since(backup, house_time, "backup")), manifest)


def _lock(db: Connection, schema: str, mode: str) -> None:
    db.execute(SQL("SET LOCAL lock_timeout = {}").format(f"{STALLED_S}s"))
    events = Identifier(schema, "stored_events")
    db.execute(SQL("LOCK TABLE {} IN {} MODE").format(events, SQL(mode)))  # type: ignore[arg-type]


def _empty(db: Connection, schema: str) -> None:
    """Facts are never removed, save by whoever replaces the whole log: the protection is lifted for that alone."""
    for name in FOR_EVER:
        db.execute(SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(Identifier(schema, name)))
    names = SQL(", ").join(Identifier(schema, name) for name in ("stored_events", *(table.name for table in TABLES)))
    db.execute(SQL("TRUNCATE {}").format(names))
    for name in FOR_EVER:
        db.execute(SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(Identifier(schema, name)))


def _copy(db: Connection, schema: str, backup: SqliteSnapshot) -> None:
    columns = ("originator_id", "originator_version", "notification_id", "topic", "state")
    _stream(db, schema, "stored_events", columns, backup.facts())
    _stream(db, schema, CHAIN.name, tuple(CHAIN.columns), ((head.position, head.hash) for head in backup.links()))
    for table in KEPT:
        _stream(db, schema, table.name, tuple(table.columns), backup.rows(table))
    db.execute(
        SQL("SELECT setval(pg_get_serial_sequence(%s, 'notification_id'), GREATEST(MAX(notification_id), 1),"
            " MAX(notification_id) IS NOT NULL) FROM {}").format(Identifier(schema, "stored_events")),
        (f'"{schema}"."stored_events"',),
    )  # fmt: skip


def _stream(db: Connection, schema: str, table: str, columns: Sequence[str], rows: Any) -> None:
    into = SQL("COPY {} ({}) FROM STDIN").format(Identifier(schema, table), SQL(", ").join(map(Identifier, columns)))
    with db.cursor().copy(into) as copying:
        for row in rows:
            copying.write_row(row)


def _quarantine_postgres(db: Connection, restored: Restored) -> tuple[Restored, int]:
    rows = _rows_of(lambda sql: db.execute(sql).fetchall())  # type: ignore[arg-type]
    restored = carrying_on(restored, rows)
    for write in quarantine(rows, restored, incarnation_row(**server_of(db))):
        db.execute(*rows_sql.write(write, POSTGRES))  # type: ignore[arg-type]
    row = db.execute("SELECT COUNT(*) FROM suspect").fetchone()
    return restored, int(row[0]) if row else 0


def _rows_of(asked: Callable[[str], Sequence[Any]]) -> Rows:
    def rows(table: Table) -> list[Row]:
        names = ", ".join(f'"{column}"' for column in table.columns)
        found = asked(f'SELECT {names} FROM "{table.name}"')  # noqa: S608 - names of rows.py
        return [rows_sql.unpack(table, values) for values in found]

    return rows
