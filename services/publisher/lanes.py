"""Ready posts onto free lanes, fairly: 64 a channel, one attempt in flight per connection (D11).

The free line whose turn comes first is claimed, or an attempt that is due to be looked up. Half as many as there are
lanes are in hand beside them: the next waits at the door of a lane, and what a call came to is written down once its
lane is left. Whoever crashes loses the leases of what it had in hand, and the `look` alarm finds what it left open.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from events.channels import ATTEMPT_LIFE
from services.channels.adapter import Adapter, Credential, Http
from services.chassis.clock import parted
from services.chassis.drain import Drain
from services.chassis.quarantine import Remembered
from services.chassis.rows import LINE, LOOKING, Change, Claim, Pick, Row, Table
from services.chassis.store import Append, FenceLost, Store, StoreError
from services.chassis.takeover import Takeover
from services.publisher.looking import Looking
from services.publisher.outside import Dress, Outside
from services.publisher.sending import Sending, renewed

LEASE = timedelta(seconds=10)
RENEW_EVERY_S = 3.0
LOOK_ROUND_EVERY_S = 1.0
"""When no bell rings, lanes look for work once a second (D1)."""

Work = Callable[[Row, asyncio.Semaphore], Awaitable[None]]
"""What is done with a claimed row, given the door to the lanes of its channel: one of them for as long as it calls."""

log = structlog.get_logger("lanes")


class Lanes:
    """`wake` is set by whoever wrote rows for the lanes; `busy` counts what is in hand, for a stepping clock."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Any,
        new_id: Callable[[], str],
        adapters: Mapping[str, Adapter],
        http_for: Callable[[str], Http],
        open_credential: Callable[[str], Awaitable[Credential | None]],
        dress: Dress,
        lanes_max: int = 64,
        holder: str = "here",
        speed: float = 1.0,
        lease_now: Callable[[], datetime] | None = None,
        wake: asyncio.Event | None = None,
        drain: Drain | None = None,
    ) -> None:
        outside = Outside(adapters, http_for, open_credential, dress)
        self._drain = drain or Drain()
        life, remembered = ATTEMPT_LIFE * speed, Remembered(store)
        self._sending = Sending(store, outside, clock, new_id, life, remembered, self._drain)
        self._looking = Looking(store, outside, clock, new_id, life, remembered)
        self._store, self._clock, self._holder = store, clock, holder
        self._lanes = {channel: asyncio.Semaphore(lanes_max) for channel in adapters}
        self._hand_max = lanes_max + lanes_max // 2
        self._takeover = Takeover(holder, clock.elapsed)
        # Leases are about being alive, so they run on elapsed time; processes that share lines share a clock (D7).
        self._lease_now = lease_now or (lambda: datetime.fromtimestamp(clock.elapsed(), UTC))
        self._hand: dict[asyncio.Task[None], tuple[str, Table, Row]] = {}
        self.stopped: str | None = None
        self.wake = wake or asyncio.Event()

    @property
    def busy(self) -> int:
        return len(self._hand)

    async def run(self) -> None:
        """Refill and renew until cancelled; then the calls in flight are cut, each with its look already set."""
        renewing = asyncio.create_task(self._renew_forever())
        try:
            while True:
                self.wake.clear()
                try:
                    await self.step()
                    self.stopped = None
                except (StoreError, OSError) as broken:
                    # What is ready stays ready; a full disk or a lost database heals, and we go on (I28).
                    self.stopped = str(broken)
                    log.error("the lanes wait", error=str(broken))
                await self._bell(LOOK_ROUND_EVERY_S)
        finally:
            renewing.cancel()
            await self.close()

    async def step(self) -> int:
        """Take in hand what the lanes have room for, or soon will; how many pieces of work were begun.

        None by a process that is leaving (I29). While nobody knows what time it is, lanes only look (I22).
        """
        begun = 0
        if self._drain.begun.is_set():
            return begun
        taken = Counter(channel for channel, _, _ in self._hand.values())
        looks, lines = (LOOKING, self._looking.at), (LINE, self._sending.first_of)
        # Looks are rare, so one glance whenever a lane falls free serves all channels.
        wanted = await self._store.pick(Pick(LOOKING, upto={"lease_until": self._lease_now()}, limit=1))
        for channel in self._lanes:
            room = self._hand_max - taken[channel]
            for table, work in (looks, lines) if wanted else (lines,):
                if room > 0 and not (table is LINE and parted(self._clock)):
                    for row in await self._claim(table, channel, room):
                        self._begin(channel, table, row, work)
                        room, begun = room - 1, begun + 1
        return begun

    async def in_flight(self) -> str | None:
        """What a stepping clock must wait for: a call, or work that a lane could take at this very instant (D7)."""
        if self._hand:
            return "a call of the publisher"
        for channel in self._lanes:
            for table in (LOOKING, LINE):
                if await self._store.pick(self._due(table, channel, limit=1)):
                    self.wake.set()
                    return "a post ready for a lane"
        return None

    async def quiet(self) -> None:
        """Work until nothing is left that can be done now: the simulation's next moment, and a test's end."""
        while await self.step() or self._hand:
            if self._hand:
                await asyncio.wait(self._hand, return_when=asyncio.FIRST_COMPLETED)

    async def renew(self) -> None:
        """Say for every line and look in hand that we are alive; the call of a line that was lost is cut (I19)."""
        until = self._lease_now() + LEASE
        for work, (_, table, row) in list(self._hand.items()):
            try:
                if table is LINE:
                    await self._store.append(renewed(row, until))
                else:
                    mine = {"story": row["story"], "holder": self._holder}
                    await self._store.append(Append(rows=[Change(LOOKING, mine, {"lease_until": until})]))
            except FenceLost:
                self._drain.cut(work)
            except (StoreError, OSError) as broken:
                # Said again in a moment; should it stay unsaid, the lease runs out and the fence tells.
                log.error("a lane could not renew its lease", error=str(broken))

    async def close(self) -> None:
        hand = list(self._hand)
        for work in hand:
            work.cancel()
        await asyncio.gather(*hand, return_exceptions=True)
        await self._takeover.close()

    def _begin(self, channel: str, table: Table, row: Row, do: Work) -> None:
        work: asyncio.Task[None] = asyncio.ensure_future(do(row, self._lanes[channel]))  # type: ignore[arg-type]
        self._hand[work] = (channel, table, row)
        self._drain.holds(work)
        work.add_done_callback(self._done)

    def _done(self, work: asyncio.Task[None]) -> None:
        del self._hand[work]
        self.wake.set()
        if not work.cancelled() and (broken := work.exception()):
            asyncio.get_running_loop().call_exception_handler({"message": "a lane broke", "exception": broken})

    async def _claim(self, table: Table, channel: str, room: int) -> Sequence[Row]:
        """What is free, due and first. A glance before the claim spares an idle house its writes."""
        due = self._due(table, channel, room)
        rows = await self._store.pick(due)
        if not rows:
            return []
        taken = {"holder": self._holder, "lease_until": self._lease_now() + LEASE}
        if table is LOOKING:
            return await self._store.claim(Claim(due, taken))
        not_yet = self._takeover.not_yet(rows)
        if not not_yet:
            return await self._store.claim(Claim(due, taken, raising="epoch"))
        free = [due._replace(where={"connection": row["connection"]}) for row in rows if row["holder"] not in not_yet]
        return [row for pick in free for row in await self._store.claim(Claim(pick, taken, raising="epoch"))]

    def _due(self, table: Table, channel: str, limit: int) -> Pick:
        free = {"lease_until": self._lease_now()}
        if table is LOOKING:
            return Pick(LOOKING, {"channel": channel}, upto=free, order=("due_at",), limit=limit)
        return Pick(
            LINE,
            where={"channel": channel},
            upto=free | {"not_before": self._clock.now()},
            since={"head_turn": 0},
            order=("head_turn",),
            limit=limit,
        )

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            await self.renew()

    async def _bell(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        except TimeoutError:
            return
