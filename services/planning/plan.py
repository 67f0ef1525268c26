"""Posts and days in, slots and reasons out (S14, S15, S18, S21). Pure: a plan asks for the days it needs by yielding.

Open(day)    -> the first day at or after it that is not known to be full
Look(days)   -> those days as they stand
and returns     Planned, or Missed where only *exactly at* could have been meant
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from events import Considered, Slot, Why
from services.planning.posting_day import Day, over_cap, refused
from services.planning.terms import ONE_DAY, OfferedDay, Terms
from services.planning.windows import Offer
from services.planning.zones import date_at

LEAD = timedelta(minutes=1)
"""S14: no slot is nearer than a minute."""
CONSIDERED_MAX = 12
"""So many refused slots are named; the others are counted (S21)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """When a post would like to go out (S3)."""

    not_before: datetime | None = None
    exactly_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Open:
    day: date


@dataclass(frozen=True, slots=True)
class Look:
    days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """`full` are the days found without any room on the way; `fills` says that this slot was the last of its day."""

    slot: Slot
    why: Why
    exactly: bool = False
    day: date | None = None
    full: tuple[date, ...] = ()
    fills: bool = False


@dataclass(frozen=True, slots=True)
class Missed:
    """Only *exactly at* can be missed: a person decides (S3)."""

    wanted_at: datetime
    reason: str


@lru_cache(maxsize=4096)
def _considered(local: str, reason: str) -> Considered:
    """Whoever plans a long queue looks at the same taken slots again and again."""
    return Considered(local=local, refused=reason)


Found = TypeVar("Found")
Planning = Generator[Open | Look, Any, Planned | Missed]


@dataclass(slots=True)
class Trail:
    """What was looked at on the way, for whoever asks why."""

    named: list[Considered] = field(default_factory=list)
    more: int = 0

    @property
    def first(self) -> str | None:
        return self.named[0].local if self.named else None

    def passed(self, local: str, reason: str) -> None:
        if len(self.named) < CONSIDERED_MAX:
            self.named.append(_considered(local, reason))
        else:
            self.more += 1

    def stepped_over(self, day: date, opened: date, terms: Terms, earliest: datetime) -> None:
        """Days known to be full are not looked at again, but that they had no time left is said (S15, S18, S21)."""
        while day < opened:
            if (offers := terms.offered_on(day).offers) and offers[-1].at >= earliest:
                self.passed(day.isoformat(), _no_time_left(day, opened, terms))
                return
            day += ONE_DAY


def plan(wish: Wish, terms: Terms, *, now: datetime, reason: str = "planned", lost: Slot | None = None) -> Planning:
    """The earliest free slot at or after max(now + 1 minute, not before), or exactly the time that was asked for.

    `lost` is a slot that came and could not be used, because the channel was away: it is said what became of it (S15).
    """
    if wish.exactly_at is not None:
        return (yield from _exactly(wish.exactly_at, terms, now=now, reason=reason))
    earliest = max(now + LEAD, wish.not_before or now)
    day = date_at(earliest, terms.zone)
    trail, full = Trail(), []
    while True:
        full_from, day = day, (yield Open(day))
        trail.stepped_over(full_from, day, terms, earliest)
        offered = terms.offered_on(day)
        taken = instants((yield Look(offered.days))) if offered.offers else []
        for each in offered.offers:
            if each.at < earliest:
                continue
            if why_not := refused(each.at, taken, terms.cap):
                trail.passed(each.slot.local, why_not)
                continue
            wanted = lost.local if lost else trail.first
            why = _why(terms, each.offer, trail, _fell_back(terms, wanted, day, reason))
            fills = _full(offered, sorted([*taken, each.at]), terms)
            return Planned(each.slot, why, day=day, full=tuple(full), fills=fills)
        if _full(offered, taken, terms):
            full.append(day)
        day += ONE_DAY


def _no_time_left(day: date, opened: date, terms: Terms) -> str:
    others = "" if opened - day == ONE_DAY else f", as are all days before {opened}"
    over = f" or {over_cap(terms.cap)}" if terms.cap.posts_max is not None else ""
    return f"full{others}: every time is taken{over}"


def _full(offered: OfferedDay, taken: Sequence[datetime], terms: Terms) -> bool:
    """Whether none of a day's times can be had any more, by anybody: a day fills from its morning on."""
    return all(refused(each.at, taken, terms.cap) for each in reversed(offered.offers))


def _exactly(at: datetime, terms: Terms, *, now: datetime, reason: str) -> Planning:
    """May lie outside windows and coincide with others, but never breaks a cap (S3)."""
    if now - at > terms.tolerance:
        return Missed(at, "it lies further in the past than the tolerance")
    taken = instants((yield Look(terms.days_with(at, at))))
    if not terms.cap.allows(at, taken):
        return Missed(at, f"it would be {over_cap(terms.cap)}")
    return Planned(terms.slot(at), Why(mode="exactly", reason=reason), exactly=True)


def instants(days: Mapping[date, Day]) -> list[datetime]:
    """Everything taken on these days, in order."""
    return sorted(at for day in days.values() for at in day.instants)


def _why(terms: Terms, offer: Offer, trail: Trail, reason: str) -> Why:
    return Why(mode=terms.mode, window=offer.window, weight=offer.weight, considered=tuple(trail.named),
               considered_more=trail.more, reason=reason)  # fmt: skip


def _fell_back(terms: Terms, wanted: str | None, day: date, reason: str) -> str:
    """S15: a Custom time that could not be had falls to a later one of its day, else to another day; both are said."""
    if terms.mode != "custom" or wanted is None:
        return reason
    if wanted.startswith(day.isoformat()):
        return f"{reason}; {wanted[11:]} could not be had, so the next time of the day"
    return f"{reason}; no time was left on {wanted[:10]}"


def answered(
    planning: Generator[Open | Look, Any, Found], *, first_open: Callable[[date], date], look: Callable[[date], Day]
) -> Found:
    """Run a plan where every day is at hand: a preview, and the tests."""
    answer: Any = None
    while True:
        try:
            asked = planning.send(answer)
        except StopIteration as done:
            return done.value
        answer = first_open(asked.day) if isinstance(asked, Open) else {day: look(day) for day in asked.days}
