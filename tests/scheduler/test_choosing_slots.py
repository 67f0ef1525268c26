"""Which slot a post gets in each of the three modes, at the scheduler's door: given, when, then (S13 to S16).

What the pure planner shows for these sentences stands in `tests/planning`, with the worked examples beside it.
"""

from __future__ import annotations

from typing import Any

import pytest

from events import (
    CancelAsked,
    EngagementProfiled,
)
from events.subjects import engagement_stream
from tests.scheduler.house import House, message
from tests.scheduler.posts import (
    HOUR,
    LINKEDIN,
    MONDAY,
    POST,
    SECOND,
    TEN,
    returned,
)

EVENINGS = {"linkedin": {"mon": ["09:00", "17:30"], "tue": ["08:00"]}}
NIGHTS = ({"days": [1, 2], "from": "20:00", "to": "21:00", "weight": 1},)


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


class TestS13ThreeModes:
    async def test_s13_an_account_that_configured_nothing_is_planned_by_best_practice(self, house):
        """Given an account with its zone and no more, when a post comes in, then its channel's windows decide."""
        await house.send(message())
        why = (await house.decided()).why
        assert (why.mode, why.window) == ("best_practice", "10:00-12:00")

    @pytest.mark.parametrize(
        ("mode", "slot"), [("best_practice", "T10:00"), ("custom", "T09:00"), ("adaptive", "T20:00")]
    )
    async def test_s13_the_accounts_mode_decides_for_each_of_its_channels(self, house, mode, slot):
        """Given times and learned windows alike, when the mode is chosen, then only what belongs to it counts."""
        await house.say(engagement_stream(LINKEDIN), EngagementProfiled(connection=LINKEDIN, windows=NIGHTS, inputs={}))
        await house.account(mode=mode, times=EVENINGS)
        await house.settle()
        await house.send(message())
        scheduled = await house.decided()
        assert (scheduled.why.mode, scheduled.slot.local) == (mode, f"2026-11-23{slot}")

    async def test_s13_two_accounts_have_two_modes(self, house):
        await house.account("rival", mode="custom", times=EVENINGS)
        await house.connect("rival.linkedin")
        await house.settle()
        await house.send(message(), message(account="rival"))
        assert (await house.decided()).slot.local == "2026-11-23T10:00"
        assert (await house.decided(account="rival")).slot.local == "2026-11-23T09:00"


class TestS14BestPractice:
    async def test_s14_a_freed_slot_goes_to_the_next_newcomer_and_nobody_is_pulled_forward(self, house):
        """Given three posts in a row, when the first is cancelled, then the others stay, and a fourth has its slot."""
        await house.send(*named("one", "two", "three"))
        await house.ask(CancelAsked(post="one", body_hash="b"))
        await house.send(message("four"))
        assert await house.slots("two", "three", "four") == [f"2026-11-23T{at}" for at in ("10:30", "11:00", "10:00")]

    async def test_s14_a_replan_keeps_the_order_of_what_it_moves(self, house):
        """Given a newcomer in a freed slot before others, when a cap moves them, then intake's order is back."""
        await house.send(*named("one", "two", "three"))
        await house.ask(CancelAsked(post="one", body_hash="b"))
        await house.send(message("four"))
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.settle()
        assert await house.slots("two", "three", "four") == [
            "2026-11-23T10:00",
            "2026-11-24T09:00",
            "2026-11-25T09:00",
        ]

    async def test_s14_spacing_is_a_setting_of_each_channel(self, house):
        await house.account(spacing={"linkedin": "PT1H"})
        await house.connect("acme.x")
        await house.settle()
        await house.send(*named("one", "two"), *named("three", "four", channel="x"))
        assert await house.slots("one", "two") == ["2026-11-23T10:00", "2026-11-23T11:00"]
        assert await house.slots("three", "four") == ["2026-11-24T09:00", "2026-11-24T09:30"]


class TestS15Custom:
    @pytest.fixture
    async def custom(self, house) -> House:
        await house.account(mode="custom", times=EVENINGS)
        await house.settle()
        return house

    async def test_s15_a_disconnected_channel_makes_it_the_next_time_of_the_same_day(self, custom):
        """Given a nine o'clock post, when its channel is away at nine and back at ten, then it is half past five."""
        await custom.send(message())
        await custom.disconnect()
        await custom.until(TEN)
        await custom.connect(LINKEDIN)
        await custom.settle()
        assert await custom.slots(POST) == ["2026-11-23T17:30"]

    async def test_s15_a_rate_budget_that_is_spent_makes_it_the_next_time_of_the_same_day(self, custom):
        """Given a nine o'clock post, when the channel's limit outlasts its tolerance, then it is half past five."""
        await custom.send(message())
        await custom.until(MONDAY + HOUR)
        await custom.until(MONDAY + 3 * HOUR + SECOND)
        await custom.deliver(POST, returned("late"))
        scheduled = await custom.decided()
        assert (scheduled.slot.local, scheduled.why.reason) == ("2026-11-23T17:30", "late")

    async def test_s15_with_none_left_that_day_it_is_the_next_and_the_reason_is_recorded(self, custom):
        """Given a day whose two times are taken, when a third post comes, then it is Tuesday's, and says why."""
        await custom.send(*named("one", "two", "three"))
        scheduled = await custom.decided("three")
        assert (scheduled.slot.local, scheduled.why.reason) == (
            "2026-11-24T08:00", "planned; no time was left on 2026-11-23",
        )  # fmt: skip

    async def test_s15_the_reason_is_recorded_also_by_a_house_that_starts_anew(self, custom):
        """What is known of full days comes from its rows then, and nobody looks at the day itself."""
        await custom.send(*named("one", "two"))
        again = House(before=custom)
        await again.send(message("three"))
        assert (await again.decided("three")).why.reason == "planned; no time was left on 2026-11-23"

    async def test_s15_a_cap_that_is_reached_is_named(self, custom):
        caps = {"linkedin": {"posts_per_day_max": 1}}
        await custom.account(mode="custom", times=EVENINGS, caps=caps)
        await custom.send(*named("one", "two"))
        why = (await custom.decided("two")).why
        assert why.reason == "planned; no time was left on 2026-11-23"
        assert [each.refused for each in why.considered] == [
            "full: every time is taken or over the cap of 1 posts a day"
        ]


class TestS16Adaptive:
    async def test_s16_until_something_was_learned_it_behaves_as_best_practice(self, house):
        await house.account(mode="adaptive")
        await house.send(message())
        assert (await house.decided()).why.mode == "best_practice"

    async def test_s16_what_another_account_learned_counts_for_nobody_else(self, house):
        """Given two adaptive accounts, when one of them has learned, then the other still goes by the benchmark."""
        await house.account(mode="adaptive")
        await house.account("rival", mode="adaptive")
        await house.connect("rival.linkedin")
        profile = EngagementProfiled(connection="rival.linkedin", windows=NIGHTS, inputs={})
        await house.say(engagement_stream("rival.linkedin"), profile)
        await house.settle()
        await house.send(message(), message(account="rival"))
        assert (await house.decided()).slot.local == "2026-11-23T10:00"
        assert (await house.decided(account="rival")).slot.local == "2026-11-23T20:00"

    async def test_s16_the_latest_recalculation_counts(self, house):
        await house.account(mode="adaptive")
        mornings = ({"days": [1], "from": "08:30", "to": "09:00", "weight": 1},)
        for windows in (NIGHTS, mornings):
            profile = EngagementProfiled(connection=LINKEDIN, windows=windows, inputs={})
            await house.say(engagement_stream(LINKEDIN), profile)
        await house.settle()
        await house.send(message())
        assert (await house.decided()).slot.local == "2026-11-23T08:30"
