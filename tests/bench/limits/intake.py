"""Bare intake: fetch, validate, executemany of three events and a due row a message in one transaction, acknowledge."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import nats
from pydantic import create_model

from tests.bench.limits.nats import a_server, queued

WORD, MAYBE, TIME = (str, ...), (str | None, None), (datetime | None, None)
Post: Any = create_model("Post", post=WORD, account=WORD, channel=WORD, connection=MAYBE, bucket=MAYBE, campaign=MAYBE,
                         title=MAYBE, text=WORD, link=MAYBE, media=(tuple[dict[str, str], ...], ()), not_before=TIME,
                         exactly_at=TIME)  # fmt: skip
Message: Any = create_model("Message", specversion=WORD, id=WORD, source=WORD, type=WORD, data=(Post, ...))
SCHEMA = """PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
CREATE TABLE log (stream TEXT, version INTEGER, topic TEXT, state BLOB, PRIMARY KEY (stream, version));
CREATE TABLE due (name TEXT PRIMARY KEY, due_at INTEGER); CREATE INDEX due_by_time ON due (due_at);"""
EVENT, APPEND = b"x" * 430, "INSERT INTO log VALUES (?, ?, 't', ?)"


async def takes(place: Path, bodies: Sequence[bytes], size: int) -> float:
    """Messages a second, `size` in a batch."""
    db = sqlite3.connect(place / "bare.db", isolation_level=None)
    db.executescript(SCHEMA)
    async with a_server(place) as address:
        client = await nats.connect(address)
        js = await queued(client, bodies)
        pulling = await js.pull_subscribe("production.post_approved", durable="bare")
        started, taken = time.perf_counter(), 0
        while taken < len(bodies):
            messages = await pulling.fetch(size, timeout=5)
            names = []
            for each in messages:
                post = Message.model_validate_json(each.data).data
                names.append((f"{post.account}.{post.post}", each.data))
            db.execute("BEGIN IMMEDIATE")
            db.executemany(APPEND, [(f"post-{name}", 1, body) for name, body in names])
            db.executemany(APPEND, [(f"post-{name}", 2, EVENT) for name, _ in names])
            db.executemany(APPEND, [(f"day-{name}", 1, EVENT) for name, _ in names])
            db.executemany("INSERT INTO due VALUES (?, 1)", [(name,) for name, _ in names])
            db.execute("COMMIT")
            for each in messages:
                await each.ack()
            taken += len(messages)
        await client.flush()
        rate = taken / (time.perf_counter() - started)
        await client.close()
    db.close()
    return rate
