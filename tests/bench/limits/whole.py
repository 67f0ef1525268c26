"""The bare skeleton of the whole way: fetch, decode, append with a due row, ack; claim, publish requests in an atomic
batch; fetch, HTTP by httpx over aiohttp, append, ack; project."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import nats
import orjson
from httpx_aiohttp import AiohttpTransport
from nats.js.api import StreamConfig

from tests.bench.limits.nats import a_server, in_a_batch, queued

SCHEMA = """PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE view (name PRIMARY KEY, status, body);
CREATE TABLE log (stream TEXT, version INTEGER, state BLOB, PRIMARY KEY (stream, version));
CREATE TABLE due (name TEXT PRIMARY KEY, at INTEGER); CREATE INDEX due_by_time ON due (at);"""
APPEND = "INSERT INTO log VALUES (?, ?, ?)"
CLAIM = "DELETE FROM due WHERE name IN (SELECT name FROM due WHERE at <= 1 ORDER BY at)"


async def way(place: Path, bodies: Sequence[bytes], channel: str, size: int, in_flight: int) -> float:
    """Posts a second from the first fetch to the last row of the view."""
    db = sqlite3.connect(place / "bare.db", isolation_level="IMMEDIATE")
    db.executescript(SCHEMA)
    transport = AiohttpTransport(limits=httpx.Limits(max_connections=in_flight))
    async with a_server(place) as address, httpx.AsyncClient(transport=transport) as http:
        client = await nats.connect(address)
        js = await queued(client, bodies)
        await js.add_stream(StreamConfig(name="WORK", subjects=["work.>"], allow_atomic=True))
        approved = await js.pull_subscribe("production.post_approved", durable="bare")
        work = await js.pull_subscribe("work.post", durable="work")
        started, done = time.perf_counter(), 0
        while done < len(bodies):
            taken = await approved.fetch(size, timeout=5)
            datas = [orjson.loads(each.data)["data"] for each in taken]
            posts = {f"{each['account']}.{each['post']}": orjson.dumps(each) for each in datas}
            with db:
                db.executemany(APPEND, [(f"post-{name}", 1, body) for name, body in posts.items()])
                db.executemany("INSERT INTO due VALUES (?, 1)", [(name,) for name in posts])
            await asyncio.gather(*(each.ack() for each in taken))
            with db:
                db.execute(CLAIM)
            await in_a_batch(client, "work.post", [each.data for each in taken])
            wanted = await work.fetch(len(taken), timeout=5)
            answers = await asyncio.gather(*(http.post(channel, content=each.data) for each in wanted))
            with db:
                db.executemany(APPEND, [(f"post-{n}", 2, each.content) for n, each in zip(posts, answers, strict=True)])
            await asyncio.gather(*(each.ack() for each in wanted))
            with db:
                db.executemany("INSERT INTO view VALUES (?, 'published', ?)", list(posts.items()))
            done += len(taken)
        rate = done / (time.perf_counter() - started)
        await client.close()
    return rate
