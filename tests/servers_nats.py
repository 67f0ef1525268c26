"""The real broker in a temporary folder on a free port, and a client beside ours that looks at it as anyone could."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import nats
import orjson
from nats.aio.client import Client

from services.chassis.broker import Broker
from services.chassis.topology import Topology

PATIENCE_S = 20.0
LOOK_EVERY_S = 0.005


@contextlib.asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[Broker]:
    async with Broker(folder / "nats", port=0) as running:
        yield running


@contextlib.asynccontextmanager
async def client_of(running: Broker) -> AsyncIterator[Client]:
    client = await nats.connect(running.url, max_reconnect_attempts=-1, reconnect_time_wait=0, error_cb=_silent)  # type: ignore[arg-type]
    try:
        yield client
    finally:
        await client.close()


async def _silent(_: Exception) -> None:
    """A client that stays through the broker's death has nothing to say about it."""


async def until(said: Callable[[], object], *, what: str) -> None:
    """Wait for a condition that rings no bell; `what` is said when it does not come."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := said()) or (isinstance(found, Awaitable) and not await found):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise AssertionError(f"waited {PATIENCE_S:.0f} s in vain until {what}") from None


def kill(running: Broker) -> None:
    """Between two instructions of its own, as a power cut does."""
    assert running.pid is not None
    os.kill(running.pid, signal.SIGKILL)


async def wipe(running: Broker, folder: Path) -> None:
    """Its disk is lost while it is dead, and it comes back by itself."""
    before = running.restarts
    assert running.pid is not None
    os.kill(running.pid, signal.SIGSTOP)
    shutil.rmtree(folder / "nats" / "store", ignore_errors=True)
    kill(running)
    await until(lambda: running.restarts > before, what="the broker is back")


async def ready(client: Client) -> Client:
    await Topology(client).apply()
    return client


async def everything(client: Client, stream: str, subject: str = ">") -> list[dict]:
    """Every message of a stream, in its order, as JSON."""
    js = client.jetstream()
    info = await js.stream_info(stream)
    found = []
    for sequence in range(info.state.first_seq, info.state.last_seq + 1):
        with contextlib.suppress(nats.js.errors.NotFoundError):
            message = await js.get_msg(stream, sequence)
            found.append(orjson.loads(message.data or b"null"))
    return found
