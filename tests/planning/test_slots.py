"""Which slot a post takes: S14 Best Practice, S15 Custom, S16 Adaptive, S3 *exactly at*, S21 why."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from events import Considered, EngagementProfiled
from services.planning.plan import CONSIDERED_MAX, Missed, Planned
from tests.planning.week import DAY, HOUR, MINUTE, MONDAY, Week, clocks


def test_s14_a_window_offers_a_slot_every_half_hour_from_its_start_to_before_its_end():
    assert Week().takes(5) == [f"2026-11-23T{clock}" for clock in ("10:00", "10:30", "11:00", "11:30")] + [
        "2026-11-24T09:00"
    ]


def test_s14_the_spacing_is_a_setting():
    assert clocks(Week(spacing={"linkedin": timedelta(minutes=45)}).takes(4)) == ["10:00", "10:45", "11:30", "09:00"]


def test_s14_the_windows_are_read_in_the_accounts_zone():
    planned = Week(zone="Europe/Berlin").take()
    assert (planned.slot.local, planned.slot.at) == ("2026-11-23T10:00", MONDAY + 9 * HOUR)


@pytest.mark.parametrize(
    ("now", "local"),
    [
        (MONDAY + 9 * HOUR + 59 * MINUTE, "2026-11-23T10:00"),
        (MONDAY + 9 * HOUR + 59 * MINUTE + timedelta(seconds=1), "2026-11-23T10:30"),
        (MONDAY + 11 * HOUR + 30 * MINUTE, "2026-11-24T09:00"),
    ],
)
def test_s14_no_slot_is_nearer_than_a_minute(now, local):
    assert Week().take(now).slot.local == local


def test_s14_no_slot_comes_before_the_time_that_was_asked_for():
    wanted = MONDAY + 2 * DAY + 10 * HOUR + 10 * MINUTE
    assert Week().take(not_before=wanted).slot.local == "2026-11-25T10:30"


def test_s14_weight_only_explains_and_never_chooses():
    """Wednesday's blog window of weight 1 is not left out for Thursday's of weight 3."""
    week = Week("acme.blog")
    planned = [week.take(MONDAY + 2 * DAY) for _ in range(6)]
    assert clocks(each.slot.local for each in planned) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
    assert [each.why.weight for each in planned] == [3, 3, 3, 3, 1, 1]


def test_s14_a_weekend_without_windows_is_stepped_over():
    friday = MONDAY + 4 * DAY
    assert Week().takes(5, friday)[-1] == "2026-11-30T10:00"


def test_s14_a_freed_slot_goes_to_the_next_newcomer():
    week = Week()
    week.takes(6)
    week.free(date(2026, 11, 23), "post-2")
    assert week.takes(2) == ["2026-11-23T10:30", "2026-11-24T10:00"]


def test_s15_custom_takes_exactly_the_times_that_were_set():
    week = Week(mode="custom", times={"linkedin": {"mon": ("17:30", "09:00"), "wed": ("12:15",)}})
    assert week.takes(4) == ["2026-11-23T09:00", "2026-11-23T17:30", "2026-11-25T12:15", "2026-11-30T09:00"]


def test_s15_a_time_that_cannot_be_had_falls_to_the_next_of_its_day_and_the_reason_is_recorded():
    week = Week(mode="custom", times={"linkedin": {"mon": ("09:00", "17:30"), "tue": ("08:00",)}})
    week.take()
    assert week.take().why.reason == "planned; 09:00 could not be had, so the next time of the day"
    planned = week.take()
    assert planned.slot.local == "2026-11-24T08:00"


def test_s15_with_no_time_left_that_day_it_is_another_day_and_the_reason_is_recorded():
    week = Week(mode="custom", times={"linkedin": {"mon": ("09:00",), "tue": ("08:00",)}})
    week.take()
    known_full, week.full = week.full, set()
    looked_at = week.ask()
    week.full = known_full
    stepped_over = week.take()
    for planned in (looked_at, stepped_over):
        assert isinstance(planned, Planned)
        assert planned.slot.local == "2026-11-24T08:00"
        assert planned.why.reason == "planned; no time was left on 2026-11-23"


def test_s15_custom_without_a_single_time_behaves_as_best_practice():
    planned = Week(mode="custom", times={"x": {"mon": ("09:00",)}}).take()
    assert (planned.why.mode, planned.slot.local) == ("best_practice", "2026-11-23T10:00")


def test_s16_adaptive_goes_by_what_was_learned():
    windows = ({"days": [1], "from": "20:00", "to": "21:00", "weight": 0.7},)
    profile = EngagementProfiled(connection="acme.linkedin", windows=windows, inputs={})
    planned = Week(mode="adaptive", profile=profile).take()
    assert (planned.why.mode, planned.why.window, planned.why.weight) == ("adaptive", "20:00-21:00", 0.7)
    assert planned.slot.local == "2026-11-23T20:00"


def test_s16_adaptive_that_has_learned_nothing_behaves_as_best_practice():
    assert Week(mode="adaptive").take().why.mode == "best_practice"


def test_s3_exactly_at_may_lie_outside_windows_and_coincide_with_others():
    week, night = Week(), MONDAY + 3 * HOUR + 7 * MINUTE
    first, second = week.take(exactly_at=night), week.take(exactly_at=night)
    assert (first.slot.at, second.slot.at, first.exactly) == (night, night, True)
    assert first.why.mode == "exactly"


def test_s3_a_slot_that_was_taken_exactly_is_taken_for_everybody_else():
    week = Week()
    week.take(exactly_at=MONDAY + 10 * HOUR)
    assert week.take().slot.local == "2026-11-23T10:30"


def test_s3_exactly_at_is_kept_up_to_the_tolerance_and_missed_beyond_it():
    now = MONDAY + 12 * HOUR
    assert isinstance(Week().ask(now, exactly_at=now - 2 * HOUR), Planned)
    missed = Week().ask(now, exactly_at=now - 2 * HOUR - timedelta(seconds=1))
    assert missed == Missed(now - 2 * HOUR - timedelta(seconds=1), "it lies further in the past than the tolerance")


def test_s21_the_slots_that_were_refused_are_named_with_the_reason():
    week = Week()
    week.takes(2)
    assert week.take().why.considered == (
        Considered(local="2026-11-23T10:00", refused="taken"),
        Considered(local="2026-11-23T10:30", refused="taken"),
    )


def test_s21_of_many_refused_slots_the_first_are_named_and_the_others_counted():
    week = Week(spacing={"linkedin": timedelta(minutes=5)})
    week.takes(20)
    why = week.take().why
    assert (len(why.considered), why.considered_more) == (CONSIDERED_MAX, 8)


def test_s16_where_learned_windows_overlap_the_weightier_one_explains():
    windows = ({"days": [1], "from": "20:00", "to": "21:00", "weight": 3},
               {"days": [1], "from": "20:00", "to": "22:00", "weight": 1})  # fmt: skip
    week = Week(mode="adaptive", profile=EngagementProfiled(connection="acme.linkedin", windows=windows, inputs={}))
    planned = [week.take() for _ in range(4)]
    assert clocks(each.slot.local for each in planned) == ["20:00", "20:30", "21:00", "21:30"]
    assert [each.why.window for each in planned] == ["20:00-21:00"] * 2 + ["20:00-22:00"] * 2
