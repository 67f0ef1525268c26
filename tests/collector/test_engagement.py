"""Adaptive learns which hours do well, from at least 14 days of a connection's own posts, every 7 days (S16)."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import Metrics
from services.collector import engagement
from services.collector.engagement import HOURS, Seen, believe, best_hours, hours_of, recalculate
from services.planning.windows import BEST_PRACTICE, learned
from tests.collector.worlds import live

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
PRESET = hours_of(BEST_PRACTICE["linkedin"])
WORLDS = 200
"""So many worlds tell a gain of 0.03 from luck; `python -m tests.soak adaptive` lives through more."""


def post(day: int, hour: int = 9, likes: int = 20, views: int | None = 1000, bucket: str | None = None) -> Seen:
    return Seen(MONDAY + timedelta(days=day, hours=hour), bucket, Metrics(impressions=views, likes=likes))


def evening_does_well(days: int = 56) -> list[Seen]:
    """Half of it in the mornings, half at 20:00, where five times as many answer."""
    return [post(day, hour, likes) for day in range(days) for hour, likes in ((9, 20), (20, 100))]


def told(seen, *, day: int = 60, zone: ZoneInfo = ZoneInfo("UTC"), state=engagement.initial):
    facts = recalculate(state, connection="acme.linkedin", zone=zone, seen=seen, now=MONDAY + timedelta(days=day))
    return facts[0] if facts else None


def hours(fact) -> set[int]:
    """Hours of the day that are on offer on any weekday."""
    return {hour % 24 for hour in hours_of(learned(fact.windows))}


class TestWhatIsNeeded:
    def test_thirteen_days_are_too_few(self):
        seen = [post(day) for day in range(13)]
        assert told(seen, day=13) is None

    def test_fourteen_days_with_data_on_seven_of_them_are_enough(self):
        assert told([post(day) for day in (0, 2, 4, 6, 8, 10, 12)], day=15) is not None

    def test_six_days_with_data_are_too_few_however_long_it_takes(self):
        assert told([post(day, hour) for day in range(6) for hour in range(24)], day=60) is None

    def test_posts_without_figures_are_no_data(self):
        assert told([post(day, views=None) for day in range(30)]) is None

    @pytest.mark.parametrize("views", [-1, -99, -100, -5000])
    def test_a_negative_figure_is_no_figure(self, views):
        assert told([post(day, views=views) for day in range(30)]) is None
        some = [post(day) for day in range(30)]
        assert told([*some, *(post(day, 20, views=views) for day in range(30))]) == told(some)

    def test_a_negative_figure_takes_nothing_from_the_others(self):
        """Minus forty likes and thirty comments are thirty; minus one impression and a reach are that reach."""
        at = MONDAY + timedelta(hours=9)
        odd = [Seen(at + timedelta(days=day), None, Metrics(reach=1000, impressions=-1, likes=-40, comments=30))
               for day in range(30)]  # fmt: skip
        plain = [Seen(each.published_at, None, Metrics(reach=1000, comments=30)) for each in odd]
        assert told(odd) == told(plain) is not None

    def test_posts_that_are_all_older_than_half_a_year_say_nothing_any_more(self):
        assert told([post(day) for day in range(30)], day=30 + 7 * 27) is None

    @given(st.data())
    @settings(max_examples=60, deadline=None)
    def test_whatever_a_channel_has_told_nothing_is_raised_and_every_weight_is_a_number(self, data):
        figure = st.none() | st.integers(-(10**400), 10**400) | st.integers(-200, 200)
        figures = st.builds(Metrics, reach=figure, impressions=figure, likes=figure, comments=figure, clicks=figure)
        days = st.integers(-400, 400) | st.integers(0, 30)
        seen = data.draw(st.lists(st.builds(lambda day, hour, told: Seen(post(day, hour).published_at, None, told),
                                            days, st.integers(0, 23), figures), min_size=7, max_size=30))  # fmt: skip
        fact = told([*seen, *(post(day) for day in range(0, 30, 3))])
        for each in fact.windows if fact else ():
            assert all(math.isfinite(float(each[name])) for name in ("weight", "own", "benchmark"))

    def test_posts_nobody_saw_are_no_data(self):
        assert told([post(day, views=0) for day in range(30)]) is None

    def test_days_are_the_accounts_own(self):
        """Seven posts at 23:00 and 00:00 UTC are on four days in Berlin, and on seven in UTC."""
        seen = [post(day, hour) for day in range(0, 14, 4) for hour in (23, 25)][:8]
        days = {each.published_at.astimezone(BERLIN).date() for each in seen}
        assert len(days) == 4
        assert told(seen, zone=BERLIN) is None
        assert told(seen) is not None


class TestWhatIsLearned:
    def test_hours_that_did_well_are_offered(self):
        fact = told(evening_does_well())
        assert fact.inputs["moved"]
        assert 20 in hours(fact)

    def test_what_was_learned_stays_until_something_better_is_likely(self):
        first = told(evening_does_well())
        state = engagement.evolve(engagement.initial, first)
        second = told(evening_does_well(57), state=state)
        assert not second.inputs["moved"]
        assert hours(second) == hours(first)

    def test_posts_that_do_alike_everywhere_leave_best_practice(self):
        fact = told([post(day, hour) for day in range(56) for hour in (3, 9, 15, 20)])
        assert not fact.inputs["moved"]
        assert hours_of(learned(fact.windows)) == PRESET

    def test_one_post_gone_viral_moves_nothing(self):
        seen = [post(day, 9) for day in range(30)]
        assert not told([*seen, post(20, 22, likes=900)]).inputs["moved"]

    def test_one_weekday_alone_says_nothing_of_the_others_for_certain(self):
        """Its hour is shared by all weekdays in part, so they move less than it does."""
        seen = [post(7 * week + 2, hour, likes) for week in range(12) for hour, likes in ((9, 20), (20, 60))]
        belief = believe(seen, channel="linkedin", zone=ZoneInfo("UTC"), now=MONDAY + timedelta(days=90))
        wednesday, sunday = belief.mean[2 * 24 + 20], belief.mean[6 * 24 + 20]
        assert wednesday > sunday > 0
        assert belief.own[2 * 24 + 20] > belief.own[6 * 24 + 20]

    def test_neighbouring_hours_learn_from_each_other_and_far_ones_do_not(self):
        belief = believe(evening_does_well(), channel="linkedin", zone=ZoneInfo("UTC"), now=MONDAY + timedelta(days=60))
        at = belief.mean - belief.prior
        assert at[20] > at[21] > at[22] > 0
        assert abs(at[3]) < 0.1

    def test_a_bucket_that_always_does_well_is_no_hour_that_does_well(self):
        """Stories are told at 20:00 and do five times as well there as offers do at 9:00 — and at 9:00 too."""
        seen = [post(day, 20, 100, bucket="stories") for day in range(40)]
        seen += [post(day, 9, 20, bucket="offers") for day in range(40)]
        seen += [post(day, 9, 100, bucket="stories") for day in range(0, 40, 4)]
        assert 20 not in hours(told(seen))

    def test_old_posts_say_less_than_new_ones(self):
        then = [post(day, hour, likes) for day in range(56) for hour, likes in ((9, 20), (20, 60))]
        fresh = believe(then, channel="linkedin", zone=ZoneInfo("UTC"), now=MONDAY + timedelta(days=57))
        stale = believe(then, channel="linkedin", zone=ZoneInfo("UTC"), now=MONDAY + timedelta(days=57 + 112))
        assert stale.mean[20] - stale.prior[20] < fresh.mean[20] - fresh.prior[20]

    def test_hours_are_the_accounts_own(self):
        assert 22 in hours(told(evening_does_well(), zone=BERLIN))


class TestWhatIsOffered:
    @pytest.mark.parametrize("channel", BEST_PRACTICE)
    def test_never_fewer_hours_nor_weekdays_than_best_practice(self, channel):
        preset = hours_of(BEST_PRACTICE[channel])
        belief = believe(evening_does_well(), channel=channel, zone=ZoneInfo("UTC"), now=MONDAY + timedelta(days=60))
        chosen = best_hours(belief, preset)
        assert len(chosen) == len(preset)
        assert len({hour // 24 for hour in chosen}) >= len({hour // 24 for hour in preset})

    def test_every_window_says_what_it_rests_on(self):
        for window in told(evening_does_well()).windows:
            assert set(window) == {"days", "from", "to", "weight", "posts", "own", "benchmark"}
            assert 0 <= window["own"] <= 1
            assert window["from"] < window["to"]

    def test_the_order_in_which_posts_came_changes_nothing(self):
        seen = evening_does_well()
        shuffled = random.Random(7).sample(seen, len(seen))
        assert told(shuffled) == told(seen)

    def test_a_week_has_168_hours_and_every_belief_is_a_number(self):
        belief = believe([post(0, views=10**9, likes=0), post(1, likes=10**9)], channel="x", zone=BERLIN,
                         now=MONDAY + timedelta(days=3))  # fmt: skip
        assert belief.mean.shape == (HOURS,)
        assert np.isfinite(belief.mean).all()
        assert np.isfinite(belief.covariance).all()


class TestInWorldsWithAPlantedTruth:
    def test_where_best_practice_is_the_truth_adaptive_costs_next_to_nothing(self):
        lost = -np.mean([live(seed, deviation=0).gain for seed in range(WORLDS)])
        assert lost <= 0.03

    def test_where_the_truth_is_elsewhere_adaptive_gains(self):
        """More than three standard errors above nothing."""
        gains = [live(seed, deviation=0.4).gain for seed in range(WORLDS)]
        assert np.mean(gains) - 3 * np.std(gains) / np.sqrt(WORLDS) > 0
