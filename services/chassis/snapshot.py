"""The log and its rows as they stood at one moment, read past a running house and without stopping it.

On SQLite a read transaction of a connection that cannot write, on PostgreSQL one repeatable read with cursors on the
server: a million facts are read one page at a time, and whoever writes meanwhile waits for nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from psycopg.sql import SQL, Composed, Identifier

from services.chassis.chain import ChainBroken, Head, head_of
from services.chassis.codec import Line
from services.chassis.recorder_postgres import Connection, PostgresRecorder, connect
from services.chassis.recorder_sqlite import LAST_LINK, SCHEMA, of_another_schema, read_only_file
from services.chassis.rows import HOUSE, Table
from services.chassis.store import StoreError

PAGE = 2000
FACTS_OF_SQLITE = "SELECT originator_id, originator_version, rowid, topic, state FROM stored_events ORDER BY rowid"
FACTS_OF_POSTGRES = (
    "SELECT originator_id, originator_version, notification_id, topic, state FROM {} ORDER BY notification_id"
)
LINKS = "SELECT position, hash FROM chain ORDER BY position"


class Snapshot(Protocol):
    """`rows` are as they are packed: whole numbers for instants, the same in both databases."""

    kind: str

    def facts(self) -> Iterator[Line]: ...

    def links(self) -> Iterator[Head]: ...

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]: ...

    def last_position(self) -> int: ...

    def last_link(self) -> Head: ...

    def last_fact(self) -> Line | None: ...

    def sound(self) -> None:
        """Raises `ChainBroken` where the database itself finds its file damaged."""
        ...


class SqliteSnapshot:
    kind = "SQLite"

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def facts(self) -> Iterator[Line]:
        last = 0
        try:
            for row in self._db.execute(FACTS_OF_SQLITE):
                line = Line(*row)
                last = line.position
                yield line
        except (sqlite3.DatabaseError, UnicodeDecodeError) as damaged:
            raise ChainBroken(last + 1, f"the file cannot be read from fact {last + 1} on: {damaged}") from damaged

    def links(self) -> Iterator[Head]:
        last = 0
        try:
            for position, link in self._db.execute(LINKS):
                if not isinstance(position, int) or not isinstance(link, bytes):
                    raise ChainBroken(last + 1, f"the link after {last} holds a value of another kind than was written")
                last = position
                yield Head(position, link)
        except sqlite3.DatabaseError as damaged:
            raise ChainBroken(last + 1, f"the chain cannot be read after {last}: {damaged}") from damaged

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        names = ", ".join(f'"{column}"' for column in table.columns)
        return self._db.execute(f'SELECT {names} FROM "{table.name}"')  # noqa: S608 - names of rows.py

    def last_position(self) -> int:
        return int(self._db.execute("SELECT COALESCE(MAX(rowid), 0) FROM stored_events").fetchone()[0])

    def last_link(self) -> Head:
        return head_of(self._db.execute(LAST_LINK).fetchone())

    def last_fact(self) -> Line | None:
        row = self._db.execute(f"{FACTS_OF_SQLITE} DESC LIMIT 1").fetchone()
        return Line(*row) if row else None

    def single(self, query: str) -> Any:
        """One value; None where there is none."""
        row = self._db.execute(query).fetchone()
        return row[0] if row else None

    def sound(self) -> None:
        try:
            (said,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as damaged:
            said = str(damaged)
        if said != "ok":
            raise ChainBroken(0, f"every fact is as it was written, and the file around them is damaged: {said}")


class PostgresSnapshot:
    kind = "PostgreSQL"

    def __init__(self, db: Connection, schema: str) -> None:
        self._db, self._schema, self._cursors = db, schema, 0

    def facts(self) -> Iterator[Line]:
        for row in self._stream(SQL(FACTS_OF_POSTGRES).format(Identifier(self._schema, "stored_events"))):
            yield Line(*row)

    def links(self) -> Iterator[Head]:
        for position, link in self._stream(SQL(LINKS)):
            yield Head(position, link)

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        names = SQL(", ").join(map(Identifier, table.columns))
        return self._stream(SQL("SELECT {} FROM {}").format(names, Identifier(self._schema, table.name)))

    def last_position(self) -> int:
        query = SQL("SELECT COALESCE(MAX(notification_id), 0) FROM {}")
        row = self._db.execute(query.format(Identifier(self._schema, "stored_events"))).fetchone()
        return int(row[0]) if row else 0

    def last_link(self) -> Head:
        return head_of(self._db.execute(SQL(LAST_LINK)).fetchone())

    def last_fact(self) -> Line | None:
        query = SQL(FACTS_OF_POSTGRES + " DESC LIMIT 1").format(Identifier(self._schema, "stored_events"))
        row = self._db.execute(query, binary=True).fetchone()
        return Line(*row) if row else None

    def _stream(self, query: SQL | Composed) -> Iterator[tuple[Any, ...]]:
        self._cursors += 1
        with self._db.cursor(f"snapshot_{self._cursors}") as cursor:
            cursor.itersize = PAGE
            cursor.execute(query, binary=True)
            yield from cursor

    def sound(self) -> None:
        """PostgreSQL keeps checksums of its own; `pg_amcheck` reads its indexes."""


@contextmanager
def of_file(path: Path) -> Iterator[SqliteSnapshot]:
    """A log or a backup; nothing is written, not even where SQLite would tidy up."""
    if not path.is_file():
        raise StoreError(f"there is no log at {path}: set DISTRIBUTION_DATA_DIR or DISTRIBUTION_DATABASE_URL")
    with closing(read_only_file(path)) as db:
        try:
            db.execute("BEGIN")
            found = db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as damaged:
            raise StoreError(f"{path} cannot be read as a log: {damaged}") from damaged
        if found != SCHEMA:
            raise of_another_schema(found)
        yield SqliteSnapshot(db)


@contextmanager
def of_postgres(url: str) -> Iterator[PostgresSnapshot]:
    recorder = PostgresRecorder(url)
    with connect(url) as db:
        recorder.prove(db)
        db.execute("SET idle_in_transaction_session_timeout = 0")
        db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield PostgresSnapshot(db, recorder.schema)
        finally:
            db.execute("ROLLBACK")


def house_value(snapshot: Snapshot, name: str) -> str | None:
    """One of the few single values of the house itself."""
    assert list(HOUSE.columns) == ["name", "body"]  # noqa: S101 - the order of the columns below
    return next((body for found, body in snapshot.rows(HOUSE) if found == name), None)
