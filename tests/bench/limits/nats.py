"""Bare NATS: a server of the wheel with `sync_interval: always`, and atomic batches made by hand with nats-py."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

BODY = b"x" * 621


@contextlib.asynccontextmanager
async def a_server(place: Path) -> AsyncIterator[str]:
    """Its address, for as long as it is needed."""
    ports = place / "ports"
    ports.mkdir(parents=True)
    conf = {"listen": "127.0.0.1:-1", "ports_file_dir": str(ports),
            "jetstream": {"store_dir": str(place / "store"), "sync_interval": "always"}}  # fmt: skip
    (place / "nats.conf").write_text(json.dumps(conf))
    command = (str(Path(sys.executable).with_name("nats-server")), "-c", str(place / "nats.conf"))
    server = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        while not (told := next(ports.glob("*.ports"), None)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield json.loads(told.read_text())["nats"][0]
    finally:
        server.terminate()
        await server.wait()


async def atomic_batches(place: Path, count: int, size: int) -> float:
    """Messages a second, `size` in an atomic batch, one batch after the other, their bodies made beforehand."""
    async with a_server(place) as address:
        client = await nats.connect(address)
        await client.jetstream().add_stream(StreamConfig(name="FEED", subjects=["feed.>"], allow_atomic=True))
        bodies = [BODY] * size
        started = time.perf_counter()
        for _ in range(count // size):
            await in_a_batch(client, "feed.a", bodies)
        rate = count // size * size / (time.perf_counter() - started)
        await client.close()
        return rate


async def in_a_batch(client: Client, subject: str, bodies: Sequence[bytes]) -> None:
    batch, size = uuid.uuid4().hex, len(bodies)
    for number, body in enumerate(bodies[:-1], 1):
        await client.publish(subject, body, headers={"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)})
    last = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(size), "Nats-Batch-Commit": "1"}
    answer = json.loads((await client.request(subject, bodies[-1], headers=last, timeout=10)).data)
    if answer.get("count") != size:
        raise RuntimeError(f"the batch was answered with {answer}")


async def queued(client: Client, bodies: Sequence[bytes]) -> JetStreamContext:
    """Production's stream with these messages in it."""
    js = client.jetstream()
    await js.add_stream(StreamConfig(name="PRODUCTION", subjects=["production.>"]))
    for body in bodies[:-1]:
        await client.publish("production.post_approved", body)
    await js.publish("production.post_approved", bodies[-1], timeout=60)
    return js
