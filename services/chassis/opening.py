"""One address, one store: `sqlite:///path` or `postgresql://…`. PostgreSQL's tables are made by `migrate` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from services.chassis.codec import Line
from services.chassis.recorder_postgres import ANSWER_S, PostgresRecorder, connect
from services.chassis.recorder_sqlite import SCHEMA, SqliteRecorder, lines_in, locked, of_another_schema, read_only_file
from services.chassis.store import Store, StoreError, Topics
from services.chassis.store_postgres import PostgresStore
from services.chassis.store_sqlite import SqliteStore

SQLITE_SCHEME = "sqlite:///"
POSTGRES_SCHEMES = ("postgresql://", "postgres://")


class AddressUnknown(StoreError):
    """The address names no database the house can keep its log in."""


def open_store(database_url: str, now: Callable[[], datetime]) -> Store:
    """The store at this address, proven: it refuses with a `StoreError` that names the mend (D16)."""
    if is_postgres(database_url):
        return PostgresStore(database_url, now)
    return SqliteStore(path_of(database_url), now)


def migrate(database_url: str) -> None:
    """Make the tables that are not there yet; doing so again changes nothing."""
    if is_postgres(database_url):
        PostgresRecorder(database_url).migrate()
        return
    path = path_of(database_url)
    with locked(path):
        recorder = SqliteRecorder(path)
        try:
            recorder.prepare()
        finally:
            recorder.close()


def examine_store(database_url: str) -> Sequence[str]:
    """What can be said of the log at this address without opening it for writing; raises what an opening would."""
    if is_postgres(database_url):
        with connect(database_url) as db:
            PostgresRecorder(database_url).prove(db)
        return ["it answers, flushes every commit, and its tables are of this release"]
    path = path_of(database_url)
    if not path.exists():
        return [f"no log yet at {path}; the first start makes it"]
    with closing(read_only_file(path)) as db:
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found != SCHEMA:
            raise of_another_schema(found)
        facts = db.execute("SELECT COALESCE(MAX(rowid), 0) FROM stored_events").fetchone()[0]
    return [f"{facts} facts in {path}, in tables of this release"]


Pages = Callable[[int, int, Topics], Sequence[Line]]
"""Above a position, so many facts at most, without some topics: as `Store.lines` tells them."""


@contextmanager
def read_only(database_url: str) -> Iterator[Pages]:
    """The log at this address, for a process beside the one that has it open. It cannot write, so it never gets into
    the way of the one writer SQLite may have (F20)."""
    if is_postgres(database_url):
        with connect(database_url, patience_s=ANSWER_S) as server:
            yield partial(PostgresRecorder(database_url).lines, server)
    else:
        with closing(read_only_file(path_of(database_url))) as file:
            yield partial(lines_in, file)


def is_postgres(database_url: str) -> bool:
    return database_url.startswith(POSTGRES_SCHEMES)


def path_of(database_url: str) -> Path:
    path = database_url.removeprefix(SQLITE_SCHEME)
    if path == database_url or not path:
        raise AddressUnknown(
            f"{database_url} is no address of a log: write sqlite:///path/to/log.db or postgresql://user@host/name"
        )
    return Path(path)
