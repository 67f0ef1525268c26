"""The desk of one connection: plans several of its posts one after another, and makes one append of them.

Intake, resuming and replanning all sit at it, one at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from events import About, Draft, Slot, SlotTaken, Why
from events.subjects import posting_day_stream
from services.chassis.rows import ROOM, Drop, Write
from services.chassis.store import Append, Say, Store
from services.planning import posting_day, rezoning
from services.planning.plan import LEAD, Look, Missed, Open, Planned, Wish, instants, plan
from services.planning.posting_day import Day, Freed, day_of, over_since, refused
from services.planning.rezoning import Keep, kept, off, resolved
from services.planning.terms import ONE_DAY
from services.scheduler.ledger import Ledger
from services.scheduler.post import Place

Found = TypeVar("Found")


class Desk:
    """`says`, `rows` and `still` are what the append will carry beside the days."""

    def __init__(self, store: Store, ledger: Ledger, *, now: datetime, new_id: Callable[[], str]) -> None:
        self._store, self._ledger = store, ledger
        self.now, self.new_id = now, new_id
        self.connection, self.document, self.terms = ledger.connection, ledger.document, ledger.terms
        self.known, self.account_version = ledger.known, ledger.account_version
        self.says: list[Say] = []
        self.rows: list[Write] = []
        self.still: dict[str, int] = dict(ledger.versions)
        self._looked: set[date] = set()
        self._freed: dict[date, list[Draft]] = defaultdict(list)
        self._taken: dict[date, list[Draft]] = defaultdict(list)

    @property
    def listed(self) -> bool:
        return self.connection in self._ledger.account.listed

    @property
    def open(self) -> bool:
        """Whether a post of this connection may go out now."""
        return self.listed and self.known.connected

    def append(self) -> Append:
        """All that was decided here; on each day, whatever is given back comes before what is taken."""
        says, still = list(self.says), dict(self.still)
        for day in sorted(self._looked):
            stream, version = posting_day_stream(self.connection, day), self._ledger.sheets[day].version
            if facts := [*self._freed.get(day, ()), *self._taken.get(day, ())]:
                says.append(Say(stream, version, facts))
            else:
                still[stream] = version
        return Append(says, still, rows=self.rows)

    def written(self) -> Ledger:
        """The append stands: the ledger as whoever plans next will find it."""
        for day in self._looked:
            self._ledger.sheets[day].version += len(self._freed.get(day, ())) + len(self._taken.get(day, ()))
        self._ledger.tidy(self.now)
        return self._ledger

    # Planning.

    async def plan(self, wish: Wish, reason: str = "planned", lost: Slot | None = None) -> Planned | Missed:
        """Where the wish can be met, as the days stand in this plan; nothing is taken yet."""
        return await self._answered(plan(wish, self.terms, now=self.now, reason=reason, lost=lost))

    async def keep(self, place: Place, keep: Keep) -> Planned | None:
        """The same slot by the zone of now, if it can be had."""
        return await self._answered(kept(place.slot, place.wish, self.terms, now=self.now, keep=keep))

    async def _answered(self, planning: Generator[Open | Look, Any, Found]) -> Found:
        answer = None
        while True:
            try:
                asked = planning.send(answer)
            except StopIteration as done:
                return done.value
            match asked:
                case Open(day):
                    answer = self._ledger.full.first_open(day)
                case Look(days):
                    answer = await self._days(days)

    async def restore(self, place: Place, reason: str) -> Planned | Missed:
        """The very slot a post had before, by the zone of now, if it is still free; else as for any other."""
        slot, said = place.slot, reason
        if off(slot, self.terms):
            keep = self._ledger.account.keep
            slot, said = resolved(slot, self.terms, keep), f"{reason}; {rezoning.reason(self.terms, keep)}"
        if place.wish.exactly_at is None and slot.at >= max(self.now + LEAD, place.wish.not_before or self.now):
            taken = instants(await self._days(self.terms.days_with(slot.at, slot.at)))
            if refused(slot.at, taken, self.terms.cap) is None:
                return Planned(slot, Why(mode=self.terms.mode, reason=said))
        return await self.plan(place.wish, reason)

    async def take(self, name: str, planned: Planned, about: About) -> None:
        """The slot is this post's."""
        day = day_of(planned.slot)
        facts = posting_day.take(await self._day(day), connection=self.connection, post=name, slot=planned.slot,
                                 exactly=planned.exactly)  # fmt: skip
        sheet = self._ledger.sheets[day]
        for fact in facts:
            sheet.day = posting_day.evolve(sheet.day, fact)
            self._taken[day].append(Draft(self.new_id(), fact, about))
        self.note_full(planned)

    async def count(self, name: str, at: datetime, about: About) -> None:
        """It is out, at this instant, and counts there (S17a)."""
        await self.take(name, Planned(self.terms.slot(at), Why(mode="exactly", reason="late"), exactly=True), about)

    async def over_since(self, at: datetime) -> datetime | None:
        """From when on slots have to be left, so that the channel's day around this instant keeps its cap."""
        days = await self._days(self.terms.days_with(at, at))
        there = [each for day in days.values() for each in day.taken.values()]
        return over_since(there, at, self.terms.cap, earliest=self.now + LEAD)

    def note_full(self, planned: Planned) -> None:
        """Days without room are stepped over from now on, by whoever plans next as well."""
        days = [*planned.full, planned.day] if planned.fills and planned.day else planned.full
        self.rows += self._ledger.found_full(days)

    # Giving back.

    async def lift(self, name: str, place: Place | None) -> SlotTaken | None:
        """The slot a post has is taken off the day for the time of planning: it may well be given it again."""
        taken = (await self._day(day_of(place.slot))).taken.get(name) if place else None
        if taken is not None:
            sheet = self._ledger.sheets[taken.day]
            sheet.day = Day({post: other for post, other in sheet.day.taken.items() if post != name})
            self._ledger.full.room_on(self._counts_on(taken))
        return taken

    def put_back(self, taken: SlotTaken | None) -> None:
        """As if it had never been lifted."""
        if taken is not None:
            sheet = self._ledger.sheets[taken.day]
            sheet.day = posting_day.evolve(sheet.day, taken)

    def free(self, taken: SlotTaken | None, why: Freed, about: About) -> None:
        """A lifted slot is given back for good (S17a)."""
        if taken is None:
            return
        facts = posting_day.free(Day({taken.post: taken}), post=taken.post, why=why)
        self._freed[taken.day] += [Draft(self.new_id(), fact, about) for fact in facts]
        for day in self._counts_on(taken):
            self.rows.append(Drop(ROOM, {"connection": self.connection, "day": day.isoformat()}))

    def _counts_on(self, taken: SlotTaken) -> Sequence[date]:
        """The days that were full by this slot, and may not be without it: a cap reaches over midnight. They are those
        of the zone of now, whatever date the slot is written under."""
        return self.terms.days_with(taken.at, taken.at)

    async def _days(self, days: Sequence[date]) -> dict[date, Day]:
        """After a change of zone the slots of old stand up to two dates away from where they would be put today."""
        if self._ledger.account.moved and days:
            first, last = days[0] - 2 * ONE_DAY, days[-1] + 2 * ONE_DAY
            days = [first + number * ONE_DAY for number in range((last - first).days + 1)]
        return {day: await self._day(day) for day in days}

    async def _day(self, day: date) -> Day:
        self._looked.add(day)
        sheet = self._ledger.sheets.get(day) or await self._ledger.sheet(self._store, day)
        return sheet.day
