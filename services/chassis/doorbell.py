"""The doorbell of a service in a process of its own: a copy of a fact on NATS means *something is there* (D1).

Its body is never read. What there is to do is asked of the log, so a copy that is late, lost, doubled or forged costs
a look, and changes nothing (I7).
"""

from __future__ import annotations

import asyncio

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from events.subjects import ALL_OF, DISTRIBUTION
from services.chassis.bells import FACTS, BelledStore
from services.chassis.clock import Clock
from services.chassis.link import again_and_again, over
from services.chassis.rows import TABLES

EVERY_BELL = (FACTS, *(table.name for table in TABLES))
"""Rows are written together with facts, so a fact may have brought any of them."""

log = structlog.get_logger("doorbell")


class Doorbell:
    """A `Part`. `heard` counts the rings, many copies at once being one."""

    def __init__(self, store: BelledStore, address: str, *, clock: Clock) -> None:
        self._store, self._address, self._clock = store, address, clock
        self._copies = asyncio.Event()
        self.heard = 0
        self.trouble: str | None = None

    async def run(self) -> None:
        await again_and_again(
            lambda: over(self._address, "doorbell", self._listen), clock=self._clock, failed=self._failed
        )

    async def in_flight(self) -> str | None:
        return None

    async def _listen(self, client: Client) -> None:
        await client.subscribe(ALL_OF[DISTRIBUTION], cb=self._copy)
        await client.flush()
        self.trouble = None
        self._copies.set()  # what came while nobody listened
        while True:
            await self._copies.wait()
            self._copies.clear()
            self.heard += 1
            self._store.ring(EVERY_BELL)

    async def _copy(self, _: Msg) -> None:
        self._copies.set()

    async def _failed(self, broken: Exception) -> bool:
        was_well, self.trouble = self.trouble is None, str(broken) or type(broken).__name__
        if was_well:
            log.warning("no bell rings from the broker; a look every second goes on", error=self.trouble)
        return was_well
