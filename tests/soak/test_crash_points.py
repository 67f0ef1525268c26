"""A death at every place on a post's way, small: once in each place; and that a new place is found by itself (G3)."""

from __future__ import annotations

import asyncio

import pytest

from services.publisher.sending import Sending
from tests.simulation.bugs import planted
from tests.simulation.crash_points import deaths, first_of_each, points_of
from tests.soak.crash_points import PLACES_MIN, crash_points

ONE_OF_EACH = 260


async def test_a_post_ends_right_wherever_its_house_is_killed(tmp_path, tell):
    found = await crash_points(tmp_path, ONE_OF_EACH)
    places = found[-1].reached
    tell("crash points", f"killed at {found[-1].schedules} points on a post's way, in {places} distinct places")
    assert places >= PLACES_MIN
    assert all(tried.kept for tried in found), [tried.violations for tried in found if not tried.kept]


def test_an_await_that_is_added_is_one_place_more(monkeypatch):
    """Nobody has to list it."""
    before = {point.place for point in points_of("plain", "linkedin")}
    let_go = Sending._end

    async def slower(self, *about):
        await asyncio.sleep(0)
        await let_go(self, *about)

    monkeypatch.setattr(Sending, "_end", slower)
    added = {point.place for point in points_of("plain", "linkedin")} - before
    assert [place.lines[-1].split()[-1] for place in added if place.after == "AttemptStarted"].count("first_of") == 1


@pytest.mark.parametrize("bug", ["an_alarm_is_cleared_before_it_is_rung", "a_lease_never_runs_out",
                                 "the_checkpoint_is_written_in_a_transaction_of_its_own"])  # fmt: skip
def test_a_gap_between_two_steps_is_found_by_dying_in_it(bug):
    with planted(bug):
        points = first_of_each(points_of("5xx twice", "linkedin"))
        assert any(wrong for _, wrong in deaths(points))
