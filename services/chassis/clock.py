"""Time as an argument: one `Clock` in the shell; pure code is handed an instant (D7).

`now` is for meaning: slots, waits, tokens, recorded times. `elapsed` is for liveness: leases, the one-second look,
waits for an answer; it is monotonic and unscaled, except where a whole system runs in one process on stepped time.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

DRIFT_MAX = timedelta(seconds=5)
"""I22: past this difference between wall and house no new attempt starts until somebody accepts the wall."""
SPEED_MAX = 100
LONGEST_NAP_SECONDS = 3600.0


class Clock(Protocol):
    def now(self) -> datetime:
        """House time, aware, in UTC."""
        ...

    def elapsed(self) -> float:
        """Monotonic seconds since some moment."""
        ...

    def seconds_to(self, moment: datetime) -> float:
        """Real seconds until house time reaches it, negative when it has; infinite where time stands still."""
        ...

    async def wait(self, until: datetime | None, *wakes: asyncio.Event) -> None:
        """Until house time reaches `until` (None: for ever) or one of `wakes` is set."""
        ...

    async def nap(self, seconds: float, *wakes: asyncio.Event) -> None:
        """`seconds` of `elapsed`, or until one of `wakes` is set."""
        ...


def still_wanted() -> None:
    """Raises `CancelledError` in a task that was cancelled and goes on all the same.

    Python 3.11's `wait_for`, which nats-py asks everything with, forgets a cancellation that comes together with its
    answer; whoever works in a loop would then never end, and neither would whoever waits for that end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _first_of(seconds: float | None, wakes: tuple[asyncio.Event, ...]) -> None:
    still_wanted()
    if any(wake.is_set() for wake in wakes):
        return
    if len(wakes) == 1:  # which is nearly always, and needs no task to wait in
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await wakes[0].wait()
        return
    waiting = [asyncio.ensure_future(wake.wait()) for wake in wakes]
    try:
        if waiting:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        elif seconds is not None:
            await asyncio.sleep(seconds)
        else:
            await asyncio.get_running_loop().create_future()
    finally:
        for task in waiting:
            task.cancel()


class ScaledClock:
    """House time runs `speed` times as fast as the monotonic clock, from `origin` at house time `start`.

    `origin` is a wall time kept with the log, so restarts and other processes agree on what time it is.
    """

    def __init__(
        self,
        speed: float = 1.0,
        *,
        start: datetime | None = None,
        origin: datetime | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < speed <= SPEED_MAX:
            raise ValueError(f"a clock cannot run at {speed} times real speed; choose more than 0, at most {SPEED_MAX}")
        self._wall, self._monotonic, self._speed = wall, monotonic, speed
        self._start = start or wall()
        self._origin = origin or wall()
        self.accept()

    def accept(self) -> None:
        """Set the house by the wall again, as at a start; an operator's answer to a jump."""
        self._wall_at_start, self._monotonic_at_start = self._wall(), self._monotonic()
        self._house_at_start = self._start + (self._wall_at_start - self._origin) * self._speed

    def _wall_by_house(self) -> datetime:
        """Wall time at our start, advanced by the monotonic clock: what the wall should show."""
        return self._wall_at_start + timedelta(seconds=self._monotonic() - self._monotonic_at_start)

    def now(self) -> datetime:
        # Asked some twenty times a post: seconds by their place take half as long as seconds by their name.
        return self._house_at_start + timedelta(0, (self._monotonic() - self._monotonic_at_start) * self._speed)

    def walls(self) -> tuple[datetime, datetime]:
        """What the wall shows, and what the house takes it to be."""
        return self._wall(), self._wall_by_house()

    def drift(self) -> timedelta:
        """How far the wall has parted from the house: a jump or a freeze of the wall clock."""
        shown, taken = self.walls()
        return shown - taken

    @property
    def parted(self) -> bool:
        return abs(self.drift()) > DRIFT_MAX

    def elapsed(self) -> float:
        return self._monotonic()

    def seconds_to(self, moment: datetime) -> float:
        return (moment - self.now()).total_seconds() / self._speed

    async def wait(self, until: datetime | None, *wakes: asyncio.Event) -> None:
        while not any(wake.is_set() for wake in wakes):
            left = None if until is None else self.seconds_to(until)
            if left is not None and left <= 0:
                return
            await _first_of(LONGEST_NAP_SECONDS if left is None else min(left, LONGEST_NAP_SECONDS), wakes)

    async def nap(self, seconds: float, *wakes: asyncio.Event) -> None:
        await _first_of(seconds, wakes)


def parted(clock: object) -> bool:
    """Only a clock that is led by the wall can part from it."""
    return bool(getattr(clock, "parted", False))


class RealClock(ScaledClock):
    """House time is the wall's at start, advanced by the monotonic clock."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        super().__init__(1.0, start=now, origin=now)


class SteppingClock:
    """Stands still until somebody steps it; a week in a minute, and twice the same.

    In the simulation `elapsed` steps along; in the demo it is real, because NATS and sockets are. `turn_real` lets it
    run on from where it stands, for a demo that is kept.
    """

    def __init__(self, start: datetime, *, elapsed: Callable[[], float] | None = None) -> None:
        self._now, self._start = start, start
        self._elapsed = elapsed
        self._order = itertools.count()
        self._waiters: list[tuple[datetime, int, asyncio.Event]] = []
        self._running: ScaledClock | None = None

    def now(self) -> datetime:
        return self._running.now() if self._running else self._now

    def elapsed(self) -> float:
        return self._elapsed() if self._elapsed else (self._now - self._start).total_seconds()

    def seconds_to(self, moment: datetime) -> float:
        if self._running:
            return self._running.seconds_to(moment)
        return math.inf if moment > self._now else -math.inf

    def step_to(self, moment: datetime) -> None:
        """Never back; everybody whose instant has come is woken."""
        self._now = max(self._now, moment)
        while self._waiters and self._waiters[0][0] <= self._now:
            heapq.heappop(self._waiters)[2].set()

    def turn_real(self) -> None:
        """From here on as fast as the wall; whoever waits is woken to wait anew."""
        self._running = ScaledClock(start=self._now)
        for _, _, come in self._waiters:
            come.set()
        self._waiters.clear()

    async def wait(self, until: datetime | None, *wakes: asyncio.Event) -> None:
        if self._running:
            return await self._running.wait(until, *wakes)
        if until is not None and until <= self._now:
            return
        waiter = (until or datetime.max.replace(tzinfo=UTC), next(self._order), asyncio.Event())
        heapq.heappush(self._waiters, waiter)
        try:
            await _first_of(None, (waiter[2], *wakes))
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                heapq.heapify(self._waiters)

    async def nap(self, seconds: float, *wakes: asyncio.Event) -> None:
        if self._elapsed:
            await _first_of(seconds, wakes)
        else:
            await self.wait(self._now + timedelta(seconds=seconds), *wakes)
