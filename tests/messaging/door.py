"""A stand-in for the scheduler's intake, and the edge running in front of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from services.chassis.clock import RealClock
from services.scheduler.edge import Edge
from services.scheduler.intake import Arrived
from tests.servers_nats import until


class Door:
    """`taken` is what was taken in, in order; `calls` the batches it was offered, and when (seconds).

    `before` may raise, or wait, before a batch is taken.
    """

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.calls: list[tuple[float, list[bytes]]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.before: Callable[[list[bytes]], None] = lambda bodies: None

    async def take(self, arrived: Sequence[Arrived]) -> None:
        bodies = [each.body for each in arrived]
        self.calls.append((asyncio.get_running_loop().time(), bodies))
        await self.open.wait()
        self.before(bodies)
        self.taken += bodies


@contextlib.asynccontextmanager
async def edging(address: str, door, *, log: str | None = "ours") -> AsyncIterator[Edge]:
    async def origin() -> str | None:
        return log

    edge = Edge(address, door, clock=RealClock(), origin=origin)
    running = asyncio.create_task(edge.run())
    try:
        yield edge
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def working(edge: Edge) -> None:
    await until(lambda: edge.trouble is None, what="the edge is at work")


async def idle(edge: Edge) -> None:
    """Nothing of Production's is waiting or in hand."""

    async def quiet() -> bool:
        return await edge.in_flight() is None

    await until(quiet, what="all of Production's messages are acknowledged")
