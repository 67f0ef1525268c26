"""What somebody types as a date and a time is meant on the wall of the account, as the planner means it (S19)."""

from __future__ import annotations

import re

import pytest

from services.gateway.page.rendering import moment
from services.gateway.page.sheets import instant_in
from services.gateway.problems import Problem
from tests.zones import always_utc

BERLIN, LORD_HOWE = "Europe/Berlin", "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("typed", "zone", "shown"),
    [
        ("2027-03-28T02:30", BERLIN, "2027-03-28 03:00"),
        ("2027-10-03T02:15", LORD_HOWE, "2027-10-03 02:30"),
        ("2011-12-30T09:00", "Pacific/Apia", "2011-12-31 00:00"),
        ("2026-10-25T02:30", BERLIN, "2026-10-25 02:30"),
        ("2026-12-01T09:30", BERLIN, "2026-12-01 09:30"),
    ],
)
def test_in_a_gap_it_is_the_first_valid_instant_after(typed, zone, shown):
    assert moment(instant_in(typed, zone).isoformat(), zone, "%Y-%m-%d %H:%M") == shown


def test_in_an_overlap_it_is_the_first_occurrence():
    assert instant_in("2026-10-25T02:30", BERLIN).isoformat() == "2026-10-25T00:30:00+00:00"


@pytest.mark.parametrize("typed", ["2027-03-27T09:00+05:00", "2027-03-27T09:00Z", "2027-03-27T09:00-00:30"])
def test_an_offset_is_refused_and_not_dropped(typed):
    mend = "write the time as the clock of Europe/Berlin shows it, without an offset"
    with pytest.raises(Problem, match=re.escape(mend)):
        instant_in(typed, BERLIN)


@pytest.mark.parametrize("typed", ["", "tomorrow", "2027-13-01T09:00", "0001-01-01T00:00", "9999-12-31T23:59"])
def test_what_is_no_time_that_can_be_had_is_refused(typed):
    with pytest.raises(Problem, match="choose a date and a time"):
        instant_in(typed, "Asia/Tokyo" if typed.startswith("0001") else "America/New_York")


def test_the_zone_is_the_pinned_one_and_not_this_machines(tmp_path):
    with always_utc(tmp_path, BERLIN):
        assert instant_in("2026-12-01T09:30", BERLIN).isoformat() == "2026-12-01T08:30:00+00:00"
        assert moment("2026-12-01T08:30:00Z", BERLIN, "%H:%M") == "09:30"
