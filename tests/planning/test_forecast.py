"""The coming week: what is planned for each day, what fits, what has moved on, and what room is left (S18, S21)."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from services.gateway.views.ahead import forecast_of, sentence
from services.planning.forecast import DAYS, Ahead, ahead
from services.planning.plan import Planned
from tests.planning.week import DAY, HOUR, MONDAY, Week

TIMES = {"linkedin": {day: ("09:00", "12:00", "15:00") for day in ("mon", "tue", "wed", "thu", "fri")}}


def planned(posts: int, now: datetime = MONDAY, **choices: Any) -> tuple[Week, list[Ahead]]:
    """So many posts taken in one after the other, and the week as it then stands."""
    week = Week(**{"mode": "custom", "times": TIMES, **choices})
    moves: Counter[tuple[date, date]] = Counter()
    for _ in range(posts):
        found = week.take(now)
        moves[wanted(found), date.fromisoformat(found.slot.local[:10])] += 1
    return week, ahead(week.terms, moves, week.instants(), now=now)


def wanted(found: Planned) -> date:
    first = found.why.considered[0].local if found.why.considered else found.slot.local
    return date.fromisoformat(first[:10])


def test_what_exceeds_a_day_is_said_to_move_to_the_next():
    _, days = planned(5)
    assert [(each.planned, each.fit, each.taken, each.room, each.full) for each in days[:3]] == [
        (5, 3, 3, 0, True), (0, 0, 2, 1, False), (0, 0, 0, 3, False),
    ]  # fmt: skip
    assert sentence(days) == "Full on Monday, 2 posts move to Tuesday."


def test_a_cap_fills_a_day_as_well_as_its_times_do():
    _, days = planned(6, caps={"linkedin": {"posts_per_day_max": 2}})
    assert [(each.taken, each.room) for each in days[:4]] == [(2, 0), (2, 0), (2, 0), (0, 2)]
    assert sentence(days) == (
        "Full on Monday, 2 posts move to Tuesday and 2 posts move to Wednesday. Tuesday and Wednesday are full as well."
    )


def test_a_day_that_is_just_full_moves_nobody():
    assert sentence(planned(3)[1]) == "Monday is full, and nothing had to move."


def test_a_week_with_room_says_so_and_so_does_an_empty_one():
    assert sentence(planned(2)[1]) == "Everything planned for the coming 7 days fits."
    assert sentence(planned(0)[1]) == "Nothing is planned for the coming 7 days."


def test_a_day_without_times_is_not_full_and_neither_is_one_whose_times_are_over():
    _, days = planned(0, now=MONDAY + 18 * HOUR)
    assert [(each.day.strftime("%a"), each.room, each.full) for each in days] == [
        ("Mon", 0, False), ("Tue", 3, False), ("Wed", 3, False), ("Thu", 3, False), ("Fri", 3, False),
        ("Sat", 0, False), ("Sun", 0, False),
    ]  # fmt: skip


def test_whatever_room_it_tells_is_what_the_planner_then_finds():
    week, days = planned(7, caps={"linkedin": {"posts_per_day_max": 2}}, zone="Asia/Tokyo")
    room = {each.day: each.room for each in days}
    found = Counter(date.fromisoformat(week.take().slot.local[:10]) for _ in range(sum(room.values())))
    assert found == {day: count for day, count in room.items() if count}


def test_a_rolling_cap_has_less_room_the_day_after():
    week = Week("acme.instagram", caps={"instagram": {"posts_per_day_max": 2}})
    week.take(exactly_at=MONDAY + 23 * HOUR)
    week.take(exactly_at=MONDAY + 23 * HOUR)
    days = ahead(week.terms, {}, week.instants(), now=MONDAY)
    assert [each.room for each in days[:3]] == [0, 0, 2]


def test_only_the_first_full_days_are_named_and_the_table_has_them_all():
    _, days = planned(3 * 5 + 4)
    found = forecast_of(days)
    assert len(found["days"]) == DAYS
    assert found["days"][0]["moved_to"] == {
        "2026-11-24": 3, "2026-11-25": 3, "2026-11-26": 3, "2026-11-27": 3, "2026-11-30": 3, "2026-12-01": 1,
    }  # fmt: skip
    assert found["sentence"] == (
        "Full on Monday, 3 posts move to Tuesday, 3 posts move to Wednesday, 3 posts move to Thursday and 7 posts move "
        "further on. Tuesday, Wednesday, Thursday and Friday are full as well."
    )


def test_a_day_beyond_the_week_goes_by_its_date():
    on = MONDAY.date() + timedelta(days=9)
    days = [Ahead(MONDAY.date() + number * DAY, 0, 0, 0, 1, full=False) for number in range(DAYS)]
    days[6] = Ahead(days[6].day, 1, 0, 3, 0, full=True, moved={on: 1})
    assert sentence(days) == "Full on Sunday, 1 post moves to Wednesday 2 December."


def test_a_day_that_had_to_send_somebody_on_may_have_room_again():
    """A freed slot goes to the next newcomer, and nobody is pulled forward (S14)."""
    week, _ = planned(4)
    week.free(MONDAY.date(), "post-1")
    moves = {(MONDAY.date(), MONDAY.date()): 2, (MONDAY.date(), MONDAY.date() + DAY): 1}
    days = ahead(week.terms, moves, week.instants(), now=MONDAY)
    assert (days[0].room, days[0].full) == (1, False)
    assert sentence(days) == "Full on Monday, 1 post moves to Tuesday. It has room for 1 again."
