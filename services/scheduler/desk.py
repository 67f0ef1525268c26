"""The desk of one connection: plans several of its posts one after another, and makes one append of them.

Intake, resuming and replanning all sit at it. The account, the connection and the days are read once and kept up to
date in memory; the append names every one of them, so if one has moved meanwhile the plan is made again (D2).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from events import About, Draft, EngagementProfiled, Fact, SlotTaken, Why
from events.channels import account_of
from events.subjects import account_stream, connection_stream, engagement_stream, posting_day_stream
from services.chassis.rows import ROOM, Drop, Pick, Put, Write
from services.chassis.store import Append, Say, Store
from services.planning import posting_day
from services.planning.plan import LEAD, Look, Missed, Open, Planned, Wish, instants, plan
from services.planning.posting_day import Day, Freed, day_of, refused
from services.planning.terms import ONE_DAY, Terms, terms_of
from services.planning.zones import date_at
from services.scheduler.grounds import Account, Connection, account_known, connection_known, profile_known
from services.scheduler.post import Place


@dataclass(slots=True)
class Sheet:
    """One day as it stands in this plan, and what is to be said of it: whatever is given back, then what is taken."""

    day: Day
    version: int
    freed: list[Draft] = field(default_factory=list)
    taken: list[Draft] = field(default_factory=list)


class Desk:
    """See `open_desk`. `says`, `rows` and `still` are what the append will carry beside the days."""

    def __init__(
        self,
        store: Store,
        connection: str,
        *,
        account: Account,
        known: Connection,
        profile: EngagementProfiled | None,
        versions: Mapping[str, int],
        now: datetime,
        new_id: Callable[[], str],
    ) -> None:
        assert account.document is not None  # noqa: S101 - nobody plans for an account that is not there
        self._store, self.connection, self.now, self.new_id = store, connection, now, new_id
        self.account, self.known = account, known
        self.document = account.document
        self.terms: Terms = terms_of(connection, account.document, profile)
        self._sheets: dict[date, Sheet] = {}
        self._full: set[date] = set()
        self._beyond: dict[date, date] = {}
        self.says: list[Say] = []
        self.rows: list[Write] = []
        self.still: dict[str, int] = dict(versions)

    @property
    def listed(self) -> bool:
        return self.connection in self.account.listed

    @property
    def open(self) -> bool:
        """Whether a post of this connection may go out now."""
        return self.listed and self.known.connected

    def append(self) -> Append:
        says = list(self.says)
        for day, sheet in self._sheets.items():
            stream = posting_day_stream(self.connection, day)
            if sheet.freed or sheet.taken:
                says.append(Say(stream, sheet.version, [*sheet.freed, *sheet.taken]))
            else:
                self.still[stream] = sheet.version
        return Append(says, self.still, rows=self.rows)

    # Planning.

    async def plan(self, wish: Wish, reason: str = "planned") -> Planned | Missed:
        """Where the wish can be met, as the days stand in this plan; nothing is taken yet."""
        planning, answer = plan(wish, self.terms, now=self.now, reason=reason), None
        while True:
            try:
                asked = planning.send(answer)
            except StopIteration as done:
                return done.value
            match asked:
                case Open(day):
                    answer = self._first_open(day)
                case Look(days):
                    answer = {day: (self._sheets.get(day) or await self._sheet(day)).day for day in days}

    async def restore(self, place: Place, reason: str) -> Planned | Missed:
        """The very slot a post had before, if it is still free; else as for any other."""
        if place.wish.exactly_at is None and place.slot.at >= self.now + LEAD:
            days = self.terms.days_with(place.slot.at, place.slot.at)
            taken = instants({day: (await self._sheet(day)).day for day in days})
            if refused(place.slot.at, taken, self.terms.cap) is None:
                return Planned(place.slot, Why(mode=self.terms.mode, reason=reason))
        return await self.plan(place.wish, reason)

    async def take(self, name: str, planned: Planned, about: About) -> None:
        """The slot is this post's."""
        day = day_of(planned.slot)
        sheet = self._sheets.get(day) or await self._sheet(day)
        facts = posting_day.take(sheet.day, connection=self.connection, post=name, slot=planned.slot,
                                 exactly=planned.exactly)  # fmt: skip
        for fact in facts:
            sheet.day = posting_day.evolve(sheet.day, fact)
            sheet.taken.append(Draft(self.new_id(), fact, about))
        self.note_full(planned)

    def note_full(self, planned: Planned) -> None:
        """Days without room are stepped over from now on, by whoever plans next as well."""
        for day in (*planned.full, planned.day) if planned.fills else planned.full:
            if day is not None and day not in self._full:
                self._full.add(day)
                self._beyond[day] = day + ONE_DAY
                self.rows.append(Put(ROOM, {"connection": self.connection, "day": day.isoformat(), "left": 0}))

    async def lift(self, name: str, place: Place | None) -> SlotTaken | None:
        """The slot a post has is taken off the day for the time of planning: it may well be given it again."""
        if place is None:
            return None
        sheet = await self._sheet(day_of(place.slot))
        taken = sheet.day.taken.get(name)
        if taken is not None:
            sheet.day = Day({post: other for post, other in sheet.day.taken.items() if post != name})
            self._room_at(taken.day)
        return taken

    def put_back(self, taken: SlotTaken | None) -> None:
        """As if it had never been lifted."""
        if taken is not None:
            sheet = self._sheets[taken.day]
            sheet.day = posting_day.evolve(sheet.day, taken)

    def free(self, taken: SlotTaken | None, why: Freed, about: About) -> None:
        """A lifted slot is given back for good (S17a)."""
        if taken is None:
            return
        facts: Sequence[Fact] = posting_day.free(Day({taken.post: taken}), post=taken.post, why=why)
        self._sheets[taken.day].freed += [Draft(self.new_id(), fact, about) for fact in facts]
        # A cap reaches over midnight, so its neighbours may have room again as well.
        for day in (taken.day - ONE_DAY, taken.day, taken.day + ONE_DAY):
            self.rows.append(Drop(ROOM, {"connection": self.connection, "day": day.isoformat()}))

    # The days.

    async def _sheet(self, day: date) -> Sheet:
        if day not in self._sheets:
            state, version = await self._store.fold(posting_day_stream(self.connection, day), posting_day)
            self._sheets[day] = Sheet(state, version)
        return self._sheets[day]

    async def know_full_days(self) -> None:
        today = date_at(self.now, self.terms.zone)
        rows = await self._store.pick(Pick(ROOM, {"connection": self.connection}, since={"day": today.isoformat()}))
        self._full = {date.fromisoformat(str(row["day"])) for row in rows if row["left"] == 0}
        self._beyond = {day: day + ONE_DAY for day in self._full}

    def _first_open(self, day: date) -> date:
        """Steps over full days; each step remembers where it ended, so a long queue is crossed in one."""
        stepped = []
        while ahead := self._beyond.get(day):
            stepped.append(day)
            day = ahead
        for each in stepped:
            self._beyond[each] = day
        return day

    def _room_at(self, day: date) -> None:
        if again := self._full & {day - ONE_DAY, day, day + ONE_DAY}:
            self._full -= again
            self._beyond = {full: full + ONE_DAY for full in self._full}


async def open_desk(
    store: Store,
    connection: str,
    *,
    now: datetime,
    new_id: Callable[[], str],
    account: tuple[Account, int] | None = None,
) -> Desk | None:
    """Whatever planning for this connection relies on, read once; None when nobody has set its account up."""
    name = account_of(connection)
    if account is None:
        told = await store.read(account_stream(name))
        account = account_known(told), len(told)
    known, version = account
    if known.document is None:
        return None
    connected, learned = await asyncio.gather(
        store.read(connection_stream(connection)), store.read(engagement_stream(connection))
    )
    versions = {account_stream(name): version, connection_stream(connection): len(connected)}
    if known.document.mode == "adaptive":
        versions[engagement_stream(connection)] = len(learned)
    desk = Desk(store, connection, account=known, known=connection_known(connected), profile=profile_known(learned),
                versions=versions, now=now, new_id=new_id)  # fmt: skip
    await desk.know_full_days()
    return desk


class Turns:
    """One at a time at each connection's desk: whoever comes later plans on what the earlier one has appended.

    A courtesy within this process that saves plans made in vain; what makes them right are the guards.
    """

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def at(self, connection: str) -> asyncio.Lock:
        return self._locks[connection]
