"""Who is active: one holder per name, for as long as it says so. Epochs only rise.

    free -> held (10 s) -> held (renewed every 3 s) -> ... -> lost (not renewed in time) or given back

A lease spares others the work; it never makes work safe. What must not happen twice is guarded where it is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from services.chassis.bells import BelledStore
from services.chassis.clock import Clock
from services.chassis.rows import ALARM, LEASE, LINE, LOOKING, Change, Claim, Pick, Put, Write
from services.chassis.store import Append, Store, StoreError

LEASE_LIFE: Final = timedelta(seconds=10)
RENEW_EVERY_S: Final = 3.0
LOOK_EVERY_S: Final = 1.0
LEAST_NAP_S: Final = 0.1

log = structlog.get_logger("leases")


class Lease:
    """One name, one holder at a time. `epoch` is the one under which it is ours, or None."""

    def __init__(
        self, store: BelledStore, name: str, holder: str, *, clock: Clock, now: Callable[[], datetime]
    ) -> None:
        self._store, self.name, self._holder, self._clock, self._now = store, name, holder, clock, now
        self._bell = store.bell(LEASE.name)
        self._until: datetime | None = None
        self.epoch: int | None = None

    async def claim(self) -> bool:
        """Ours, if nobody else's is running."""
        now = self._now()
        fresh = {"name": self.name, "holder": None, "until": None, "epoch": 0}
        if not await self._store.pick(Pick(LEASE, {"name": self.name}, limit=1)):
            await self._store.append(Append(rows=[Put(LEASE, fresh, over=False)]))
        free = Pick(LEASE, {"name": self.name}, upto={"until": now}, limit=1)
        if not await self._store.pick(free):
            return False  # a glance before the claim spares a standby its writes
        return self._taken(
            await self._store.claim(Claim(free, {"holder": self._holder, "until": now + LEASE_LIFE}, raising="epoch"))
        )

    async def renew(self) -> bool:
        """Still ours, for another while; False when somebody else has taken it."""
        return self._taken(await self._store.claim(Claim(self._mine, {"until": self._now() + LEASE_LIFE})))

    async def release(self) -> None:
        """Given back before its time, so that whoever waits need not."""
        if self.epoch is not None:
            mine, self.epoch = self._mine, None
            await self._store.append(Append(rows=[Change(LEASE, mine.where, {"until": None})]))

    async def hold(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do `work` whenever the lease is ours, cut it when the lease is lost; until cancelled, or the work ends."""
        while True:
            self._bell.clear()
            try:
                ours = await self.claim()
            except (StoreError, OSError) as broken:
                log.error("a lease cannot be claimed", lease=self.name, error=str(broken))
                ours = False
            if not ours:
                await self._clock.nap(LOOK_EVERY_S, self._bell)
            elif await self._while_ours(work):
                return

    async def _while_ours(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """True when the work has ended by itself; False when the lease was lost."""
        ended = asyncio.Event()
        working = asyncio.ensure_future(work())
        working.add_done_callback(lambda _: ended.set())
        try:
            while not ended.is_set():
                await self._clock.nap(min(RENEW_EVERY_S, max(self._left_s(), LEAST_NAP_S)), ended)
                if not ended.is_set() and not await self._kept():
                    log.warning("a lease was lost, its work is cut", lease=self.name, epoch=self.epoch)
                    self.epoch = None
                    return False
            await working
            return True
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await self._let_go()

    async def _kept(self) -> bool:
        """A store that is away for a moment loses no lease; one that is away for a lease's life does."""
        try:
            return await self.renew()
        except (StoreError, OSError):
            return self._left_s() > 0

    def _left_s(self) -> float:
        return (self._until - self._now()).total_seconds() if self._until else 0.0

    async def _let_go(self) -> None:
        try:
            await self.release()
        except (StoreError, OSError):
            log.warning("a lease was not given back and ends by itself", lease=self.name)

    @property
    def _mine(self) -> Pick:
        return Pick(LEASE, {"name": self.name, "holder": self._holder, "epoch": self.epoch}, limit=1)

    def _taken(self, rows: Any) -> bool:
        if not rows:
            return False
        self.epoch, self._until = int(rows[0]["epoch"]), rows[0]["until"]
        return True


async def void_earlier_lives(store: Store) -> None:
    """A new start of an embedded house: nobody of its earlier lives is left, whatever their leases say (D11).

    Their ends are instants of a monotonic clock that may have started again since.
    """
    nobody = {"holder": None, "lease_until": None}
    rows: list[Write] = [Change(LEASE, {}, {"holder": None, "until": None})]
    rows += [Change(table, {}, nobody) for table in (ALARM, LINE, LOOKING)]
    await store.append(Append(rows=rows))
