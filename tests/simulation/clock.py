"""The stepping clock of a simulated house: as the real one, but waiting costs one future instead of three tasks.

Half of a fortnight is waiting, so this is half of what a seed takes.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import datetime, timedelta

from services.chassis.clock import DRIFT_MAX, SteppingClock


class HouseClock(SteppingClock):
    """`elapsed` steps along with the house; naps are the loop's own timers, so that an idle house is not woken.

    `ahead` is how far the machine's wall has jumped away from it (I22).
    """

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._numbers = itertools.count()
        self._coming: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self.ahead = timedelta()
        self._parted: list[tuple[datetime, datetime | None]] = []
        """From when until when wall and house were more than a little apart."""

    @property
    def parted(self) -> bool:
        return abs(self.ahead) > DRIFT_MAX

    def jump(self, ahead: timedelta) -> None:
        if self.parted:
            self._parted[-1] = (self._parted[-1][0], self._now)
        self.ahead = ahead
        if self.parted:
            self._parted.append((self._now, None))

    def had_parted(self, moment: datetime) -> bool:
        """At the very instant of a jump nobody can say."""
        return any(begins < moment and (ends is None or moment < ends) for begins, ends in self._parted)

    def step_to(self, moment: datetime) -> None:
        self._now = max(self._now, moment)
        while self._coming and self._coming[0][0] <= self._now:
            _come(heapq.heappop(self._coming)[2])

    async def wait(self, until: datetime | None, *wakes: asyncio.Event) -> None:
        if until is not None and until <= self._now:
            return
        coming = asyncio.get_running_loop().create_future()
        if until is not None:
            heapq.heappush(self._coming, (until, next(self._numbers), coming))
        await _first(coming, wakes)

    async def nap(self, seconds: float, *wakes: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        coming = loop.create_future()
        timer = loop.call_later(seconds, _come, coming)
        try:
            await _first(coming, wakes)
        finally:
            timer.cancel()


def _come(coming: asyncio.Future[None]) -> None:
    if not coming.done():
        coming.set_result(None)


async def _first(coming: asyncio.Future[None], wakes: tuple[asyncio.Event, ...]) -> None:
    """Until it comes, or any of these is set: an event wakes whatever future stands in its line."""
    if any(wake.is_set() for wake in wakes):
        return
    for wake in wakes:
        wake._waiters.append(coming)  # type: ignore[attr-defined]
    try:
        await coming
    finally:
        for wake in wakes:
            wake._waiters.remove(coming)  # type: ignore[attr-defined]
