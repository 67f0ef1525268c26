"""Bare intake: fetch, validate, one executemany of events and one of due rows in a transaction, acknowledge."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import nats
from pydantic import BaseModel

from tests.bench.limits.nats import a_server, queued


class Post(BaseModel):
    post: str
    account: str
    channel: str
    connection: str | None = None
    bucket: str | None = None
    campaign: str | None = None
    title: str | None = None
    text: str
    link: str | None = None
    media: tuple[dict[str, str], ...] = ()
    not_before: datetime | None = None
    exactly_at: datetime | None = None


class Message(BaseModel):
    specversion: str
    id: str
    source: str
    type: str
    data: Post


async def takes(place: Path, bodies: Sequence[bytes], size: int) -> float:
    """Messages a second, `size` in a batch."""
    db = sqlite3.connect(place / "bare.db", isolation_level=None)
    db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
    db.execute("CREATE TABLE log (stream TEXT, version INTEGER, topic TEXT, state BLOB, PRIMARY KEY (stream, version))")
    db.execute("CREATE TABLE due (name TEXT PRIMARY KEY, due_at INTEGER)")
    db.execute("CREATE INDEX due_by_time ON due (due_at)")
    async with a_server(place) as address:
        client = await nats.connect(address)
        js = await queued(client, bodies)
        pulling = await js.pull_subscribe("production.post_approved", durable="bare")
        started, taken = time.perf_counter(), 0
        while taken < len(bodies):
            messages = await pulling.fetch(size, timeout=5)
            posts = [Message.model_validate_json(each.data).data for each in messages]
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO log VALUES (?, 1, 't', ?)",
                           [(f"post-{post.account}.{post.post}", message.data)
                            for post, message in zip(posts, messages, strict=True)])  # fmt: skip
            db.executemany("INSERT INTO due VALUES (?, ?)", [(f"{post.account}.{post.post}", 1) for post in posts])
            db.execute("COMMIT")
            for each in messages:
                await each.ack()
            taken += len(messages)
        await client.flush()
        rate = taken / (time.perf_counter() - started)
        await client.close()
    db.close()
    return rate
