"""Durable "wake me at": a row set in the transaction of its fact, claimed under a lease, rung when it is due (D8).

Being due is a query on state, so an alarm survives whoever was to ring it. An alarm that cannot be rung is rung again
later, and never forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog

from services.chassis.alarm_turns import AlarmTurns
from services.chassis.bells import BelledStore, bell_of_alarms
from services.chassis.clock import Clock
from services.chassis.drain import Drain
from services.chassis.rows import ALARM, Change, Claim, Drop, Pick, Put, Row
from services.chassis.store import Append, Conflict, Store, StoreError

Ring = Callable[[dict[str, Any], Row], Awaitable[Append | None]]
"""What one ring does: read, decide, and answer with what to append; the alarm itself goes with that append."""

LEASE = timedelta(seconds=10)
LOOK_EVERY_S = 1.0
"""The fallback when no bell rings (D1)."""
HAND_MAX = 64
"""So many alarms of one service are rung side by side, some of them with a call to a channel."""
AGAIN_AFTER = (1, 5, 30, 60, 300)
"""Seconds until an alarm is rung again whose ring broke; the last one for ever after."""

log = structlog.get_logger("alarms")


def set_alarm(service: str, name: str, due_at: datetime, ring: dict[str, Any]) -> Put:
    """One alarm per (service, name): setting it again moves it. `ring` is JSON data; `ring["ring"]` names the ring."""
    row = {"service": service, "name": name, "due_at": due_at, "ring": orjson.dumps(ring).decode()}
    return Put(ALARM, row)


def clear_alarm(service: str, name: str) -> Drop:
    return Drop(ALARM, {"service": service, "name": name})


class Alarms:
    """Rings one service's alarms. With `shared`, several processes ring the same ones and each claims its own.

    `stopped` says why it waits, while the store cannot be asked.
    """

    def __init__(
        self,
        store: BelledStore,
        service: str,
        rings: Mapping[str, Ring],
        *,
        clock: Clock,
        shared: bool = False,
        holder: str = "here",
        lease_now: Callable[[], datetime] | None = None,
        drain: Drain | None = None,
        hand_max: int = HAND_MAX,
    ) -> None:
        self._store, self._service, self._rings, self._clock = store, service, dict(rings), clock
        self._shared, self._holder, self._hand_max = shared, holder, hand_max
        self._drain = drain or Drain()
        self._lease_now = lease_now or (lambda: datetime.fromtimestamp(clock.elapsed(), UTC))
        self._hand: dict[asyncio.Task[None], str] = {}
        self.stopped: str | None = None
        self._turns = AlarmTurns(store, service, shared=shared)
        self._bell = store.bell(ALARM.name, bell_of_alarms(service))

    async def run(self) -> None:
        try:
            while True:
                self._bell.clear()
                until = None
                try:
                    await self.step()
                    full = len(self._hand) >= self._hand_max or self._drain.begun.is_set()
                    until = None if full else await self.next_due()
                    self.stopped = None
                except (StoreError, OSError) as broken:
                    # What is due stays due; a full disk or a lost database heals, and we go on (I28).
                    self.stopped = str(broken)
                    log.error("the alarms wait", service=self._service, error=str(broken))
                timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._bell.set)
                await self._clock.wait(until, self._bell)
                timer.cancel()
        finally:
            await self.close()

    async def step(self) -> int:
        """Take in hand whatever is due; how many that were. None for a process that is leaving (I29)."""
        if self._drain.begun.is_set():
            return 0
        rows = await self._take(self._hand_max - len(self._hand))
        for row in rows:
            ringing = asyncio.ensure_future(self._ring(row))
            self._hand[ringing] = str(row["name"])
            self._drain.holds(ringing)
            ringing.add_done_callback(self._rung)
        return len(rows)

    async def quiet(self) -> None:
        """Ring until nothing is due and nothing is in hand."""
        while await self.step() or self._hand:
            if self._hand:
                await asyncio.wait(self._hand, return_when=asyncio.FIRST_COMPLETED)

    async def next_due(self) -> datetime | None:
        """The earliest instant of an alarm in nobody's hand; one that another process is ringing wakes nobody here."""
        limit = self._hand_max * 2 if self._shared else len(self._hand) + 1
        in_hand = set(self._hand.values())
        for pick in (self._turns.by_turn, self._turns.by_time) if self._turns.crowded else (self._turns.by_time,):
            for row in await self._store.pick(pick._replace(limit=limit)):
                if row["name"] not in in_hand and not self._elsewhere(row) and isinstance(row["due_at"], datetime):
                    return row["due_at"]
        return None

    def _elsewhere(self, row: Row) -> bool:
        leased = row["lease_until"]
        return self._shared and isinstance(leased, datetime) and leased > self._lease_now()

    async def in_flight(self) -> str | None:
        if self._hand:
            return f"an alarm of the {self._service}: {next(iter(self._hand.values()))}"
        due = await self.next_due()
        if due is not None and due <= self._clock.now():
            self._bell.set()
            return f"a due alarm of the {self._service}"
        return None

    async def close(self) -> None:
        hand = list(self._hand)
        for ringing in hand:
            ringing.cancel()
        await asyncio.gather(*hand, return_exceptions=True)

    async def _take(self, room: int) -> Sequence[Row]:
        if room <= 0:
            return []
        in_hand = set(self._hand.values())
        due, found = await self._turns.due(self._clock.now(), room, in_hand)
        if not self._shared or not found:
            return found
        free = due._replace(upto={**due.upto, "lease_until": self._lease_now()}, limit=room)
        return await self._store.claim(Claim(free, {"holder": self._holder, "lease_until": self._lease_now() + LEASE}))

    def _rung(self, ringing: asyncio.Task[None]) -> None:
        del self._hand[ringing]
        self._bell.set()
        if not ringing.cancelled() and (broken := ringing.exception()):
            asyncio.get_running_loop().call_exception_handler({"message": "an alarm broke", "exception": broken})

    async def _ring(self, row: Row) -> None:
        # The very row: one that was set anew meanwhile, if only with another mark in its ring, stays.
        gone = Drop(ALARM, {column: row[column] for column in ("service", "name", "due_at", "ring")})
        ring = orjson.loads(str(row["ring"]))
        while True:
            try:
                answer = await self._rings[ring["ring"]](ring, row) or Append()
                await self._store.append(
                    Append(answer.says, answer.still, answer.fence, [gone, *answer.rows], answer.read)
                )
                return
            except Conflict:
                continue  # somebody else moved first: the ring decides on what is there now
            except Exception as broken:
                log.exception("a ring broke", service=self._service, alarm=row["name"], error=str(broken))
                return await self._again_later(row, ring, gone)

    async def _again_later(self, row: Row, ring: dict[str, Any], gone: Drop) -> None:
        """Or, while nothing can be written, after a moment in hand, so that nobody rings it without a pause."""
        try:
            await self._store.append(Append(rows=[self._later(row, ring, gone)]))
        except (StoreError, OSError) as broken:
            log.error("an alarm stays as it is", service=self._service, alarm=row["name"], error=str(broken))
            await self._clock.nap(LOOK_EVERY_S, self._drain.begun)

    def _later(self, row: Row, ring: dict[str, Any], gone: Drop) -> Change:
        """The very row, unless somebody has set the alarm anew meanwhile."""
        broken = int(ring.get("broken", 0))
        wait = timedelta(seconds=AGAIN_AFTER[min(broken, len(AGAIN_AFTER) - 1)])
        to = {"due_at": self._clock.now() + wait, "ring": orjson.dumps({**ring, "broken": broken + 1}).decode()}
        return Change(ALARM, gone.where, {**to, "holder": None, "lease_until": None, "turn": None})


async def next_alarm(store: Store) -> datetime | None:
    """The earliest alarm of any service: what a stepping clock jumps to."""
    first = await store.pick(Pick(ALARM, order=("due_at",), limit=1))
    due = first[0]["due_at"] if first else None
    return due if isinstance(due, datetime) else None
