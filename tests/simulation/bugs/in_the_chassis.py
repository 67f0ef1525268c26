"""Mistakes in what every service runs on: the ear, the alarms, the fence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.chassis import alarms, bells, inbox, judgement
from services.chassis.alarms import Alarms
from services.chassis.inbox import Inbox
from services.chassis.rows import ALARM, LINE, Drop
from services.chassis.store import Append, Conflict, FenceLost, Read
from services.publisher import lanes
from tests.simulation.bugs.planting import Change, bug
from tests.simulation.clock import HouseClock


@bug
def the_checkpoint_is_written_in_a_transaction_of_its_own() -> Iterator[Change]:
    """First the checkpoint, then what follows from the fact: whoever dies between the two forgets the fact (D1)."""
    take_one = Inbox._take_one

    async def in_two(self: Inbox, told: Any, before: int) -> None:
        store = self._store
        await store.append(Append(read=Read(self._service, before, told.position, told.id)))

        class Unread:
            def __getattr__(self, name: str) -> Any:
                return getattr(store, name)

            async def append(self, append: Append) -> Any:
                return await store.append(append._replace(read=None))

        self._store = Unread()  # type: ignore[assignment]
        try:
            await take_one(self, told, before)
        finally:
            self._store = store

    yield Change(inbox.Inbox, "_take_one", in_two)


@bug
def an_alarm_is_lost_when_its_ring_meets_a_conflict() -> Iterator[Change]:
    """Instead of deciding again, the alarm is taken for rung (D8)."""

    async def once(self: Alarms, row: Any) -> None:
        gone = Drop(ALARM, {column: row[column] for column in ("service", "name", "due_at", "ring")})
        ring = alarms.orjson.loads(row["ring"])
        try:
            answer = await self._rings[ring["ring"]](ring, row) or Append()
            await self._store.append(answer._replace(rows=[gone, *answer.rows]))
        except Conflict:
            await self._store.append(Append(rows=[gone]))

    yield Change(alarms.Alarms, "_ring", once)


@bug
def an_alarm_is_cleared_before_it_is_rung() -> Iterator[Change]:
    """Whoever dies between the two has forgotten it (D8)."""
    ring = Alarms._ring

    async def cleared_first(self: Alarms, row: Any) -> None:
        await self._store.append(Append(rows=[Drop(ALARM, {"service": row["service"], "name": row["name"]})]))
        await ring(self, row)

    yield Change(alarms.Alarms, "_ring", cleared_first)


@bug
def nobody_asks_whose_epoch_it_is() -> Iterator[Change]:
    """A zombie's late outcome counts as if it still had the line (I11, F5)."""
    conflict = judgement._conflict

    def without_fence(append: Append, seen: Any) -> Conflict | None:
        found = conflict(append, seen)
        return conflict(append._replace(fence=None), seen) if isinstance(found, FenceLost) else found

    yield Change(judgement, "_conflict", without_fence)


@bug
def guards_are_not_looked_at() -> Iterator[Change]:
    """`still` is taken for granted: what another service has said meanwhile does not matter (D2)."""
    conflict = judgement._conflict

    def without_guards(append: Append, seen: Any) -> Conflict | None:
        return conflict(append._replace(still={}), seen)

    yield Change(judgement, "_conflict", without_guards)


@bug
def a_lease_never_runs_out() -> Iterator[Change]:
    """Whatever a dead process had in hand stays there (D11)."""
    due = lanes.Lanes._due

    def never_free(self: Any, table: Any, channel: str, limit: int) -> Any:
        pick = due(self, table, channel, limit)
        if table is not LINE:
            return pick
        return pick._replace(where={**pick.where, "lease_until": None}, upto={"not_before": pick.upto["not_before"]})

    yield Change(lanes.Lanes, "_due", never_free)


@bug
def a_bell_rings_only_before_the_append_is_written() -> Iterator[Change]:
    """Whoever it wakes finds nothing, and nobody looks again until another bell rings (D1)."""

    async def too_early(self: bells.BelledStore, append: Append) -> Any:
        self.ring([bells.FACTS, *(write.table.name for write in append.rows)])
        return await self._store.append(append)

    async def asleep(self: Any, seconds: float, *wakes: Any) -> None:
        await self.wait(None, *wakes)

    yield Change(bells.BelledStore, "append", too_early)
    yield Change(HouseClock, "nap", asleep)


@bug
def an_alarm_in_another_hand_is_asked_about_without_a_pause() -> Iterator[Change]:
    """Its time has come, so nobody waits for it; and it is another process's, so nobody gets it either."""
    yield Change(alarms.Alarms, "_elsewhere", lambda self, row: False)


@bug
def a_full_disk_ends_the_alarms() -> Iterator[Change]:
    """Claiming an alarm is a write; the first that finds no room ends the whole service (I28)."""

    async def run(self: Alarms) -> None:
        try:
            while True:
                self._bell.clear()
                await self.step()
                await self._clock.nap(alarms.LOOK_EVERY_S, self._bell)
        finally:
            await self.close()

    yield Change(alarms.Alarms, "run", run)
