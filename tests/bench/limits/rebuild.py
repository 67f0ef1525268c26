"""Bare reading: pages of the log by key, and each state decoded by orjson."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import orjson


def reads(path: Path, size: int) -> float:
    """Facts a second."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    started, after, count = time.perf_counter(), 0, 0
    query = "SELECT rowid, originator_id, topic, state FROM stored_events WHERE rowid > ? ORDER BY rowid LIMIT ?"
    while page := db.execute(query, (after, size)).fetchall():
        for _, _, _, state in page:
            orjson.loads(state)
        after, count = page[-1][0], count + len(page)
    rate = count / (time.perf_counter() - started)
    db.close()
    return rate
