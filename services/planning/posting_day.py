"""One connection's day: which slots are taken, what the cap still allows, which offer is the first free one.

SlotTaken   a post has its place on the day
SlotFreed   given back by cancel, move or definite failure (S17a)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from events import Fact, Slot, SlotFreed, SlotTaken
from services.planning.zones import date_at, instant

FULL_DAY = timedelta(hours=24)
INSTANT = timedelta(microseconds=1)
TO_THE_MINUTE = timedelta(minutes=1)
"""A day that rolls is planned by the minute of the slots, so a post that went out within it counts where it was."""
Freed = Literal["cancelled", "moved", "failed", "returned", "held", "edited", "late"]


@dataclass(frozen=True, slots=True)
class Day:
    """Who has which slot; what was given back is gone from here."""

    taken: dict[str, SlotTaken] = field(default_factory=dict)

    @property
    def instants(self) -> list[datetime]:
        return [each.at for each in self.taken.values()]


initial = Day()


def evolve(state: Day, fact: Fact) -> Day:
    match fact:
        case SlotTaken(at=at):
            # Times of one and the same zone are compared fifteen times faster than those of two that are called alike.
            kept = fact if at.tzinfo is UTC else fact.model_copy(update={"at": at.astimezone(UTC)})
            return Day({**state.taken, fact.post: kept})
        case SlotFreed():
            return Day({post: taken for post, taken in state.taken.items() if post != fact.post})
        case _:
            return state


def take(state: Day, *, connection: str, post: str, slot: Slot, exactly: bool = False) -> Sequence[Fact]:
    """Reserve the slot; a post that has this very slot already says nothing."""
    fact = SlotTaken(
        connection=connection, day=day_of(slot), post=post, at=slot.at, local=slot.local, exactly=exactly
    )  # fmt: skip
    return [] if state.taken.get(post) == fact else [fact]


def free(state: Day, *, post: str, why: Freed) -> Sequence[Fact]:
    """Give the slot back; a post that has none on this day says nothing."""
    taken = state.taken.get(post)
    return [SlotFreed(connection=taken.connection, day=taken.day, post=post, why=why)] if taken else []


def day_of(slot: Slot) -> date:
    """The local date a slot belongs to, whose stream it is written on."""
    return date.fromisoformat(slot.local[:10])


@lru_cache(maxsize=4096)
def _reset_day(at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The channel's own day around an instant, from midnight to midnight."""
    day = date_at(at, zone)
    return instant(day, time(), zone), instant(day + timedelta(days=1), time(), zone)


@dataclass(frozen=True, slots=True)
class Cap:
    """How many posts a day, in the channel's own reset zone or over any 24 hours (S17a, S18)."""

    posts_max: int | None
    zone: ZoneInfo
    rolling: bool = False

    def counts_with(self, at: datetime) -> tuple[datetime, datetime]:
        """The stretch of time whose posts count together with one at `at`."""
        if self.posts_max is None:
            return at, at
        if self.rolling:
            return at - FULL_DAY, at + FULL_DAY
        return _reset_day(at, self.zone)

    def counted_at(self, now: datetime) -> tuple[datetime, datetime]:
        """What counts at this moment, from inclusive to exclusive: the channel's day, or the last 24 hours."""
        if self.rolling:
            return now - FULL_DAY + INSTANT, now + INSTANT
        return _reset_day(now, self.zone)

    def parts(self, slot: datetime, out: datetime) -> bool:
        """Whether a post that went out at `out` counts with others than its slot does (S17a)."""
        if self.rolling:
            return out - slot >= TO_THE_MINUTE
        since, until = _reset_day(slot, self.zone)
        return not since <= out < until

    def allows(self, at: datetime, taken: Sequence[datetime]) -> bool:
        """Whether one more at `at` keeps the cap; `taken` is in order."""
        if self.posts_max is None:
            return True
        since, until = self.counts_with(at)
        if not self.rolling:
            return bisect_left(taken, until) - bisect_left(taken, since) < self.posts_max
        near = [each for each in taken if since < each < until]
        # Every 24 hours that hold the newcomer begin at itself or at a slot up to a day before it.
        begins = [each for each in near if each <= at] + [at]
        return all(bisect_left(near, begin + FULL_DAY) - bisect_left(near, begin) < self.posts_max for begin in begins)


def over_since(taken: Iterable[SlotTaken], at: datetime, cap: Cap, *, earliest: datetime) -> datetime | None:
    """From when on slots have to be left so that the channel's day around `at` keeps its cap; None while it does.

    Whoever is under way stays, and so does, as long as another can leave, whoever is promised a time: where nobody
    else can, it is from the end of the day on. A day that rolls is left alone: what waits there for the channel waits
    no longer than the late one was late.
    """
    if cap.posts_max is None or cap.rolling:
        return None
    since, until = cap.counts_with(at)
    there = [each for each in taken if since <= each.at < until]
    too_many = len(there) - cap.posts_max
    if too_many <= 0:
        return None
    may_leave = sorted(each.at for each in there if not each.exactly and each.at >= earliest)
    return may_leave[-too_many:][0] if may_leave else until


def refused(at: datetime, taken: Sequence[datetime], cap: Cap) -> str | None:
    """Why a slot cannot be had, in a person's words (S21); None when it is free."""
    if bisect_right(taken, at) > bisect_left(taken, at):
        return "taken"
    if not cap.allows(at, taken):
        return over_cap(cap)
    return None


def over_cap(cap: Cap) -> str:
    return f"over the cap of {cap.posts_max} posts {'in 24 hours' if cap.rolling else 'a day'}"
