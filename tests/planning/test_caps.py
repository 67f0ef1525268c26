"""Caps: S17a what counts and in which zone, S18 what exceeds them slips, in order."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.channels import CHANNELS
from services.planning.plan import Missed, Planned
from services.planning.posting_day import FULL_DAY, Cap
from services.planning.zones import date_at, zone_called
from tests.planning.week import DAY, HOUR, MINUTE, MONDAY, Week

LOS_ANGELES = zone_called("America/Los_Angeles")
UTC_ZONE = zone_called("UTC")


def test_s18_what_exceeds_the_cap_slips_to_the_next_day_in_order():
    slots = Week(caps={"linkedin": {"posts_per_day_max": 2}}).takes(5)
    assert slots == sorted(slots)
    assert Counter(slot[:10] for slot in slots) == {"2026-11-23": 2, "2026-11-24": 2, "2026-11-25": 1}


def test_s18_the_slots_passed_over_say_why():
    week = Week(caps={"linkedin": {"posts_per_day_max": 1}})
    week.take()
    week.full.clear()
    assert {each.refused for each in week.take().why.considered} == {"taken", "over the cap of 1 posts a day"}


def test_s18_days_that_were_full_before_say_why_as_well():
    """Nobody looks at a full day again, and whoever goes to a later one is told nonetheless (S21)."""
    week = Week(caps={"linkedin": {"posts_per_day_max": 1}})
    week.take()
    assert [(each.local, each.refused) for each in week.take().why.considered] == [
        ("2026-11-23", "full: every time is taken or over the cap of 1 posts a day")
    ]
    assert [(each.local, each.refused) for each in week.take().why.considered] == [
        ("2026-11-23", "full, as are all days before 2026-11-25: every time is taken or over the cap of 1 posts a day")
    ]


def test_s18_a_full_day_that_had_no_time_left_for_this_post_anyway_is_not_blamed():
    """Its times are past, or it has none, as a Sunday; and an account without a cap is told of none."""
    week = Week("acme.x", mode="custom", times={"x": {"mon": ("09:00",), "wed": ("09:00",)}})
    week.takes(1)
    week.full.add(date(2026, 11, 24))
    assert week.ask(MONDAY + 10 * HOUR).why.considered == ()  # type: ignore[union-attr]
    assert week.ask().why.considered[0].refused == (  # type: ignore[union-attr]
        "full, as are all days before 2026-11-25: every time is taken"
    )


def test_s18_without_a_cap_of_its_own_an_account_has_the_channels():
    assert Week().terms.cap == Cap(CHANNELS["linkedin"].posts_per_day_max, UTC_ZONE)
    assert Week("acme.x").terms.cap.posts_max is None


@pytest.mark.parametrize(
    ("channel", "cap"),
    [
        (
            "linkedin",
            Cap(100, UTC_ZONE),
        ),  # channels.md 1: ours, since no figure is published; its day ends at 00:00 UTC
        ("youtube", Cap(6, LOS_ANGELES)),  # channels.md 6: an unverified channel; the quota's day is Pacific
        ("instagram", Cap(100, UTC_ZONE, rolling=True)),  # channels.md 4: a moving window of 24 hours
        ("tiktok", Cap(15, UTC_ZONE, rolling=True)),  # channels.md 5: about 15 in 24 hours, over all apps
        ("x", Cap(None, UTC_ZONE)),  # channels.md 2, 3, 7, 8: none published; their calls are budgets
        ("facebook", Cap(None, UTC_ZONE)),
        ("pinterest", Cap(None, UTC_ZONE)),
        ("blog", Cap(None, UTC_ZONE)),
    ],
)
def test_s18_each_channels_cap_is_known_before_the_channel_says_so(channel, cap):
    assert Week(f"acme.{channel}").terms.cap == cap


def test_s17a_youtube_counts_its_days_in_pacific_time():
    """Six a day: 15:00 in Tokyo is still the day before in Los Angeles, so a Tokyo evening has the next six."""
    week = Week("acme.youtube", zone="Asia/Tokyo", spacing={"youtube": timedelta(minutes=10)})
    slots = [week.take(MONDAY + DAY).slot.at for _ in range(20)]
    assert max(Counter(date_at(at, LOS_ANGELES) for at in slots).values()) == 6


def test_s17a_a_slot_counts_on_both_sides_of_the_accounts_midnight():
    """23:30 and 00:30 in Los Angeles are two of its days and one of UTC's, which is what LinkedIn counts by."""
    week = Week(zone="America/Los_Angeles", caps={"linkedin": {"posts_per_day_max": 1}})
    evening = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
    assert isinstance(week.ask(MONDAY, exactly_at=evening), Planned)
    week.take(MONDAY, exactly_at=evening)
    assert week.ask(MONDAY, exactly_at=evening + HOUR) == Missed(
        evening + HOUR, "it would be over the cap of 1 posts a day"
    )
    assert isinstance(week.ask(MONDAY, exactly_at=evening + 17 * HOUR), Planned)


def test_s17a_a_rolling_day_has_no_midnight():
    week = Week("acme.instagram", caps={"instagram": {"posts_per_day_max": 2}})
    evening = MONDAY + 22 * HOUR
    week.take(exactly_at=evening)
    week.take(exactly_at=evening + HOUR)
    tomorrow = week.ask(exactly_at=evening + 3 * HOUR)
    assert tomorrow == Missed(evening + 3 * HOUR, "it would be over the cap of 2 posts in 24 hours")
    assert isinstance(week.ask(exactly_at=evening + DAY), Planned)


def test_s17a_a_rolling_day_is_kept_for_those_who_come_later_as_well():
    """A post put in between may not push the 24 hours that begin before it over the cap."""
    cap = Cap(2, UTC_ZONE, rolling=True)
    taken = [MONDAY, MONDAY + 23 * HOUR]
    assert not cap.allows(MONDAY + 12 * HOUR, taken)
    assert cap.allows(MONDAY + 24 * HOUR, taken)


def test_s17a_a_freed_slot_is_given_back_to_the_cap():
    week = Week(caps={"linkedin": {"posts_per_day_max": 1}})
    assert week.take().slot.local == "2026-11-23T10:00"
    assert week.ask().slot.local == "2026-11-24T09:00"  # type: ignore[union-attr]
    week.free(MONDAY.date(), "post-1")
    assert week.take().slot.local == "2026-11-23T10:00"


def test_s3_exactly_at_never_breaks_a_cap():
    week = Week(caps={"linkedin": {"posts_per_day_max": 1}})
    week.take()
    assert week.ask(exactly_at=MONDAY + 20 * HOUR) == Missed(
        MONDAY + 20 * HOUR, "it would be over the cap of 1 posts a day"
    )


def test_a_day_is_reported_full_when_its_last_slot_goes_and_only_then():
    week = Week()
    planned = [week.take() for _ in range(4)]
    assert [each.fills for each in planned] == [False, False, False, True]


def test_a_day_that_the_cap_fills_is_reported_full_as_well():
    week = Week(caps={"linkedin": {"posts_per_day_max": 2}})
    assert [week.take().fills for _ in range(2)] == [False, True]


@settings(max_examples=60, deadline=None)
@given(
    channel=st.sampled_from(sorted(CHANNELS)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "Australia/Lord_Howe"]),
    most=st.integers(1, 8),
    minutes=st.sampled_from([10, 30, 45]),
    wishes=st.lists(
        st.one_of(st.none(), st.integers(0, 6 * 24 * 60), st.tuples(st.integers(0, 6 * 24 * 60))), max_size=40
    ),
)
def test_s18_no_order_of_wishes_ever_exceeds_a_cap_or_books_a_slot_twice(channel, zone, most, minutes, wishes):
    week = Week(f"acme.{channel}", zone=zone, caps={channel: {"posts_per_day_max": most}},
                spacing={channel: timedelta(minutes=minutes)})  # fmt: skip
    booked = []
    for number, wish in enumerate(wishes):
        if isinstance(wish, tuple):
            planned = week.ask(exactly_at=MONDAY + wish[0] * MINUTE)
        elif wish is None:
            planned = week.ask()
        else:
            planned = week.ask(not_before=MONDAY + wish * MINUTE)
        if isinstance(planned, Planned):
            week.put(f"post-{number}", planned)
            booked += [] if planned.exactly else [planned.slot.at]
    assert len(booked) == len(set(booked))
    cap, taken = week.terms.cap, week.instants()
    if cap.rolling:
        assert all(sum(at <= other < at + FULL_DAY for other in taken) <= most for at in taken)
    else:
        assert max(Counter(date_at(at, cap.zone) for at in taken).values(), default=0) <= most


@pytest.mark.parametrize("count", [1, 7, 100])
def test_s14_posts_that_are_planned_in_order_go_out_in_order(count):
    slots = Week().takes(count)
    assert slots == sorted(set(slots))
