"""What moves a slot and what leaves it alone, at the scheduler's door: given, when, then (S17 to S22).

What the pure planner shows for these sentences stands in `tests/planning`, with the worked examples beside it.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

from events import (
    PostDue,
    PostHeld,
    PostMissed,
    PostScheduled,
    RescheduleAsked,
    RetryAsked,
    SlotFreed,
    UndoAsked,
)
from events.subjects import name_of
from tests.scheduler.house import House, message
from tests.scheduler.posts import (
    DAY,
    HOUR,
    LINKEDIN,
    MINUTE,
    MONDAY,
    POST,
    SECOND,
    TEN,
    failed,
    published,
    returned,
    started,
    unclear,
)

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
LAST_OF_MONDAY = MIDNIGHT - 15 * MINUTE
EVENINGS = {"linkedin": {"mon": ["09:00", "17:30"], "tue": ["08:00"]}}


@pytest.fixture
async def house() -> House:
    """An account nobody has configured, with LinkedIn connected, on a Monday at eight."""
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.settle()
    return house


def named(*posts: str, **data: Any) -> list[dict[str, Any]]:
    return [message(post, **data) for post in posts]


class TestS17EachConnectionForItself:
    async def test_s17_an_outage_of_one_channel_delays_no_other(self, house):
        """Given two channels, when one is away at its slot, then the other's post is due on time."""
        await house.connect("acme.blog")
        await house.settle()
        await house.send(message(), message("story", channel="blog"))
        await house.disconnect()
        await house.until(TEN)
        assert isinstance(await house.last(), PostHeld)
        assert [due.slot_at for due in await house.said(PostDue)] == [MONDAY + HOUR]

    async def test_s17_two_connections_of_one_channel_have_a_cap_each(self, house):
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.connect("acme.linkedin.team")
        await house.settle()
        await house.send(
            *named("one", connection=LINKEDIN), *named("two", "three", connection="acme.linkedin.team"),
        )  # fmt: skip
        assert await house.slots("one", "two", "three") == ["2026-11-23T10:00", "2026-11-23T10:00", "2026-11-24T09:00"]


class TestS17aWhatACapCounts:
    @pytest.fixture
    async def one_a_day(self, house) -> House:
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.settle()
        await house.send(message())
        await house.until(TEN)
        return house

    @pytest.mark.parametrize("facts", [(started(), published()), (started(),), (started(), unclear())])
    async def test_s17a_what_is_or_may_be_visible_counts(self, one_a_day, facts):
        """Given one a day, when its post is out, on its way or nobody knows, then the next one is tomorrow's."""
        await one_a_day.deliver(POST, *facts)
        await one_a_day.send(message("next"))
        assert await one_a_day.slots("next") == ["2026-11-24T09:00"]

    async def test_s17a_a_definite_failure_gives_it_back(self, one_a_day):
        await one_a_day.deliver(POST, started(), failed())
        await one_a_day.send(message("next"))
        assert await one_a_day.slots("next") == ["2026-11-23T10:30"]

    async def test_s17a_what_goes_out_after_its_channels_midnight_counts_on_the_day_it_went_out(self, house):
        """Given two a day, when Monday's last post is out on Tuesday, then Tuesday's last one moves on."""
        times = {"linkedin": {"mon": ["23:45"], "tue": ["09:00", "12:30", "18:15"], "wed": ["08:00"]}}
        await house.account(mode="custom", times=times, caps={"linkedin": {"posts_per_day_max": 2}})
        await house.send(*named("late", "one", "two"))
        await house.until(MIDNIGHT + 10 * MINUTE)
        await house.deliver("late", started(at=MIDNIGHT), published(at=MIDNIGHT + 10 * MINUTE, slot_at=LAST_OF_MONDAY))
        assert await house.slots("one", "two") == ["2026-11-24T09:00", "2026-11-25T08:00"]
        assert (await house.decided("two")).why.reason == "over the cap; no time was left on 2026-11-24"
        [freed] = [each for each in await house.said(SlotFreed) if each.post == "late"]
        assert (freed.day, freed.why) == (date(2026, 11, 23), "late")
        await house.send(message("next"))
        assert await house.slots("next") == ["2026-11-30T23:45"]

    async def test_i8_what_went_out_late_counts_once_however_often_it_is_heard(self, house):
        """In Tokyo both times are of one day of the account's, and of two of its channel's."""
        times = {"linkedin": {"tue": ["08:45", "18:00"], "wed": ["08:00"]}}
        await house.account(zone="Asia/Tokyo", mode="custom", times=times, caps={"linkedin": {"posts_per_day_max": 2}})
        await house.send(message("late"))
        await house.until(MIDNIGHT + 10 * MINUTE)
        await house.deliver("late", started(at=MIDNIGHT), published(at=MIDNIGHT + 10 * MINUTE, slot_at=LAST_OF_MONDAY))
        [freed] = await house.said(SlotFreed)
        assert (freed.day, freed.why) == (date(2026, 11, 24), "late")
        await house.deliver("late", published(at=MIDNIGHT + 10 * MINUTE, slot_at=LAST_OF_MONDAY))
        assert await house.said(SlotFreed) == [freed]

    async def test_s17a_what_goes_out_late_on_the_same_day_of_its_channel_moves_nobody(self, one_a_day):
        await one_a_day.send(message("next"))
        await one_a_day.deliver(POST, started(), published(at=TEN + HOUR))
        assert await one_a_day.slots("next") == ["2026-11-24T09:00"]
        assert await one_a_day.said(SlotFreed) == []

    async def test_s17a_one_promised_exactly_at_a_time_is_missed_when_nobody_else_can_leave_its_day(self, house):
        """S3: it never breaks a cap; a person decides."""
        times = {"linkedin": {"mon": ["23:45"], "tue": ["09:00", "12:30"], "wed": ["08:00"]}}
        await house.account(mode="custom", times=times, caps={"linkedin": {"posts_per_day_max": 1}})
        promised = (MIDNIGHT + 20 * HOUR).isoformat()
        await house.send(message("late"), message("promised", exactly_at=promised))
        await house.until(MIDNIGHT + 10 * MINUTE)
        await house.deliver("late", started(at=MIDNIGHT), published(at=MIDNIGHT + 10 * MINUTE, slot_at=LAST_OF_MONDAY))
        assert (await house.last("promised")).reason == "it would be over the cap of 1 posts a day"

    async def test_s17a_one_promised_exactly_at_a_time_stays_while_another_can_leave_its_day(self, house):
        times = {"linkedin": {"mon": ["23:45"], "tue": ["09:00", "12:30"], "wed": ["08:00"]}}
        await house.account(mode="custom", times=times, caps={"linkedin": {"posts_per_day_max": 2}})
        promised = (MIDNIGHT + 20 * HOUR).isoformat()
        await house.send(*named("late", "next"), message("promised", exactly_at=promised))
        await house.until(MIDNIGHT + 10 * MINUTE)
        await house.deliver("late", started(at=MIDNIGHT), published(at=MIDNIGHT + 10 * MINUTE, slot_at=LAST_OF_MONDAY))
        assert await house.slots("promised", "next") == ["2026-11-24T20:00", "2026-11-25T08:00"]

    async def test_s17a_several_late_ones_move_others_in_order_and_never_behind_later_ones(self, house):
        """Given three a day and three out after midnight, then each of Tuesday's moves on, and pushes Wednesday's."""
        days = ("mon", "tue", "wed", "thu", "fri")
        times = {"linkedin": {day: ["23:40", "23:45", "23:50"] for day in days}}
        await house.account(mode="custom", times=times, caps={"linkedin": {"posts_per_day_max": 3}})
        posts = [f"post-{number}" for number in range(9)]
        await house.send(*named(*posts))
        await house.until(MIDNIGHT - 5 * MINUTE)
        for number, post in enumerate(posts[:3]):
            slot = MIDNIGHT + (5 * number - 20) * MINUTE
            await house.deliver(post, started(at=slot), published(at=MIDNIGHT + (number + 1) * MINUTE, slot_at=slot))
        slots = await house.slots(*posts[3:])
        assert slots == sorted(slots)
        assert [slot[5:10] for slot in slots] == ["11-25"] * 3 + ["11-26"] * 3

    async def test_s17a_a_day_that_rolls_is_left_as_it_was_planned(self, house):
        """Given one in any 24 hours and one out an hour late, then the next waits at most that hour for its channel."""
        times = {"tiktok": {"mon": ["09:00"], "tue": ["09:00"], "wed": ["09:00"]}}
        await house.account(mode="custom", times=times, caps={"tiktok": {"posts_per_day_max": 1}})
        await house.connect("acme.tiktok")
        await house.settle()
        video = [{"kind": "video", "url": "https://acme.example/v.mp4"}]
        await house.send(*named("late", "next", channel="tiktok", media=video))
        await house.until(TEN)
        late = published(connection="acme.tiktok", at=TEN, slot_at=MONDAY + HOUR)
        await house.deliver("late", started(at=TEN), late)
        assert await house.slots("next") == ["2026-11-24T09:00"]
        [freed] = await house.said(SlotFreed)
        assert (freed.post, freed.why) == ("late", "late")

    async def test_s17a_a_move_gives_it_back(self, house):
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.send(message())
        await house.ask(RescheduleAsked(post=POST, body_hash="b", not_before=MONDAY + 3 * DAY))
        await house.send(message("next"))
        assert await house.slots(POST, "next") == ["2026-11-26T09:00", "2026-11-23T10:00"]


class TestS18KnownBeforeTheChannelSaysSo:
    async def test_s18_the_101st_post_of_a_day_slips_to_the_next_in_order_and_says_why(self, house):
        """Given room for 144 a day, when 250 posts come, then 100, 100 and 50 go, though no channel was ever asked."""
        clock = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(0, 60, 10)]
        await house.account(mode="custom", times={"linkedin": dict.fromkeys(("tue", "wed", "thu"), clock)})
        await house.settle()
        posts = [f"post-{number:03}" for number in range(250)]
        await house.send(*named(*posts))
        slots = await house.slots(*posts)
        assert slots == sorted(set(slots))
        assert Counter(slot[:10] for slot in slots) == {"2026-11-24": 100, "2026-11-25": 100, "2026-11-26": 50}
        why = (await house.decided("post-100")).why
        assert why.reason == "planned; no time was left on 2026-11-24"
        assert why.considered[0].refused == "full: every time is taken or over the cap of 100 posts a day"


class TestS19OneZone:
    async def test_s19_a_slot_is_stored_as_wall_clock_zone_and_instant(self, house):
        """Given New York in the night of the gap, when half past two is wanted, then all three say what it became."""
        times = {"linkedin": {"sun": ["02:30"]}}
        await house.account(zone="America/New_York", mode="custom", times=times)
        await house.send(message(not_before="2027-03-13T12:00:00-05:00"))
        assert (await house.decided()).slot.model_dump(mode="json") == {
            "at": "2027-03-14T07:00:00Z", "local": "2027-03-14T03:00", "zone": "America/New_York", "wanted": "02:30",
            "why": "gap",
        }  # fmt: skip

    async def test_s19_the_hour_that_comes_twice_sends_once(self, house):
        """Given half past one every Sunday, when the clocks go back, then a post is due the first time and no more."""
        await house.account(zone="America/New_York", mode="custom", times={"linkedin": {"sun": ["01:30"]}})
        await house.send(*named("one", "two", not_before="2027-11-06T12:00:00-04:00"))
        await house.until(MONDAY + 365 * DAY)
        dues = [due.slot_at.isoformat() for due in await house.said(PostDue)]
        assert dues == ["2027-11-07T05:30:00+00:00", "2027-11-14T06:30:00+00:00"]


class TestS20Late:
    async def test_s20_a_late_post_is_planned_again_within_the_cap(self, house):
        """Given two a day and three late posts, when the house is back, then they are spread and not blasted out."""
        await house.account(caps={"linkedin": {"posts_per_day_max": 2}})
        await house.send(*named("one", "two", "three"))
        house.clock.step_to(MONDAY + DAY + 7 * HOUR)
        await house.settle()
        assert await house.slots("one", "two", "three") == ["2026-11-25T09:00", "2026-11-25T09:30", "2026-11-26T09:00"]
        assert await house.said(PostDue) == []

    async def test_s20_late_posts_keep_their_order_though_their_own_slots_had_filled_the_cap(self, house):
        """Given three a day and four late posts, the last of them today's, when the house is back, then it is the last.

        Its old slot may not stand in the way of those before it, only to be given back when its turn comes.
        """
        times = {"linkedin": {"mon": ["12:30", "18:15", "23:45"], "tue": ["03:30", "08:00", "12:30", "18:15"]}}
        await house.account(mode="custom", times=times, caps={"linkedin": {"posts_per_day_max": 3}})
        await house.send(*named("one", "two", "three", "four"))
        assert await house.slots("three", "four") == ["2026-11-23T23:45", "2026-11-24T03:30"]
        house.clock.step_to(MONDAY + 22 * HOUR)
        await house.settle()
        assert await house.slots("one", "two", "three", "four") == [
            "2026-11-24T08:00", "2026-11-24T12:30", "2026-11-24T18:15", "2026-11-30T12:30",
        ]  # fmt: skip

    async def test_s20_it_is_counted_from_the_slot_also_after_a_wait(self, house):
        """Given a post that waited for its lane too long, when the publisher gives it back, then it has a new slot."""
        await house.send(message())
        await house.until(TEN + 2 * HOUR + SECOND)
        await house.deliver(POST, returned("late"))
        assert await house.slots(POST) == ["2026-11-24T09:00"]


class TestS21EveryDecisionCanBeExplained:
    async def test_s21_whatever_gave_a_post_its_slot_says_mode_and_reason(self, house):
        """Given a post with a long life, when its slots are read one by one, then each says how it came to be."""
        await house.send(message())
        await house.disconnect()
        await house.until(TEN)
        await house.connect(LINKEDIN)
        await house.settle()
        moved = await house.ask(RescheduleAsked(post=POST, body_hash="b", not_before=MONDAY + 2 * DAY))
        await house.ask(UndoAsked(post=POST, body_hash="b", bulk=name_of(moved.stream)))
        await house.account(mode="custom", times=EVENINGS)
        await house.settle()
        await house.until(MONDAY + 9 * HOUR + 30 * MINUTE)
        await house.deliver(POST, started(), failed())
        await house.ask(RetryAsked(post=POST, body_hash="b"))
        said = [fact.why for fact in await house.post() if isinstance(fact, PostScheduled)]
        assert [(why.mode, why.reason.split(";")[0]) for why in said] == [
            ("best_practice", "planned"), ("best_practice", "reconnected"), ("best_practice", "moved"),
            ("best_practice", "undone"), ("custom", "replanned"), ("at once", "retry"),
        ]  # fmt: skip

    async def test_s21_a_post_without_a_slot_says_why_it_has_none(self, house):
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.send(*named("one"), *named("two", exactly_at="2026-11-23T15:00:00Z"))
        await house.disconnect()
        await house.until(TEN)
        assert (await house.last("one")).reason == "disconnected"
        missed = await house.last("two")
        assert isinstance(missed, PostMissed)
        assert missed.reason == "it would be over the cap of 1 posts a day"

    async def test_s21_a_slot_that_was_refused_is_named_with_the_reason(self, house):
        await house.send(*named("one", "two"))
        considered = [(each.local, each.refused) for each in (await house.decided("two")).why.considered]
        assert considered == [("2026-11-23T10:00", "taken")]


class TestS22WhatIf:
    async def test_s22_the_queue_moves_by_the_change_and_only_then(self, house):
        """Given a queue, when the account chooses its own times, then the queue is at them, in order.

        That a preview says exactly this beforehand is shown in `tests/gateway/test_previewing.py`.
        """
        await house.send(*named("one", "two", "three"))
        assert await house.slots("one", "two", "three") == [f"2026-11-23T{at}" for at in ("10:00", "10:30", "11:00")]
        await house.account(mode="custom", times=EVENINGS)
        await house.settle()
        assert await house.slots("one", "two", "three") == ["2026-11-23T09:00", "2026-11-23T17:30", "2026-11-24T08:00"]
