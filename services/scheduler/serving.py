"""The desk called upon: it serves whoever waits for it in batches, and plans a whole queue again when its terms change.

It appends by itself, while it still sits at the desk, so that whoever comes next plans on what it has written; the
alarm goes afterwards, and rung twice it finds nobody waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog

from events import Told
from events.channels import account_of
from services.chassis.clock import Clock
from services.chassis.rows import Row
from services.chassis.store import Append, Conflict, Store, StoreError
from services.planning.plan import LEAD
from services.planning.rezoning import Keep
from services.scheduler.case import Case, read_case, undone_by
from services.scheduler.desk import Desk
from services.scheduler.desks import Desks
from services.scheduler.replanning import Breathe, at_one_go, make_room, replan
from services.scheduler.seating import Seat
from services.scheduler.waiting import (
    BATCH_MAX,
    at_the_desk,
    call_aside,
    call_desk,
    one_each,
    queue_of,
    served,
    set_aside,
    take_up,
)

AGAIN_AFTER = timedelta(minutes=10)
"""A post that breaks the desk is set aside so long: it holds up nobody but itself (I25)."""

READ_AT_ONCE = 100
"""So many posts of a queue are read before others have a turn."""

log = structlog.get_logger("scheduler")


async def others_between() -> None:
    """Everybody else has a turn."""
    await asyncio.sleep(0)


class Serving:
    def __init__(self, store: Store, desks: Desks, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store, self._desks, self._clock, self._new_id = store, desks, clock, new_id

    @property
    def rings(self) -> dict[str, Any]:
        return {"plan": self.plan, "aside": self.aside, "replan": self.replan, "room": self.room}

    async def plan(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """In the order of intake, letting others through between batches."""
        name, together = ring["connection"], BATCH_MAX
        while rows := one_each(await self._store.pick(at_the_desk(name, together))):
            try:
                await self._serve(name, rows)
                together = BATCH_MAX
            except Conflict:
                continue  # somebody else moved first: the same posts once more
            except (StoreError, OSError):
                raise
            except Exception as broken:
                if len(rows) == 1:
                    await self._set_aside(name, rows[0], broken)
                together = 1  # one of them broke it, and the first may not be the one
        return None

    async def aside(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """Whoever was set aside comes to the desk again."""
        name = ring["connection"]
        return Append(rows=[take_up(name), call_desk(name, self._clock.now(), self._new_id())])

    async def replan(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """The account plans by other terms now, or its zone has other rules: its queue moves, in order (S19, S22)."""
        name, position = ring["connection"], int(ring["cause"])
        cause = (await self._store.tail(position - 1, 1))[0] if position else None
        self._desks.forget_account(account_of(name))  # it has changed, and a plan by what it was would be in vain
        try:
            await self._replan(name, cause, ring.get("keep"), others_between)
        except Conflict:  # somebody had a turn who moved one of the queue; now nobody has
            await self._replan(name, cause, ring.get("keep"), at_one_go)
        return None

    async def _replan(self, name: str, cause: Told | None, keep: Keep | None, breathe: Breathe) -> None:
        async with self._desks.at(name) as desk:
            if desk is not None:
                await replan(desk, await self._queue(desk), cause, keep, breathe=breathe)
                await self._store.append(desk.append())

    async def room(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """A post counts on another day than it was planned for: where that is over its cap now, others leave (S17a)."""
        [cause] = await self._store.tail(int(ring["cause"]) - 1, 1)
        async with self._desks.at(ring["connection"]) as desk:
            if desk is None or (since := await desk.over_since(datetime.fromisoformat(ring["on"]))) is None:
                return None
            await make_room(desk, await self._queue(desk), cause, since)
            await self._store.append(desk.append())
        return None

    async def _queue(self, desk: Desk) -> list[Case]:
        """Every post that has a slot on this connection and is not about to go out."""
        called = await self._store.pick(queue_of(desk.connection, desk.now + LEAD))
        stories = [str(orjson.loads(str(row["ring"]))["story"]) for row in called]
        cases: list[Case | None] = []
        for first in range(0, len(stories), READ_AT_ONCE):
            some = stories[first : first + READ_AT_ONCE]
            cases += await asyncio.gather(*(read_case(self._store, story) for story in some))
        return [case for case in cases if case]

    async def _serve(self, name: str, rows: Sequence[Row]) -> None:
        async with self._desks.at(name) as desk:
            assert desk is not None  # noqa: S101 - its account was there when the post was taken in
            cases = await asyncio.gather(*(read_case(self._store, str(row["story"])) for row in rows))
            # Whoever is not waiting any more was served elsewhere before we looked; served after, the guards will tell.
            waiting = await self._store.pick(at_the_desk(name))
            seats = []
            for row, case in zip(rows, cases, strict=True):
                if row not in waiting:
                    continue
                if case is None:
                    desk.rows.append(served(row))
                else:
                    cause = await self._cause_of(row) or case.last
                    seats.append(Seat(desk, row, case, cause, await undone_by(self._store, case, cause.fact)))
            for seat in seats:
                await seat.let_go()
            for seat in sorted(seats, key=lambda seat: not seat.wants_exactly):
                await seat.serve()
            await self._store.append(desk.append())

    async def _set_aside(self, name: str, row: Row, broken: Exception) -> None:
        log.error("a post broke the desk and is set aside", story=row["story"], error=str(broken), exc_info=broken)
        again = call_aside(name, self._clock.now() + AGAIN_AFTER, self._new_id())
        await self._store.append(Append(rows=[set_aside(row), again]))

    async def _cause_of(self, row: Row) -> Told | None:
        """The fact that sent a post to the desk; one held since its intake waits for no other reason than that."""
        position = int(str(row["cause"]))
        return (await self._store.tail(position - 1, 1))[0] if position else None
