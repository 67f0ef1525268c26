"""The library's recorder and tables on PostgreSQL: how the house connects, makes its tables, and proves them at start.

The library brings the event table and its lock. Its own pool is never opened and its database functions are never
used: they insert before the lock is taken, and a tailing reader then misses facts (D4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import psycopg.conninfo
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import SQL, Identifier

from services.chassis import rows_sql
from services.chassis.chain import Head, link_row, linked
from services.chassis.codec import Line
from services.chassis.incarnation import incarnation_row
from services.chassis.pipeline_postgres import StraightConnection
from services.chassis.recorder_sqlite import FOR_EVER, SCHEMA, SchemaDiffers, of_another_schema
from services.chassis.rows import HOUSE, TABLES, Pick, Put
from services.chassis.rows_sql import POSTGRES
from services.chassis.store import StoreError, Topics

Connection = psycopg.Connection[Any]

CONNECT_TIMEOUT_S = 5
STALLED_S = 10
"""A writer that stands still inside its transaction is cut off, or it would hold everybody's lock (G9)."""
ANSWER_S = 2 * STALLED_S
"""A database that says nothing for so long is as good as gone: everything waits for it, and nobody would know why.
It is twice what anybody waits for the lock."""
ADDED: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S, "application_name": "distribution",
    "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 1000 * STALLED_S,
}  # fmt: skip
"""A machine that vanishes closes no connection. Linux would find out after a quarter of an hour, or two (F22)."""
SESSION = f"-c synchronous_commit=on -c idle_in_transaction_session_timeout={STALLED_S}s"
MAKING_TABLES = 4_021_980
"""The advisory lock under which tables are made, so that two migrations at once are one after the other."""


class StoreUnreachable(StoreError):
    """The database does not answer, or hung up: nothing is known to be written that was not answered."""


def conninfo(url: str, **more: Any) -> str:
    """The address as it was given, with what the house adds where nothing is said."""
    given: dict[str, Any] = dict(psycopg.conninfo.conninfo_to_dict(url))
    return psycopg.conninfo.make_conninfo(**{**ADDED, **given, **more})


def connect(url: str, *, patience_s: float | None = None, **options: Any) -> Connection:
    """Whoever waits longer for an answer than `patience_s` is told that the database is gone; without, nobody is."""
    try:
        asked = psycopg.conninfo.conninfo_to_dict(url).get("options") or ""
        given = conninfo(url, options=f"{asked} {SESSION}".strip())
        db = StraightConnection.connect(given, autocommit=True, **options)
    except psycopg.Error as error:
        raise StoreUnreachable(f"the database cannot be reached: {error}") from error
    db.patience_s = patience_s
    return db


def server_of(db: Connection) -> dict[str, Any]:
    """Which server this is and how often one of its line was promoted; nothing where it does not tell."""
    try:
        with db.transaction():
            row = db.execute(
                "SELECT system_identifier, CASE WHEN pg_is_in_recovery() THEN NULL"
                " ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END"
                " FROM pg_control_system()"
            ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        row = None
    return {"server": str(row[0]), "timeline": row[1]} if row else {}


def link_of(before: Head, stored: Sequence[StoredEvent], positions: Sequence[int]) -> Put | None:
    if not stored:
        return None
    facts = ((str(each.originator_id), each.originator_version, position, each.topic, each.state)
             for each, position in zip(stored, positions, strict=True))  # fmt: skip
    return link_row(positions[-1], linked(before.hash, facts))


class OneConnection(PostgresDatastore):
    """The library's datastore with connections of the house's own making, so that the whole address counts."""

    def __init__(self, url: str, schema: str) -> None:
        super().__init__("", "", "", "", "", schema=schema, originator_id_type="text", lock_timeout=STALLED_S)
        self._url = url

    @contextmanager
    def get_connection(self) -> Iterator[Connection]:
        with connect(self._url, row_factory=dict_row) as connection:
            yield connection


class PostgresRecorder(PostgresApplicationRecorder):
    """The library's recorder, whose inserts are four arrays in one statement, under a lock the store has taken."""

    def __init__(self, url: str) -> None:
        with connect(url) as db:
            row = db.execute("SELECT current_schema()").fetchone()
        if row is None or row[0] is None:
            raise StoreError("the search_path of this database names no schema that exists; create it first")
        self.schema: str = row[0]
        super().__init__(OneConnection(url, self.schema))
        names = {"table": Identifier(self.schema, self.events_table_name)}
        self.insert = SQL(
            "INSERT INTO {table} (originator_id, originator_version, topic, state)"
            " SELECT * FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[]) RETURNING notification_id"
        ).format(**names)
        # One round trip for everything any caller relies on: last versions, epochs, checkpoints, last time and
        # link, and which life of the log it is.
        self.seen = SQL(
            "SELECT 'stream', name, last.originator_version, NULL::bytea FROM unnest(%s::text[]) AS asked (name),"
            " LATERAL (SELECT originator_version FROM {table} WHERE originator_id = name"
            " ORDER BY originator_version DESC LIMIT 1) AS last"
            " UNION ALL SELECT 'line', connection, COALESCE(epoch, 0), NULL FROM line WHERE connection = ANY(%s)"
            " UNION ALL SELECT 'service', service, position, NULL FROM checkpoint WHERE service = ANY(%s)"
            " UNION ALL (SELECT 'last', '', notification_id, substring(state FROM 1 FOR 64) FROM {table}"
            " ORDER BY notification_id DESC LIMIT 1)"
            " UNION ALL (SELECT 'chain', '', position, hash FROM chain ORDER BY position DESC LIMIT 1)"
            " UNION ALL SELECT 'life', body, 0, NULL FROM house WHERE name = 'incarnation'"
        ).format(**names)
        chosen = "SELECT originator_id, originator_version, notification_id, topic, state FROM {table}"
        self.between = SQL(
            chosen + " WHERE originator_id = %s AND originator_version > %s AND originator_version <= %s"
            " ORDER BY originator_version"
        ).format(**names)
        self.of_streams = SQL(
            chosen + " WHERE originator_id = ANY(%s) ORDER BY originator_id, originator_version"
        ).format(**names)
        self.above = SQL(chosen + " WHERE notification_id > %s ORDER BY notification_id LIMIT %s").format(**names)
        self.above_without = SQL(
            "WITH page AS ({page}) SELECT * FROM page WHERE topic <> ALL (%s)"
            " OR notification_id = (SELECT max(notification_id) FROM page) ORDER BY notification_id"
        ).format(page=self.above)

    def insert_into(self, db: Connection, stored: Sequence[StoredEvent]) -> psycopg.Cursor[Any]:
        columns: tuple[Callable[[StoredEvent], Any], ...] = (
            lambda each: each.originator_id,
            lambda each: each.originator_version,
            lambda each: each.topic,
            lambda each: each.state,
        )
        return db.execute(self.insert, [[column(each) for each in stored] for column in columns])

    def lines(self, db: Connection, after: int, limit: int, without: Topics = ()) -> list[Line]:
        """A page of the log, as it stands there."""
        query, asked = self.above, (after, limit)
        if without:
            query, asked = self.above_without, (after, limit, list(without))
        return [Line(*row) for row in db.execute(query, asked, binary=True)]

    def migrate(self) -> None:
        """Make every table that is not there yet; doing so again changes nothing."""
        with connect(self.datastore._url) as db:  # type: ignore[attr-defined]
            db.execute("SELECT pg_advisory_lock(%s)", (MAKING_TABLES,))
            self.create_table()
            with db.transaction():
                for table in TABLES:
                    for statement in rows_sql.create(table, POSTGRES):
                        db.execute(statement)  # type: ignore[arg-type]
                found = self._schema_in(db)
                if found not in (None, SCHEMA):
                    raise of_another_schema(found)
                for row in (Put(HOUSE, {"name": "schema", "body": str(SCHEMA)}), incarnation_row(**server_of(db))):
                    db.execute(*rows_sql.write(row, POSTGRES))  # type: ignore[arg-type]
                for table in FOR_EVER:
                    self._protect(db, table)

    def _protect(self, db: Connection, table: str) -> None:
        """The lock asks for the right to update, so that one cannot be revoked; a trigger refuses instead (I5)."""
        names = {"table": Identifier(self.schema, table), "trigger": Identifier(f"{table}_never_changed"),
                 "function": Identifier(self.schema, "never_changed")}  # fmt: skip
        there = "SELECT 1 FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass"
        if db.execute(there, (f"{table}_never_changed", f'"{self.schema}"."{table}"')).fetchone():
            return
        db.execute(SQL(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION '%: what was written is never changed', TG_TABLE_NAME; END $$"
        ).format(**names))  # fmt: skip
        db.execute(SQL(
            "CREATE TRIGGER {trigger} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        ).format(**names))  # fmt: skip

    def _schema_in(self, db: Connection) -> int | None:
        statement, values = rows_sql.select(Pick(HOUSE, {"name": "schema"}), POSTGRES)
        row = db.execute(statement, values).fetchone()  # type: ignore[arg-type]
        return int(row[1]) if row else None

    def prove(self, db: Connection) -> None:
        """D16: what the house relies on, asked of the server itself; whatever is wrong is named with its mend."""
        for setting in ("fsync", "full_page_writes"):
            if db.execute(SQL("SHOW {}").format(Identifier(setting))).fetchone() != ("on",):
                raise StoreError(f"PostgreSQL runs with {setting} off and would lose what it has confirmed: turn it on")
        there = db.cursor(row_factory=tuple_row).execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s", (self.schema,)
        )
        found = set(there.fetchall())
        needed = {(table.name, column) for table in TABLES for column in table.columns}
        needed |= {(self.events_table_name, "notification_id")}
        if (self.events_table_name, "notification_id") in found and self._schema_in(db) not in (None, SCHEMA):
            raise of_another_schema(self._schema_in(db))
        if missing := sorted(f"{table}.{column}" for table, column in needed - found):
            raise SchemaDiffers(f"the tables lack {', '.join(missing[:3])}: run `distribution migrate`")
        if (schema := self._schema_in(db)) != SCHEMA:
            raise of_another_schema(schema)
