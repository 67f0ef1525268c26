"""The log and the views of a running house, read from outside without touching them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

OUTCOMES = {"post_published", "post_failed", "attempt_failed", "attempt_unclear", "rate_limited", "credential_refused"}
"""What an attempt comes to, once it has come to something."""


@dataclass(frozen=True, slots=True)
class Said:
    position: int
    service: str
    name: str
    story: str
    data: dict[str, Any]


FACTS = "SELECT rowid, topic, state FROM stored_events WHERE rowid > ? ORDER BY rowid"
HEAD = "SELECT COALESCE(MAX(rowid), 0) FROM stored_events"


class Logbook:
    def __init__(self, data: Path) -> None:
        self._path = data / "log.db"

    def facts(self, after: int = 0) -> list[Said]:
        return [_said(*row) for row in self._asked(FACTS, after)]

    @property
    def head(self) -> int:
        return self._asked(HEAD)[0][0]

    def open_attempts(self) -> dict[str, Said]:
        """By story: attempts that have started and have come to nothing yet."""
        found: dict[str, Said] = {}
        for fact in self.facts():
            if fact.name == "attempt_started":
                found[fact.story] = fact
            elif fact.name in OUTCOMES:
                found.pop(fact.story, None)
        return found

    def _asked(self, query: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=30)) as db:
            return db.execute(query, values).fetchall()


class ServersLogbook(Logbook):
    """The same of a log on PostgreSQL."""

    def __init__(self, database: str) -> None:
        self._database = database

    def _asked(self, query: str, *values: Any) -> list[Any]:
        there = query.replace("rowid", "notification_id").replace("?", "%s")
        with psycopg.connect(self._database) as db:
            return db.execute(there, values).fetchall()  # type: ignore[arg-type]


def _said(position: int, topic: str, state: bytes) -> Said:
    told = json.loads(state)
    service, name = topic.split(".")[:2]
    return Said(position, service, name, told["story"], told["fact"])


def hashes_of_views(data: Path) -> dict[str, str]:
    """Every row of every view, by the view's name."""
    with closing(sqlite3.connect(f"file:{data / 'views.db'}?mode=ro", uri=True, timeout=30)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        views = sorted(name for name in tables if name != "standing" and not name.startswith("shadow_"))
        return {name: hashlib.sha256(repr(sorted(db.execute(f'SELECT * FROM "{name}"'))).encode()).hexdigest()
                for name in views}  # fmt: skip
