"""Bare SQLite: WAL, synchronous=FULL, a table as the log's; one commit an event, and one executemany a batch."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

STATE = b"x" * 416


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE log (stream TEXT, version INTEGER, topic TEXT, state BLOB, PRIMARY KEY (stream, version))")
    return db


def one_by_one(path: Path, count: int) -> float:
    """Events a second, each in a transaction of its own."""
    db = _open(path)
    started = time.perf_counter()
    for number in range(count):
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO log VALUES (?,?,?,?)", (f"post-acme.{number}", 1, "t", STATE))
        db.execute("COMMIT")
    rate = count / (time.perf_counter() - started)
    db.close()
    return rate


def batches(path: Path, count: int, size: int) -> float:
    """Events a second, `size` in a transaction by executemany."""
    db = _open(path)
    started = time.perf_counter()
    for first in range(0, count, size):
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT INTO log VALUES (?,?,?,?)",
            [(f"post-acme.{number}", 1, "t", STATE) for number in range(first, first + size)],
        )
        db.execute("COMMIT")
    rate = count / (time.perf_counter() - started)
    db.close()
    return rate
