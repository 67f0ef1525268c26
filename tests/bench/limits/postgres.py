"""Bare PostgreSQL: binary COPY of one batch a transaction into a table as the log's."""

from __future__ import annotations

import time

import psycopg

STATE = b"x" * 416


def copies(address: str, count: int, size: int) -> float:
    """Events a second, `size` in a COPY and a commit."""
    with psycopg.connect(address, autocommit=True) as db:
        db.execute(
            "CREATE TABLE bare_log (id BIGSERIAL, stream TEXT, version BIGINT, topic TEXT, state BYTEA,"
            " PRIMARY KEY (stream, version))"
        )
        db.execute("CREATE UNIQUE INDEX ON bare_log (id)")
        started = time.perf_counter()
        for first in range(0, count, size):
            with (
                db.transaction(),
                db.cursor() as cursor,
                cursor.copy("COPY bare_log (stream, version, topic, state) FROM STDIN (FORMAT BINARY)") as copy,
            ):
                copy.set_types(["text", "int8", "text", "bytea"])
                for number in range(first, first + size):
                    copy.write_row((f"post-acme.{number}", 1, "t", STATE))
        return count / (time.perf_counter() - started)
