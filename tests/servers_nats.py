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

from events.subjects import ALL_OF
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


class Proxy:
    """A wire between ours and the broker. `deaf`: nothing comes back; `mute`: nothing gets there; `cut`: it breaks."""

    def __init__(self, running: Broker) -> None:
        self._port = int(running.url.rpartition(":")[2])
        self._wires: set[asyncio.StreamWriter] = set()
        self.deaf = self.mute = False
        self.url = ""

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        for wire in self._wires:
            wire.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        wires = {writer, there_writer}
        self._wires |= wires
        with contextlib.suppress(OSError):
            await asyncio.gather(
                self._pass(reader, there_writer, lambda: self.mute), self._pass(there_reader, writer, lambda: self.deaf)
            )
        self._wires -= wires

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: Callable[[], bool]) -> None:
        while some := await reader.read(65536):
            if not lost():
                writer.write(some)
                await writer.drain()
        writer.transport.abort()


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


async def everything(client: Client, stream: str) -> list[dict]:
    """Every message of a stream, in its order, as JSON."""
    js = client.jetstream()
    state = (await js.stream_info(stream)).state
    if not state.messages:
        return []
    reading = await js.subscribe(ALL_OF[stream], stream=stream, ordered_consumer=True)
    found = [orjson.loads((await reading.next_msg(PATIENCE_S)).data) for _ in range(state.messages)]
    await reading.unsubscribe()
    return found
