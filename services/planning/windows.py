"""Which times suit a channel: Best Practice, Custom, Adaptive (S13 to S16). Pure.

A week is what all three come down to: for each weekday the wall clock times on offer, with the window each lies in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

SPACING = timedelta(minutes=30)
"""S14: a window offers a slot every 30 minutes, unless the connection's own setting says otherwise."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of the day, from inclusive to exclusive, on ISO weekdays (1 is Monday); the weight only explains."""

    days: tuple[int, ...]
    begins: int
    ends: int
    weight: float

    @property
    def label(self) -> str:
        return f"{_clock(self.begins)}-{_clock(self.ends)}"


@dataclass(frozen=True, slots=True)
class Offer:
    """A wall clock time that suits, and the window it lies in; a Custom time stands for itself."""

    wall: time
    window: str
    weight: float | None = None


Week = tuple[tuple[Offer, ...], ...]
"""Monday first; every day's offers in order."""


def _minutes(wall: str) -> int:
    hours, minutes = wall.split(":")
    return int(hours) * 60 + int(minutes)


def window(days: Iterable[int], begins: str, ends: str, weight: float) -> Window:
    return Window(tuple(days), _minutes(begins), _minutes(ends), weight)


TUE_THU, TUE_FRI, MON_THU = (2, 3, 4), (2, 3, 4, 5), (1, 2, 3, 4)

BEST_PRACTICE: Mapping[str, tuple[Window, ...]] = {
    "linkedin": (window(TUE_THU, "09:00", "12:00", 3), window((1, 5), "10:00", "12:00", 1)),
    "x": (window(TUE_FRI, "09:00", "12:00", 3), window(TUE_THU, "12:00", "15:00", 2)),
    "facebook": (window(MON_THU, "09:00", "12:00", 3), window((2, 3), "12:00", "15:00", 1)),
    "instagram": (window(TUE_THU, "11:00", "14:00", 3), window((2, 3), "18:00", "20:00", 2)),
    "tiktok": (window(TUE_FRI, "18:00", "21:00", 3), window((6, 7), "16:00", "19:00", 2)),
    "youtube": (window((3, 4, 5), "15:00", "18:00", 3), window((5,), "18:00", "19:00", 2)),
    "pinterest": (window((5, 6, 7), "20:00", "23:00", 3), window(TUE_THU, "10:00", "13:00", 2)),
    "blog": (window(MON_THU, "09:00", "11:00", 3), window((3,), "11:00", "14:00", 1)),
}
"""S14: an editorial reading of published benchmarks that follows the product's own words where they speak."""


def week_of(windows: Sequence[Window], spacing: timedelta = SPACING) -> Week:
    """A slot every `spacing`, from a window's start inclusive to its end exclusive (S14)."""
    step = max(1, int(spacing.total_seconds()) // 60)
    days: list[dict[int, Offer]] = [{} for _ in WEEKDAYS]
    for each in sorted(windows, key=lambda each: each.weight):
        for day in each.days:
            for minute in range(each.begins, each.ends, step):
                days[day - 1][minute] = Offer(_time(minute), each.label, each.weight)
    return tuple(tuple(offers[minute] for minute in sorted(offers)) for offers in days)


def week_of_times(times: Mapping[Any, Sequence[str]]) -> Week:
    """S15: exact times per weekday; a day not named has none."""
    return tuple(
        tuple(
            Offer(_time(minute), _clock(minute)) for minute in sorted({_minutes(wall) for wall in times.get(day, ())})
        )
        for day in WEEKDAYS
    )


def learned(windows: Iterable[Mapping[str, Any]]) -> tuple[Window, ...]:
    """The windows of an EngagementProfiled, written like the preset: days, from, to, weight (S16)."""
    return tuple(window(each["days"], each["from"], each["to"], float(each.get("weight", 1))) for each in windows)


def _time(minute: int) -> time:
    return time(minute // 60, minute % 60)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
