"""A connection's days at hand, so that a plan can be asked for in one line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from events import AccountDocument, EngagementProfiled, SlotTaken
from services.planning import posting_day
from services.planning.plan import Missed, Planned, Wish, answered, plan
from services.planning.posting_day import Day, day_of
from services.planning.terms import ONE_DAY, Terms, terms_of

MONDAY = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Week:
    """One connection's days, filled as slots are taken; full days are known only where a plan has found them."""

    def __init__(self, connection: str = "acme.linkedin", *, profile: EngagementProfiled | None = None, **choices: Any):
        document = AccountDocument(id="acme", **{"zone": "UTC", **choices})
        self.terms: Terms = terms_of(connection, document, profile)
        self.days: defaultdict[date, Day] = defaultdict(Day)
        self.full: set[date] = set()
        self._names = 0

    def ask(self, now: datetime = MONDAY, *, reason: str = "planned", **wish: datetime) -> Planned | Missed:
        """Where a post would go; nothing is taken."""
        planning = plan(Wish(**wish), self.terms, now=now, reason=reason)
        return answered(planning, first_open=self._first_open, look=lambda day: self.days[day])

    def take(self, now: datetime = MONDAY, **wish: datetime) -> Planned:
        """A post goes there."""
        planned = self.ask(now, **wish)
        assert isinstance(planned, Planned), planned
        self._names += 1
        self.put(f"post-{self._names}", planned)
        self.full |= {*planned.full, *([planned.day] if planned.fills and planned.day else [])}
        return planned

    def put(self, post: str, planned: Planned) -> None:
        day = day_of(planned.slot)
        for fact in posting_day.take(self.days[day], connection=self.terms.connection, post=post, slot=planned.slot,
                                     exactly=planned.exactly):  # fmt: skip
            assert isinstance(fact, SlotTaken)
            self.days[day] = posting_day.evolve(self.days[day], fact)

    def free(self, day: date, post: str) -> None:
        for fact in posting_day.free(self.days[day], post=post, why="cancelled"):
            self.days[day] = posting_day.evolve(self.days[day], fact)
        self.full -= {day - ONE_DAY, day, day + ONE_DAY}

    def takes(self, count: int, now: datetime = MONDAY, **wish: datetime) -> list[str]:
        """So many posts, one after another: their local slots."""
        return [self.take(now, **wish).slot.local for _ in range(count)]

    def instants(self) -> list[datetime]:
        return sorted(at for day in self.days.values() for at in day.instants)

    def _first_open(self, day: date) -> date:
        while day in self.full:
            day += ONE_DAY
        return day


def clocks(local: Iterable[str]) -> list[str]:
    """The wall clocks alone."""
    return [each[11:] for each in local]
