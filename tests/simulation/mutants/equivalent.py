"""Mutants that no fortnight can find, because all goes the same with them there; each with the reason, in words."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    "SqliteStore._commit_all: dropped statement, without raise": "a fortnight's disk is full before SQLite is asked; "
    "tests/chassis/test_store.py and test_full_disk.py have SQLite itself refuse, and see it",
}
