"""Reads along with the log for metrics and traces: it writes nothing, nobody waits for it, and nothing stops by it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

import structlog

from events import Told
from events.upcasts import UnknownShape
from services.chassis.bells import FACTS, BelledStore
from services.chassis.clock import Clock
from services.chassis.store import StoreError
from services.chassis.telemetry import Metrics

PAGE: Final = 500
LOOK_EVERY_S: Final = 1.0
"""The fallback when no bell rings (D1), and the rest while the log is away."""
REST_S: Final = 0.25
"""After a page: nobody waits for the next one, and a fuller one costs little more."""

Hear = Callable[[Told], None]
log = structlog.get_logger("instruments")


class Instruments:
    """A part of the process that serves `/metrics`: each of `hear` is told every fact appended while it runs."""

    def __init__(self, store: BelledStore, *, clock: Clock, hear: Sequence[Hear]) -> None:
        self._store, self._clock, self._hear = store, clock, hear
        self._bell = store.bell(FACTS)
        self._position: int | None = None

    async def run(self) -> None:
        while True:
            self._bell.clear()
            await self.read_on()
            await self._clock.nap(REST_S)
            await self._clock.nap(LOOK_EVERY_S, self._bell)

    async def in_flight(self) -> str | None:
        return None

    async def read_on(self) -> None:
        """To the end of the log. While it is away, or speaks of what only a newer release knows, others say so."""
        with contextlib.suppress(StoreError, OSError, UnknownShape):
            await self._read_on()

    async def _read_on(self) -> None:
        """From where the log ended when this began."""
        if self._position is None:
            self._position = await self._store.position()
        while page := await self._store.tail(self._position, PAGE):
            self._position = page[-1].position
            for hear in self._hear:
                self._tell(hear, page)

    def _tell(self, hear: Hear, page: Sequence[Told]) -> None:
        try:
            for told in page:
                hear(told)
        except Exception as broken:
            log.error("an instrument missed some facts", after=page[0].position, error=str(broken))


def instruments(
    store: BelledStore, metrics: Metrics, *, clock: Clock, traces: str | None, stack: AsyncExitStack
) -> Instruments:
    """Of this process; `traces` is the address of a collector, which whoever has none never pays for."""
    hear = [metrics.heard]
    if traces:
        from services.chassis.traces import traces_to

        told = traces_to(traces)
        stack.callback(told.close)
        hear.append(told.heard)
    along = Instruments(store, clock=clock, hear=hear)
    stack.push_async_callback(along.read_on)  # what was said last is told before anything closes
    return along
