"""Held, and planned again: within caps, in order, never in a burst (S10, S20)."""

from __future__ import annotations

import pytest

from events import PostDue, PostHeld, SlotFreed, SlotTaken
from tests.scheduler.house import House, message
from tests.scheduler.posts import DAY, HOUR, LINKEDIN, MONDAY


@pytest.fixture
async def house() -> House:
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.settle()
    return house


async def test_a_post_goes_from_the_door_to_the_publisher(house):
    await house.send(message())
    assert await house.story() == ["PostTakenIn", "PostScheduled"]
    scheduled = await house.last()
    assert scheduled.slot.local == "2026-11-23T10:00"
    assert [taken.at for taken in await house.said(SlotTaken)] == [scheduled.slot.at]
    await house.until(scheduled.slot.at)
    due = await house.last()
    assert isinstance(due, PostDue)
    assert (due.round, due.slot_at, due.tries) == (1, scheduled.slot.at, 0)
    assert await house.alarms() == []


async def test_a_disconnected_channel_holds_when_the_slot_comes_and_resumes_with_the_next_one(house):
    await house.send(message())
    await house.disconnect()
    await house.settle()
    assert await house.story() == ["PostTakenIn", "PostScheduled"]
    await house.until(MONDAY + 3 * HOUR)
    assert await house.last() == PostHeld(connection=LINKEDIN, reason="disconnected")
    assert [freed.why for freed in await house.said(SlotFreed)] == ["held"]
    await house.connect(LINKEDIN)
    await house.settle()
    scheduled = await house.last()
    assert (scheduled.slot.local, scheduled.why.reason) == ("2026-11-23T11:30", "reconnected")


async def test_500_held_posts_are_spread_over_slots(house):
    await house.disconnect()
    await house.send(*(message(f"post-{number:03}") for number in range(500)))
    await house.until(MONDAY + 365 * DAY)
    assert len(await house.said(PostHeld)) == 500
    assert len(await house.said(SlotFreed)) == 500
    now = house.clock.now()
    await house.connect(LINKEDIN)
    await house.settle()
    slots = [(await house.last(f"post-{number:03}")).slot.at for number in range(500)]
    assert slots == sorted(set(slots))
    assert min(slots) > now
    assert max(sum(1 for at in slots if at.date() == day.date()) for day in slots) <= 6
    assert await house.waiting() == []
    assert await house.said(PostDue) == []
