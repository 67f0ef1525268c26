"""The days of a connection that are known to be full, so that whoever plans a long queue steps over them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from services.planning.terms import ONE_DAY


@dataclass(slots=True)
class FullDays:
    """`_beyond` leads from a full day to one that may be open; each step remembers where it ended."""

    days: set[date] = field(default_factory=set)
    _beyond: dict[date, date] = field(default_factory=dict)

    def add(self, days: Iterable[date]) -> list[date]:
        """Which of these days were not known to be full."""
        fresh = [day for day in days if day not in self.days]
        self.days.update(fresh)
        self._beyond.update((day, day + ONE_DAY) for day in fresh)
        return fresh

    def room_on(self, days: Iterable[date]) -> None:
        """A slot was given back that counted on these days."""
        if again := self.days & set(days):
            self.days -= again
            self._beyond = {full: full + ONE_DAY for full in self.days}

    def first_open(self, day: date) -> date:
        """The first day at or after this one that is not known to be full."""
        stepped = []
        while ahead := self._beyond.get(day):
            stepped.append(day)
            day = ahead
        for each in stepped:
            self._beyond[each] = day
        return day
