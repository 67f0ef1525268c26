"""Where the world keeps what it must not forget: shelves of small documents, in memory or in `sandbox.db`.

The world holds everything in memory and reads the books once, at its start. What one answer changes is written in
one go before the answer leaves, so a killed sandbox comes back with every effect whose answer could have been seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson


class Books(Protocol):
    def shelf(self, name: str) -> Mapping[str, Any]:
        """Everything on one shelf, in the order it was first kept."""
        ...

    def keep(self, shelf: str, key: str, document: Any) -> None: ...

    def commit(self) -> None:
        """What was kept since the last time stays, whatever happens next."""
        ...

    def close(self) -> None: ...


class MemoryBooks:
    """For the simulation, where the outside world lives exactly as long as its test."""

    def __init__(self) -> None:
        self._shelves: dict[str, dict[str, Any]] = {}

    def shelf(self, name: str) -> Mapping[str, Any]:
        return dict(self._shelves.get(name, {}))

    def keep(self, shelf: str, key: str, document: Any) -> None:
        self._shelves.setdefault(shelf, {})[key] = document

    def commit(self) -> None:
        """Memory has nothing to wait for."""

    def close(self) -> None:
        """Nor anything to close."""


class SqliteBooks:
    """For the process of its own. A write-ahead log outlives a killed process without a sync per answer."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS books (number INTEGER PRIMARY KEY, shelf TEXT NOT NULL, key TEXT NOT NULL,"
            " document BLOB NOT NULL, UNIQUE (shelf, key))"
        )
        self._kept: dict[tuple[str, str], Any] = {}

    def shelf(self, name: str) -> Mapping[str, Any]:
        rows = self._db.execute("SELECT key, document FROM books WHERE shelf = ? ORDER BY number", (name,))
        return {key: orjson.loads(document) for key, document in rows}

    def keep(self, shelf: str, key: str, document: Any) -> None:
        self._kept[shelf, key] = document

    def commit(self) -> None:
        if not self._kept:
            return
        rows = [(shelf, key, orjson.dumps(document)) for (shelf, key), document in self._kept.items()]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT INTO books (shelf, key, document) VALUES (?, ?, ?)"
            " ON CONFLICT (shelf, key) DO UPDATE SET document = excluded.document",
            rows,
        )
        self._db.execute("COMMIT")
        self._kept.clear()

    def close(self) -> None:
        self._db.close()
