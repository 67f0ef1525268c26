"""S19, I23: at every change of every zone's clocks from 2020 to 2035, a wall clock is the instant the rule says it is.

Gap: the first valid instant after. Overlap: the first occurrence. In between, later wall clocks are later instants, and
an instant shows the wall clock it was made of. The changes are found from the offsets alone, not by what is tested.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from services.planning.zones import date_at, instant, shown, shows_again, zone_called, zone_names

SINCE, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
MINUTE, QUARTER, HOUR = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1)
CLOSEST = timedelta(days=14)
"""No zone changes its clocks twice within so little: Ramadan, the shortest time between two changes, has 29 days."""
NO_ZONES = {"localtime", "posixrules"}
"""What a machine may have beside its zones: its own, under another name."""


@dataclass(frozen=True)
class Change:
    """From `at` on, the clocks of the zone stand at `after` instead of `before`."""

    zone: ZoneInfo
    at: datetime
    before: timedelta
    after: timedelta

    @property
    def ends(self) -> datetime:
        """What the clocks would have shown then, had nobody touched them."""
        return (self.at + self.before).replace(tzinfo=None)

    @property
    def begins(self) -> datetime:
        return (self.at + self.after).replace(tzinfo=None)

    @property
    def skips(self) -> bool:
        return self.after > self.before


def offset(at: datetime, zone: ZoneInfo) -> timedelta:
    found = at.astimezone(zone).utcoffset()
    assert found is not None
    return found


def changes_of(zone: ZoneInfo) -> Iterator[Change]:
    at = SINCE
    while at < UNTIL:
        later = at + CLOSEST
        before, after = offset(at, zone), offset(later, zone)
        if before != after:
            yield Change(zone, first_with(after, at, later, zone), before, after)
        at = later


def first_with(after: timedelta, low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (low, middle) if offset(middle, zone) == after else (middle, high)
    return high


@cache
def every_change() -> list[Change]:
    return [change for name in sorted(zone_names()) for change in changes_of(zone_called(name))]


def at(wall: datetime, zone: ZoneInfo) -> datetime:
    return instant(wall.date(), wall.time(), zone)


def between(first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    while first < last:
        yield first
        first += step


def test_every_zone_of_this_python_is_known():
    assert zoneinfo.available_timezones() - NO_ZONES <= zone_names()


def test_there_is_something_to_try():
    """The clocks of the world are changed some thousand times in these years, by an hour and by less."""
    changes = every_change()
    assert len({change.zone.key for change in changes}) > 150
    assert len(changes) > 5000
    assert {timedelta(minutes=30), -timedelta(minutes=30), HOUR, -HOUR} <= {
        each.after - each.before for each in changes
    }
    known = {(each.zone.key, each.at) for each in changes}
    assert ("Europe/Berlin", datetime(2027, 3, 28, 1, tzinfo=UTC)) in known
    assert ("America/New_York", datetime(2027, 11, 7, 6, tzinfo=UTC)) in known
    assert ("Australia/Lord_Howe", datetime(2027, 10, 2, 15, 30, tzinfo=UTC)) in known
    assert ("Africa/Casablanca", datetime(2026, 2, 15, 2, tzinfo=UTC)) in known


def test_s19_in_every_gap_it_is_the_first_valid_instant_after():
    for change in every_change():
        if change.skips:
            skipped = [change.ends, change.ends + MINUTE, change.begins - QUARTER, change.begins - MINUTE]
            assert [at(wall, change.zone) for wall in skipped] == [change.at] * 4, change
            assert at(change.begins, change.zone) == change.at, change
            assert at(change.ends - MINUTE, change.zone) == change.at - MINUTE, change


def test_s19_in_every_overlap_it_is_the_first_occurrence():
    for change in every_change():
        if not change.skips:
            for wall in (change.begins, change.begins + QUARTER, change.ends - MINUTE):
                first = at(wall, change.zone)
                assert first == change.at - (change.ends - wall), (change, wall)
                assert shows_again(first, change.zone), (change, wall)
                assert not shows_again(first + (change.before - change.after), change.zone), (change, wall)
            assert at(change.ends, change.zone) == change.at + (change.before - change.after), change
            assert not shows_again(at(change.ends, change.zone), change.zone), change
            assert not shows_again(at(change.begins - MINUTE, change.zone), change.zone), change


def test_i23_around_every_change_later_wall_clocks_are_later_instants_that_show_them():
    """Monotone, and there and back: only what a gap skips comes back as another wall clock, that of its end."""
    for change in every_change():
        walls = list(between(min(change.begins, change.ends) - HOUR, max(change.begins, change.ends) + HOUR, QUARTER))
        instants = [at(wall, change.zone) for wall in walls]
        assert all(first <= second for first, second in pairwise(instants)), change
        for wall, found in zip(walls, instants, strict=True):
            skipped = change.skips and change.ends <= wall < change.begins
            assert shown(found, change.zone) == (change.begins if skipped else wall), (change, wall)


def test_i23_around_every_change_no_instant_has_a_date_before_that_of_an_earlier_one():
    """A plan goes from date to date, so the clocks may go back over anything but a midnight."""
    for change in every_change():
        assert date_at(change.at, change.zone) >= date_at(change.at - MINUTE, change.zone), change


@pytest.mark.parametrize("name", ["Pacific/Apia", "Pacific/Fakaofo"])
def test_s19_every_wall_clock_of_a_date_that_was_left_out_is_the_midnight_after_it(name):
    zone, missing = zone_called(name), date(2011, 12, 30)
    midnight = instant(date(2011, 12, 31), time(), zone)
    assert {instant(missing, time(hour), zone) for hour in range(24)} == {midnight}
    assert shown(midnight - MINUTE, zone) == datetime.combine(date(2011, 12, 29), time(23, 59))
