"""Held, late, returned, and planned again: within caps, in order, never in a burst (S10, S20, F27)."""

from __future__ import annotations

from collections import Counter

import pytest

from events import (
    PostDue,
    PostHeld,
    PostMissed,
    PostScheduled,
    RescheduleAsked,
    SlotFreed,
    SlotTaken,
)
from events.channels import channel_of
from services.scheduler.seating import Seat
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
)

HELD = PostHeld(connection=LINKEDIN, reason="disconnected")


@pytest.fixture
async def house() -> House:
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.settle()
    return house


def many(count: int, **data) -> list[dict]:
    return [message(f"post-{number:03}", **data) for number in range(count)]


def names(count: int) -> list[str]:
    return [f"post-{number:03}" for number in range(count)]


async def asleep(house: House, until) -> None:
    """The house is down until then: nothing rings."""
    house.clock.step_to(until)
    await house.settle()


async def test_a_post_goes_from_the_door_to_the_publisher(house):
    await house.send(message())
    assert await house.story() == ["PostTakenIn", "PostScheduled"]
    scheduled = await house.last()
    assert scheduled.slot.local == "2026-11-23T10:00"
    assert [taken.at for taken in await house.said(SlotTaken)] == [scheduled.slot.at]
    await house.until(scheduled.slot.at)
    due = await house.last()
    assert isinstance(due, PostDue)
    assert (due.round, due.slot_at, due.tries, due.tolerance_seconds) == (1, scheduled.slot.at, 0, 7200)
    assert await house.alarms() == []


async def test_what_is_published_keeps_its_slot_because_it_counts(house):
    await house.send(message())
    await house.until(TEN)
    await house.deliver(POST, started(), published())
    assert await house.said(SlotFreed) == []
    assert await house.story() == ["PostTakenIn", "PostScheduled", "PostDue"]


class TestDisconnected:
    """S10, D11."""

    async def test_the_post_is_held_when_its_slot_comes_and_not_before(self, house):
        await house.send(message())
        await house.disconnect()
        await house.settle()
        assert await house.story() == ["PostTakenIn", "PostScheduled"]
        await house.until(TEN)
        assert await house.last() == HELD
        assert [freed.why for freed in await house.said(SlotFreed)] == ["held"]
        assert [row["waits_for"] for row in await house.waiting()] == ["connection"]

    async def test_a_reconnect_before_the_slot_costs_nothing(self, house):
        await house.send(message())
        await house.disconnect()
        await house.connect(LINKEDIN)
        await house.until(TEN)
        assert await house.story() == ["PostTakenIn", "PostScheduled", "PostDue"]

    async def test_a_newcomer_gets_its_slot_all_the_same(self, house):
        await house.disconnect()
        await house.send(message())
        assert await house.story() == ["PostTakenIn", "PostScheduled"]

    async def test_on_reconnect_it_takes_the_next_slot(self, house):
        await house.send(message())
        await house.disconnect()
        await house.until(MONDAY + 3 * HOUR)
        await house.connect(LINKEDIN)
        await house.settle()
        scheduled = await house.last()
        assert (scheduled.slot.local, scheduled.why.reason) == ("2026-11-23T11:30", "reconnected")
        assert await house.waiting() == []

    async def test_a_disconnect_between_the_alarm_and_its_append_is_seen(self, house):
        """The guard on the connection: PostDue is never said of a channel that was gone by then."""
        await house.send(message())
        house.interrupt(PostDue, house.disconnect)
        await house.until(TEN)
        assert await house.last() == HELD

    async def test_a_round_that_came_back_is_held_and_goes_on_in_the_next_round(self, house):
        await house.send(message())
        await house.until(TEN)
        await house.disconnect()
        await house.deliver(POST, returned("disconnected"))
        assert await house.last() == HELD
        assert [freed.why for freed in await house.said(SlotFreed)] == ["held"]
        await house.connect(LINKEDIN)
        await house.until(MONDAY + DAY)
        assert (await house.last()).round == 2

    async def test_one_that_comes_back_after_the_reconnect_does_not_wait_for_another(self, house):
        await house.send(message())
        await house.until(TEN)
        await house.disconnect()
        await house.connect(LINKEDIN)
        await house.deliver(POST, returned("disconnected"))
        assert isinstance(await house.last(), PostScheduled)

    async def test_exactly_at_goes_out_late_within_its_tolerance_and_is_missed_beyond_it(self, house):
        await house.send(*(message(name, exactly_at="2026-11-23T10:00:00Z") for name in ("early", "late")))
        await house.disconnect()
        await house.until(TEN)
        await house.ask(RescheduleAsked(post="early", body_hash="b", at=TEN + 90 * MINUTE))
        await house.until(TEN + 2 * HOUR + SECOND)
        await house.connect(LINKEDIN)
        await house.settle()
        assert isinstance(await house.last("early"), PostDue)
        assert isinstance(await house.last("late"), PostMissed)
        assert await house.alarms() == ["remind-acme.late"]


class TestNeverInABurst:
    """S10, I20."""

    async def test_500_held_posts_are_spread_over_slots_in_the_order_they_came(self, house):
        await house.disconnect()
        await house.send(*many(500))
        await house.until(MONDAY + 200 * DAY)
        assert len(await house.said(PostHeld)) == len(await house.said(SlotFreed)) == 500
        now = house.clock.now()
        await house.connect(LINKEDIN)
        await house.settle()
        slots = [(await house.last(name)).slot.at for name in names(500)]
        assert slots == sorted(set(slots))
        assert min(slots) > now
        assert max(Counter(at.date() for at in slots).values()) <= 6
        assert await house.waiting() == []
        assert await house.said(PostDue) == []

    async def test_held_posts_stay_within_the_cap_and_so_do_those_that_come_meanwhile(self, house):
        await house.account(caps={"linkedin": {"posts_per_day_max": 2}})
        await house.disconnect()
        await house.send(*many(60))
        await house.until(MONDAY + 60 * DAY)
        await house.connect(LINKEDIN)
        await house.send(*(message(f"new-{number}") for number in range(20)))
        await house.until(MONDAY + 120 * DAY)
        went = Counter(due.slot_at.date() for due in await house.said(PostDue))
        assert sum(went.values()) == 80
        assert max(went.values()) == 2

    async def test_a_second_disconnect_while_they_are_released_holds_each_when_its_slot_comes(self, house):
        await house.disconnect()
        await house.send(*many(10))
        await house.until(MONDAY + 7 * DAY)
        await house.connect(LINKEDIN)
        await house.settle()
        await house.disconnect()
        await house.until(MONDAY + 14 * DAY)
        assert {type(await house.last(name)) for name in names(10)} == {PostHeld}
        assert len(await house.waiting()) == 10


class TestLate:
    """S20, F27."""

    async def test_a_post_found_within_the_tolerance_goes_out(self, house):
        await house.send(message())
        await asleep(house, TEN + 2 * HOUR)
        assert isinstance(await house.last(), PostDue)

    async def test_a_post_found_later_is_planned_again_and_says_why(self, house):
        await house.send(message())
        await asleep(house, TEN + 2 * HOUR + SECOND)
        scheduled = await house.last()
        assert (scheduled.slot.local, scheduled.why.reason) == ("2026-11-24T09:00", "late")
        assert [freed.why for freed in await house.said(SlotFreed)] == ["moved"]

    async def test_after_six_hours_asleep_nothing_is_blasted_out(self, house):
        times = {"linkedin": {"mon": [f"{hour:02}:{minute:02}" for hour in range(9, 20) for minute in (0, 30)]}}
        await house.account(mode="custom", times=times)
        await house.send(*many(22))
        await asleep(house, MONDAY + 7 * HOUR)
        due = [fact.slot_at for fact in await house.said(PostDue)]
        assert due == [MONDAY + 5 * HOUR + number * 30 * MINUTE for number in range(5)]
        again = [fact for fact in await house.said(PostScheduled) if fact.why.reason.startswith("late")]
        assert [fact.slot.at.date() for fact in again] == [(MONDAY + 7 * DAY).date()] * 8

    async def test_exactly_at_found_too_late_waits_for_a_person(self, house):
        await house.send(message(exactly_at="2026-11-23T10:00:00Z"))
        await asleep(house, TEN + 2 * HOUR + SECOND)
        assert isinstance(await house.last(), PostMissed)
        assert [freed.why for freed in await house.said(SlotFreed)] == ["returned"]
        assert await house.alarms() == [f"remind-acme.{POST}"]

    async def test_the_tolerance_is_the_accounts_own(self, house):
        await house.account(tolerance="PT10M")
        await house.send(message())
        await asleep(house, TEN + 11 * MINUTE)
        assert (await house.last()).why.reason == "late"

    async def test_a_round_that_came_back_late_is_planned_again_with_its_tries(self, house):
        await house.send(message())
        await house.until(TEN)
        await house.deliver(POST, started(), returned("late", tries=2))
        assert (await house.last()).why.reason == "late"
        await house.until(MONDAY + DAY + 4 * HOUR)
        assert ((await house.last()).round, (await house.last()).tries) == (2, 2)

    async def test_exactly_at_that_came_back_late_is_missed(self, house):
        await house.send(message(exactly_at="2026-11-23T10:00:00Z"))
        await house.until(TEN)
        await house.deliver(POST, returned("late"))
        assert isinstance(await house.last(), PostMissed)


class TestOtherEnds:
    async def test_a_withdrawn_round_says_nothing(self, house):
        await house.send(message())
        await house.until(TEN)
        before = await house.story()
        await house.deliver(POST, returned("withdrawn", round=7))
        assert await house.story() == before

    async def test_send_again_is_due_at_once_in_the_next_round(self, house):
        """S35: a person, shown the evidence, has decided."""
        await house.send(message())
        await house.until(TEN)
        await house.deliver(POST, started())
        await house.until(TEN + 5 * HOUR)
        await house.deliver(POST, returned("send_again", tries=1))
        due = await house.last()
        assert (due.round, due.slot_at, due.tries, due.looked_first) == (2, TEN + 5 * HOUR, 1, False)

    async def test_a_definite_failure_gives_the_slot_back(self, house):
        await house.send(message())
        await house.until(TEN)
        await house.deliver(POST, started(), failed())
        assert [freed.why for freed in await house.said(SlotFreed)] == ["failed"]
        assert await house.waiting() == []


async def test_what_was_left_to_do_is_done_by_a_house_that_starts_anew(house):
    await house.disconnect()
    await house.send(*many(120))
    await house.until(MONDAY + 60 * DAY)
    await house.connect(LINKEDIN)
    await house.service.inbox.catch_up()
    again = House(before=house)
    await again.settle()
    assert {type(await again.last(name)) for name in names(120)} == {PostScheduled}
    assert await again.waiting() == []


async def test_a_flood_on_one_connection_leaves_another_alone(house):
    """S17."""
    await house.connect("acme.x", "rival.linkedin")
    await house.account("rival")
    await house.disconnect()
    await house.send(*many(200), message("on-x", channel="x"), message("theirs", account="rival"))
    assert channel_of((await house.last("on-x")).connection) == "x"
    assert (await house.last("theirs", "rival")).slot.at == TEN


async def test_i25_a_post_that_breaks_the_desk_holds_up_nobody_but_itself(house, monkeypatch):
    serve = Seat.serve

    async def broken(seat):
        if seat._case.name == "post-003":
            raise ZeroDivisionError("a bug of ours")
        await serve(seat)

    await house.disconnect()
    await house.send(*many(8))
    await house.until(MONDAY + 7 * DAY)
    monkeypatch.setattr(Seat, "serve", broken)
    await house.connect(LINKEDIN)
    await house.settle()
    assert {name for name in names(8) if isinstance(await house.last(name), PostHeld)} == {"post-003"}
    assert [row["waits_for"] for row in await house.waiting()] == ["later"]
    monkeypatch.setattr(Seat, "serve", serve)
    await house.after(10 * MINUTE)
    assert isinstance(await house.last("post-003"), PostScheduled)
    assert await house.waiting() == []
