"""S19, I23: a slot is wall clock, zone and instant; each local slot happens once per date, in every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planning.zones import UnknownZone, date_at, instant, shown, zone_called, zone_names
from tests.planning.week import DAY, HOUR, MONDAY, Week, clocks

BERLIN = zone_called("Europe/Berlin")
SPRING, AUTUMN = date(2027, 3, 28), date(2026, 10, 25)


def test_s19_in_a_gap_it_is_the_first_valid_instant_after():
    assert instant(SPRING, time(2, 30), BERLIN) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


def test_s19_in_an_overlap_it_is_the_first_occurrence():
    assert instant(AUTUMN, time(2, 30), BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_s19_a_slot_moved_by_a_gap_says_what_was_wanted():
    week = Week(zone="Europe/Berlin", mode="custom", times={"linkedin": {"sun": ("02:30",)}})
    slot = week.take(datetime(2027, 3, 27, 12, tzinfo=UTC)).slot
    assert slot.model_dump(mode="json") == {
        "at": "2027-03-28T01:00:00Z", "local": "2027-03-28T03:00", "zone": "Europe/Berlin", "wanted": "02:30",
        "why": "gap",
    }  # fmt: skip


def test_s19_two_times_that_a_gap_makes_one_are_one_slot():
    times = {"linkedin": {"sun": ("02:10", "02:50", "03:00", "04:00")}}
    week = Week(zone="Europe/Berlin", mode="custom", times=times)
    taken = [week.take(datetime(2027, 3, 27, 12, tzinfo=UTC)).slot for _ in range(3)]
    assert [slot.local for slot in taken] == ["2027-03-28T03:00", "2027-03-28T04:00", "2027-04-04T02:10"]
    assert taken[0].wanted is None


def test_s19_the_hour_that_comes_twice_is_offered_once():
    week = Week(zone="Europe/Berlin", mode="custom", times={"linkedin": {"sun": ("02:30", "03:30")}})
    slots = [week.take(datetime(2026, 10, 24, 12, tzinfo=UTC)).slot for _ in range(2)]
    assert clocks(slot.local for slot in slots) == ["02:30", "03:30"]
    assert slots[1].at - slots[0].at == 2 * HOUR
    assert [slot.why for slot in slots] == ["overlap", None]


def test_s19_a_date_that_a_zone_left_out_has_no_slot_of_its_own():
    """Samoa had no 30 December 2011: a time on it is the first instant after, on the 31st."""
    apia = zone_called("Pacific/Apia")
    assert date_at(instant(date(2011, 12, 30), time(9, 0), apia), apia) == date(2011, 12, 31)


def test_a_zone_that_is_none_is_named_with_the_mend():
    with pytest.raises(UnknownZone, match="Mars/Olympus is not an IANA zone; write it as in Europe/Berlin"):
        zone_called("Mars/Olympus")


ZONES = sorted(zone_names())


@settings(max_examples=300, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    minutes=st.integers(0, 24 * 60 - 1),
)
def test_i23_every_wall_clock_of_every_date_in_every_zone_is_one_instant(zone, day, minutes):
    """It shows that wall clock, or in a gap the first one after it; and no earlier instant shows it."""
    there, wall = zone_called(zone), time(minutes // 60, minutes % 60)
    at, wanted = instant(day, wall, there), datetime.combine(day, wall)
    assert shown(at, there) >= wanted
    if shown(at, there) == wanted:
        assert all(shown(at - timedelta(minutes=back), there) != wanted for back in range(1, 180))
    else:
        assert shown(at - timedelta(seconds=1), there) < wanted


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana"])
def test_i23_over_a_whole_year_each_local_slot_happens_once_per_date(zone):
    wall = tuple(f"{hour:02}:{minute:02}" for hour in range(4) for minute in (0, 30))
    times = {"linkedin": {day: wall for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}}
    week = Week(zone=zone, mode="custom", times=times)
    days = [week.terms.offered_on((MONDAY + number * DAY).date()).offers for number in range(366)]
    instants = [each.at for day in days for each in day]
    assert instants == sorted(set(instants))
    assert {len(day) for day in days} <= {6, 7, 8}
