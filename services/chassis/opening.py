"""One address, one store: `sqlite:///path` or `postgresql://…`. PostgreSQL's tables are made by `migrate` alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from services.chassis.recorder_postgres import PostgresRecorder
from services.chassis.store import Store, StoreError
from services.chassis.store_postgres import PostgresStore
from services.chassis.store_sqlite import SqliteRecorder, SqliteStore

SQLITE_SCHEME = "sqlite:///"
POSTGRES_SCHEMES = ("postgresql://", "postgres://")


class AddressUnknown(StoreError):
    """The address names no database the house can keep its log in."""


def open_store(database_url: str, now: Callable[[], datetime]) -> Store:
    """The store at this address, proven: it refuses with a `StoreError` that names the mend (D16)."""
    if is_postgres(database_url):
        return PostgresStore(database_url, now)
    return SqliteStore(_path(database_url), now)


def migrate(database_url: str) -> None:
    """Make the tables that are not there yet; doing so again changes nothing."""
    if is_postgres(database_url):
        PostgresRecorder(database_url).migrate()
        return
    path = _path(database_url)
    path.parent.mkdir(parents=True, exist_ok=True)
    recorder = SqliteRecorder(path)
    try:
        recorder.prepare()
    finally:
        recorder.close()


def is_postgres(database_url: str) -> bool:
    return database_url.startswith(POSTGRES_SCHEMES)


def _path(database_url: str) -> Path:
    path = database_url.removeprefix(SQLITE_SCHEME)
    if path == database_url or not path:
        raise AddressUnknown(
            f"{database_url} is no address of a log: write sqlite:///path/to/log.db or postgresql://user@host/name"
        )
    return Path(path)
