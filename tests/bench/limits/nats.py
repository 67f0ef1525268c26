"""Bare NATS: a server of the wheel with `sync_interval: always`, and atomic batches made by hand with nats-py."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import nats
from nats.js.api import StreamConfig

BODY = b"x" * 621


async def atomic_batches(place: Path, count: int, size: int) -> float:
    """Messages a second, `size` in an atomic batch, one batch after the other, their bodies made beforehand."""
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
        client = await nats.connect(json.loads(told.read_text())["nats"][0])
        await client.jetstream().add_stream(StreamConfig(name="FEED", subjects=["feed.>"], allow_atomic=True))
        started = time.perf_counter()
        for number in range(count // size):
            await _batch(client, str(number), size)
        rate = count // size * size / (time.perf_counter() - started)
        await client.close()
        return rate
    finally:
        server.terminate()
        await server.wait()


async def _batch(client: nats.NATS, batch: str, size: int) -> None:
    for number in range(1, size):
        await client.publish("feed.a", BODY, headers={"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)})
    last = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(size), "Nats-Batch-Commit": "1"}
    answer = json.loads((await client.request("feed.a", BODY, headers=last, timeout=10)).data)
    if answer.get("count") != size:
        raise RuntimeError(f"the batch was answered with {answer}")
