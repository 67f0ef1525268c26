"""Calls used and left, per connection and window: taken before each call by whoever calls, in every process (I17).

A window is cut into spans, and a call is booked in the span it is made in; what lies less than a window back counts.
Booking is one atomic step of the store, by itself or in an append of the caller's, and comes before the look: whoever
then finds that it took too much gives it back and is refused, so that no race ever exceeds a budget. Where a channel
tells how many are left, the books are corrected by what it tells.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol

import structlog

from events.channels import CHANNELS, Budget, channel_of
from services.chassis.rows import BUDGET, Change, Claim, Drop, Pick, Put, Row, Write
from services.chassis.store import Append, Store, StoreError
from services.planning.zones import date_at, instant, zone_called

SPANS = 15
"""So many spans make a rolling window; a call counts at most one span longer than the channel would count it."""
REMEMBERED_MAX = 4096
AGAIN_AFTER = timedelta(minutes=1)
"""When the books could not be kept, for the store did not answer: no call was made, and no try is used."""

log = structlog.get_logger("budget")


class Now(Protocol):
    def now(self) -> datetime: ...


class BudgetSpent(Exception):
    """No call is left; nothing was sent. `until` is when one comes back."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"no call is left before {until.isoformat()}")
        self.until = until


Left = tuple[int, datetime]
"""What a channel tells of its own count: the calls left, and when it begins anew."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a window: calls made in it count until `ends` (for a fixed day: its midnight)."""

    begins: datetime
    ends: datetime


def span_of(budget: Budget, at: datetime) -> Span:
    if budget.zone is not None:
        day = date_at(at, zone := zone_called(budget.zone))
        return Span(instant(day, time(), zone), instant(day + timedelta(days=1), time(), zone))
    length = budget.window / SPANS
    begins = _BEGINNING + (at - _BEGINNING) // length * length
    return Span(begins, begins + length + budget.window)


_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def ends_of(budget: Budget, begins: datetime) -> datetime:
    """When what is booked under this instant counts no more."""
    return span_of(budget, begins).ends if budget.zone is not None else begins + budget.window / SPANS + budget.window


def window_of(budget: Budget) -> str:
    """As the row names it: PT15M, or P1D for a day of the channel's own."""
    seconds = int(budget.window.total_seconds())
    return "P1D" if budget.zone is not None else f"PT{seconds // 60}M" if seconds % 60 == 0 else f"PT{seconds}S"


def counting(rows: Sequence[Row], budget: Budget, now: datetime) -> list[Row]:
    """Those that count now, the one that stops counting first in front."""
    return [row for row in rows if row["used"] and ends_of(budget, begins_of(row)) > now]


def begins_of(row: Row) -> datetime:
    begins = row["starts_at"]
    assert isinstance(begins, datetime)  # noqa: S101 - the table
    return begins


def used(rows: Sequence[Row]) -> int:
    return sum(int(str(row["used"])) for row in rows)


@dataclass(slots=True)
class Page:
    """What this process knows of a connection's window: its present span, and how much was booked before it."""

    span: Span
    before: int


class Books:
    def __init__(self, store: Store, *, clock: Now) -> None:
        self._store, self._clock = store, clock
        self._pages: OrderedDict[str, Page] = OrderedDict()

    def now(self) -> datetime:
        return self._clock.now()

    async def take(self, connection: str, budget: Budget) -> None:
        """One call is booked, or `BudgetSpent` says when to ask again."""
        while True:
            span = span_of(budget, self._clock.now())
            page = self._known(connection, span) or await self._turn(connection, budget, span)
            taken = await self._store.claim(Claim(_pick(connection, budget, span), {}, raising="used"))
            if taken:
                return await self._let_through(connection, budget, page, taken)
            self._pages.pop(connection, None)  # another claimer holds the row, or somebody has cleared it away
            await asyncio.sleep(0)

    def ahead(self, connection: str, budget: Budget) -> tuple[Span, list[Write]]:
        """One call, to be booked in an append of the caller's: `confirm` says afterwards whether it may be made."""
        span = span_of(budget, self._clock.now())
        row = [] if self._known(connection, span) else [Put(BUDGET, _unused(connection, budget, span), over=False)]
        return span, [*row, Change(BUDGET, _pick(connection, budget, span).where, {}, raising="used")]

    async def confirm(self, connection: str, budget: Budget, span: Span) -> None:
        """The append stands, and with it the booking in that span; `BudgetSpent` when it was one too many."""
        if span_of(budget, self._clock.now()) != span:
            # A call counts in the span it is made in, and this one is not made yet.
            await self._add(connection, budget, span, -1)
            return await self.take(connection, budget)
        page = self._known(connection, span) or await self._turn(connection, budget, span)
        taken = await self._store.pick(_pick(connection, budget, span))
        if not used(taken):  # somebody has cleared the booking away
            return await self.take(connection, budget)
        await self._let_through(connection, budget, page, taken)

    def _known(self, connection: str, span: Span) -> Page | None:
        page = self._pages.get(connection)
        return page if page and page.span == span else None

    async def _let_through(self, connection: str, budget: Budget, page: Page, taken: Sequence[Row]) -> None:
        """A call is booked under this page's span, as its row says; it is given back where it is one too many."""
        told = taken[0]["calls_max"] != budget.calls_max  # somebody, of calls that lie under an older span
        if not told and (page.before + used(taken)) * 4 <= budget.calls_max * 3:
            return  # far from the end: what else somebody has booked under an older span cannot matter
        # Near it, what the store says now decides: of two that are too many, the later one sees both.
        rows, span = counting(await self.rows(connection, budget), budget, self._clock.now()), page.span
        page.before = used(rows) - used([row for row in rows if row["starts_at"] == span.begins])
        if used(rows) <= budget.calls_max:
            return
        await self._add(connection, budget, span, -1)
        raise BudgetSpent(ends_of(budget, begins_of(rows[0])))

    async def told(self, connection: str, budget: Budget, left: Left) -> None:
        """The channel counts more than we do: somebody else uses this access as well, or a backup was put back."""
        now = self._clock.now()
        rows = counting(await self.rows(connection, budget), budget, now)
        calls, resets_at = left
        unknown = budget.calls_max - calls - used(rows)
        if unknown <= 0 or resets_at <= now:
            return
        span = span_of(budget, now)
        if budget.zone is None:
            begins = min(resets_at, now + budget.window) - (span.ends - span.begins)
            span = Span(begins, begins + (span.ends - span.begins))
        await self._open(connection, budget, span)
        await self._add(connection, budget, span, unknown)
        if budget.zone is None:
            await self._say_so(connection, budget)
        self._pages.pop(connection, None)

    async def _say_so(self, connection: str, budget: Budget) -> None:
        """What was told lies under an older span, where nobody looks who is far from the end. So every span that is
        open says it has another limit than the budget's: whoever takes a call there sees that, and reads them all.
        One more than the budget, since after a restore what a span could hold is taken as spent (I27)."""
        where = {"connection": connection, "window": window_of(budget)}
        await self._store.append(Append(rows=[Change(BUDGET, where, {"calls_max": budget.calls_max + 1})]))

    async def rows(self, connection: str, budget: Budget) -> Sequence[Row]:
        where = {"connection": connection, "window": window_of(budget)}
        return await self._store.pick(Pick(BUDGET, where, order=("starts_at",)))

    async def _turn(self, connection: str, budget: Budget, span: Span) -> Page:
        """A new span begins: its row is there from now on, and those that count no more are cleared away."""
        rows, now = await self.rows(connection, budget), self._clock.now()
        there = counting(rows, budget, now)
        over = [row for row in rows if ends_of(budget, begins_of(row)) <= now]
        if over or not any(row["starts_at"] == span.begins for row in rows):
            await self._open(connection, budget, span, over)
            # Read again: whoever is told of calls after this finds our row to say so, and before it, we find theirs.
            there = counting(await self.rows(connection, budget), budget, now)
        page = Page(span, used([row for row in there if row["starts_at"] != span.begins]))
        self._pages[connection] = page
        self._pages.move_to_end(connection)
        if len(self._pages) > REMEMBERED_MAX:
            self._pages.popitem(last=False)
        return page

    async def _open(self, connection: str, budget: Budget, span: Span, over: Sequence[Row] = ()) -> None:
        gone = [Drop(BUDGET, {name: each[name] for name in BUDGET.key}) for each in over]
        await self._store.append(Append(rows=[Put(BUDGET, _unused(connection, budget, span), over=False), *gone]))

    async def _add(self, connection: str, budget: Budget, span: Span, count: int) -> None:
        """As many as are there then, whoever else adds meanwhile."""
        pick = _pick(connection, budget, span)
        while rows := await self._store.pick(pick):
            same = Pick(BUDGET, {**pick.where, "used": rows[0]["used"]})
            if await self._store.claim(Claim(same, {"used": used(rows) + count})):
                return
            await asyncio.sleep(0)


def _unused(connection: str, budget: Budget, span: Span) -> Row:
    return {"connection": connection, "window": window_of(budget), "starts_at": span.begins, "used": 0,
            "calls_max": budget.calls_max}  # fmt: skip


def _pick(connection: str, budget: Budget, span: Span) -> Pick:
    return Pick(BUDGET, {"connection": connection, "window": window_of(budget), "starts_at": span.begins})


def booked(
    store: Store,
    http_for: Callable[[str], Any],
    left: Callable[[str], Callable[[Any], Left | None] | None],
    *,
    clock: Now,
) -> Callable[[str], Any]:
    """The same doors, counted where the channel of a connection has a budget; `left` reads what a channel tells."""
    books = Books(store, clock=clock)

    def door(connection: str) -> Any:
        channel = channel_of(connection)
        budget = CHANNELS[channel].budget
        http = http_for(connection)
        return Booked(books, connection, budget, http, left(channel)) if budget else http

    return door


def booking(door: Any) -> list[Write]:
    """What books the first call through a door; nothing where calls are not counted."""
    return door.booking() if isinstance(door, Booked) else []


class Door(Protocol):
    """A way out; the shelf of the channels has its own word for it."""

    async def send(self, method: str, url: str, **more: Any) -> Any: ...


@dataclass(slots=True)
class Booked:
    """A door to one connection's channel that counts what goes through it, and stays shut when nothing is left."""

    books: Books
    connection: str
    budget: Budget
    door: Door
    left: Callable[[Any], Left | None] | None = None
    _ahead: Span | None = None

    def booking(self) -> list[Write]:
        """The first call through this door, booked in the append that begins its attempt: one commit for both."""
        self._ahead, rows = self.books.ahead(self.connection, self.budget)
        return rows

    async def _book(self) -> None:
        span, self._ahead = self._ahead, None
        if span is None:
            await self.books.take(self.connection, self.budget)
        else:
            await self.books.confirm(self.connection, self.budget, span)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: datetime | None = None,
    ) -> Any:
        """What cannot be booked is not sent; what was answered is an answer, whatever becomes of the books."""
        try:
            await self._book()
        except (StoreError, OSError):
            raise BudgetSpent(self.books.now() + AGAIN_AFTER) from None
        answer = await self.door.send(method, url, headers=headers, body=body, deadline=deadline)
        if self.left and (told := self.left(answer)):
            try:
                await self.books.told(self.connection, self.budget, told)
            except (StoreError, OSError) as broken:
                log.error("a budget could not be corrected", connection=self.connection, error=str(broken))
        return answer
