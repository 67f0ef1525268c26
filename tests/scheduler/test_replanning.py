"""An account changes what it is planned by: its queue moves in order, and only what must (S14, S18, S19, S22)."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from functools import partial

import pytest

from events import CancelAsked, EngagementProfiled, PostDue, PostMissed, PostScheduled, RescheduleAsked, SlotFreed
from events.subjects import account_stream
from services.chassis.rows import ROOM, Pick
from services.chassis.store import Append
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, DAY, HOUR, LINKEDIN, MINUTE, MONDAY, TEN

NAMES = [f"post-{number:02}" for number in range(8)]
EVENINGS = {"linkedin": {"mon": ["19:00"], "tue": ["19:00"], "wed": ["18:00", "19:00"]}}


@pytest.fixture
async def house() -> House:
    """Eight posts: four on Monday morning, four on Tuesday's."""
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.settle()
    await house.send(*(message(name) for name in NAMES))
    return house


async def slots(house: House, names: list[str] = NAMES) -> list[str]:
    return [(await house.last(name)).slot.local for name in names]


async def test_another_mode_moves_the_queue_in_order(house):
    await house.account(mode="custom", times=EVENINGS)
    await house.settle()
    assert (await slots(house))[:5] == [
        "2026-11-23T19:00", "2026-11-24T19:00", "2026-11-25T18:00", "2026-11-25T19:00", "2026-11-30T19:00",
    ]  # fmt: skip
    assert {(await house.last(name)).why.reason.split(";")[0] for name in NAMES} == {"replanned"}


async def test_a_smaller_cap_spreads_the_queue_and_keeps_its_order(house):
    await house.account(caps={"linkedin": {"posts_per_day_max": 2}})
    await house.settle()
    moved = await slots(house)
    assert moved == sorted(moved)
    assert set(Counter(local[:10] for local in moved).values()) == {2}


async def test_whoever_gets_the_same_slot_again_has_not_moved_and_nothing_is_said(house):
    await house.account(caps={"linkedin": {"posts_per_day_max": 2}})
    await house.settle()
    assert await house.story("post-00") == await house.story("post-01") == ["PostTakenIn", "PostScheduled"]
    assert len(await house.said(SlotFreed)) == 6


async def test_a_change_that_does_not_concern_planning_moves_nobody(house):
    before = await house.store.position()
    await house.account(owner="o@acme.example", tolerance="PT1H", caps={"x": {"posts_per_day_max": 1}})
    await house.settle()
    assert await house.store.position() == before + 1


async def test_another_zone_moves_the_wall_clock_along(house):
    await house.account(zone="Europe/Berlin")
    await house.settle()
    first = (await house.last("post-00")).slot
    assert (first.local, first.zone, first.at) == ("2026-11-23T10:00", "Europe/Berlin", MONDAY + HOUR)


async def test_exactly_at_and_what_is_about_to_go_out_stay(house):
    await house.send(message("exactly", exactly_at="2026-11-24T03:00:00Z"))
    house.clock.step_to(TEN - 30 * MINUTE / 60)
    await house.account(mode="custom", times=EVENINGS)
    await house.settle()
    assert (await slots(house, ["exactly", "post-00", "post-01"])) == [
        "2026-11-24T03:00", "2026-11-23T10:00", "2026-11-23T19:00",
    ]  # fmt: skip


async def test_a_wish_outlives_the_move(house):
    await house.send(message("later", not_before="2027-01-13T00:00:00Z"))
    await house.account(mode="custom", times=EVENINGS)
    await house.settle()
    assert (await house.last("later")).slot.local == "2027-01-13T18:00"


async def test_days_that_were_full_are_looked_at_again(house):
    assert await house.store.pick(Pick(ROOM)) != []
    await house.account(spacing={"linkedin": "PT15M"})
    await house.settle()
    assert (await slots(house))[-1] == "2026-11-23T11:45"
    await house.send(message("newcomer"))
    assert (await house.last("newcomer")).slot.local == "2026-11-24T09:00"


async def test_the_moved_queue_goes_out_at_its_new_slots_and_only_then(house):
    await house.account(mode="custom", times=EVENINGS)
    await house.until(MONDAY + 2 * DAY)
    assert [due.slot_at for due in await house.said(PostDue)] == [MONDAY + 11 * HOUR, MONDAY + 35 * HOUR]


async def test_s16_what_was_learned_counts_for_newcomers_of_an_adaptive_account(house):
    await house.account(mode="adaptive")
    await house.settle()
    windows = ({"days": [1, 2], "from": "20:00", "to": "21:00", "weight": 1},)
    profile = EngagementProfiled(connection=LINKEDIN, windows=windows, inputs={})
    await house.say(f"engagement-{LINKEDIN}", profile)
    await house.settle()
    await house.send(message("newcomer"))
    newcomer = await house.last("newcomer")
    assert (newcomer.slot.local, newcomer.why.mode) == ("2026-11-23T20:00", "adaptive")
    assert (await slots(house))[0] == "2026-11-23T10:00"


async def test_a_long_queue_is_moved_within_caps_whatever_comes_in_meanwhile(house):
    await house.send(*(message(f"more-{number:03}") for number in range(150)))
    await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
    await house.send(*(message(f"new-{number:02}") for number in range(20)))
    names = [*NAMES, *(f"more-{number:03}" for number in range(150))]
    moved = [(await house.last(name)).slot.at for name in names]
    assert moved == sorted(set(moved))
    everybody = await house.said(PostScheduled)
    last = {name: (await house.last(name)).slot.at for name in [*names, *(f"new-{number:02}" for number in range(20))]}
    assert len(everybody) > len(last)
    assert max(Counter(at.date() for at in last.values()).values()) == 1


async def test_s17_others_have_a_turn_between_any_two_posts_of_a_long_queue_that_is_moved(house):
    await house.send(*(message(f"more-{number:03}") for number in range(150)))
    turns: list[int] = []

    async def others():
        for turn in itertools.count():
            turns.append(turn)
            await asyncio.sleep(0)

    had: list[int] = []

    async def written():
        had.append(len(turns))

    house.interrupt(before=PostScheduled, say=written)
    await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
    waiting = asyncio.create_task(others())
    await house.settle()
    waiting.cancel()
    assert had[0] >= 150


async def test_a_change_is_planned_once_and_by_what_the_account_says_now(house):
    tries = counted(house)
    await house.account(caps={"linkedin": {"posts_per_day_max": 2}})
    await house.settle()
    assert len(tries) == 1


async def test_whoever_was_quicker_than_the_move_of_a_queue_has_it_planned_again_at_once(house):
    await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
    house.interrupt(before=PostScheduled, say=partial(house.account, caps={"linkedin": {"posts_per_day_max": 2}}))
    await house.settle()
    assert set(Counter(local[:10] for local in await slots(house)).values()) == {2}


def counted(house: House) -> list[Append]:
    """Every plan that is tried: it relies on the account as it was read."""
    append, tries = house.store.append, []

    async def trying(asked: Append):
        if account_stream(ACME) in asked.still:
            tries.append(asked)
        return await append(asked)

    house.store.append = trying
    return tries


async def test_s17a_a_slot_from_before_a_change_of_zone_still_counts(house):
    """20:00 UTC is the 25th in Tokyo and the 24th in Los Angeles; the cap counts it on the 24th in any case."""
    caps = {"linkedin": {"posts_per_day_max": 1}}
    await house.account(zone="Asia/Tokyo", caps=caps)
    await house.settle()
    for name in NAMES:
        await house.ask(CancelAsked(post=name, body_hash="b"))
    await house.send(message("exactly", exactly_at="2026-11-24T20:00:00Z"))
    times = {"linkedin": {"tue": ["07:00"], "wed": ["07:00"]}}
    await house.account(
        zone="America/Los_Angeles", mode="custom", times=times, caps={"linkedin": {"posts_per_day_max": 1}}
    )
    await house.send(message("newcomer"))
    assert (await house.last("newcomer")).slot.local == "2026-11-25T07:00"


class TestANewcomerIsQuickerThanTheReplan:
    """It is taken in after the change was said and before anything was done about it; by the new terms, like whoever
    comes later, and no restart is needed."""

    async def test_s18_days_that_were_full_under_a_smaller_cap_are_not_full_any_more(self, house):
        house = await self.full_of_promises()
        assert await house.slots("first") == ["2026-11-30T10:00"]
        await house.account(caps={"linkedin": {"posts_per_day_max": 3}})
        await house.take("second")
        await house.settle()
        await house.send(message("third"))
        assert await house.slots("first", "second", "third") == [
            "2026-11-23T10:30", "2026-11-23T11:00", "2026-11-24T09:00",
        ]  # fmt: skip

    async def test_s18_also_in_a_house_that_starts_anew_just_then(self, house):
        house = await self.full_of_promises()
        await house.account(caps={"linkedin": {"posts_per_day_max": 3}})
        house = House(before=house)
        await house.take("second")
        await house.settle()
        assert await house.slots("first", "second") == ["2026-11-23T10:30", "2026-11-23T11:00"]

    async def test_s16_a_morning_that_was_full_says_nothing_of_the_evenings_that_were_learned(self, house):
        await house.account(mode="adaptive")
        await house.settle()
        windows = ({"days": [1], "from": "20:00", "to": "21:00", "weight": 1},)
        profile = EngagementProfiled(connection=LINKEDIN, windows=windows, inputs={})
        await house.say(f"engagement-{LINKEDIN}", profile)
        await house.take("first")
        await house.settle()
        await house.send(message("second"))
        assert await house.slots("first", "second") == ["2026-11-23T20:00", "2026-11-23T20:30"]

    async def test_what_is_found_full_by_the_new_terms_is_known_to_a_house_that_starts_anew(self, house):
        """Given two a day and Friday filled, when the house starts anew, then it steps over Friday at once."""
        await house.account(caps={"linkedin": {"posts_per_day_max": 2}})
        await house.settle()
        await house.send(*(message(f"newcomer-{number}") for number in range(2)))
        looked, fold = [], house.store.fold
        house.store.fold = lambda stream, decider: looked.append(stream[-10:]) or fold(stream, decider)
        house = House(before=house)
        await house.send(message("later", not_before="2026-11-27T08:00:00Z"))
        assert await house.slots("newcomer-0", "newcomer-1", "later") == [
            "2026-11-27T10:00", "2026-11-27T10:30", "2026-11-30T10:00",
        ]  # fmt: skip
        assert "2026-11-27" not in looked

    async def full_of_promises(self) -> House:
        """One a day, and a week in which every day has its one, promised for an exact time."""
        house = House()
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.connect(LINKEDIN)
        await house.settle()
        await house.send(*(message(f"promise-{day}", exactly_at=(TEN + day * DAY).isoformat()) for day in range(5)))
        await house.send(message("first"))
        return house


class TestExactlyAtUnderASmallerCap:
    """A promise is never moved, and never breaks a cap: over one it is missed, and a person decides (S3)."""

    async def test_s3_those_over_the_new_cap_are_missed_the_latest_intake_first(self):
        """Given four on one day, the first of them the latest hour, when the cap becomes one, then only it goes out."""
        house = await self.promised(*(f"2026-11-25T{hour}:00:00Z" for hour in (18, 13, 16, 14)))
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.settle()
        assert [await house.story(f"promise-{number}") for number in range(4)] == [
            ["PostTakenIn", "PostScheduled"], *[["PostTakenIn", "PostScheduled", "PostMissed"]] * 3,
        ]  # fmt: skip
        missed = await house.last("promise-1")
        assert (missed.wanted_at.hour, missed.reason) == (13, "it would be over the cap of 1 posts a day")
        assert [freed.why for freed in await house.said(SlotFreed)] == ["returned"] * 3
        assert {f"remind-acme.promise-{number}" for number in (1, 2, 3)} <= set(await house.alarms())
        await house.until(MONDAY + 3 * DAY)
        assert [due.slot_at.hour for due in await house.said(PostDue)] == [18]

    async def test_s3_whoever_may_move_makes_room_for_a_promise_though_it_came_first(self):
        house = await self.promised()
        await house.send(message("planned", not_before="2026-11-25T08:00:00Z"))
        await house.send(message("promise", exactly_at="2026-11-25T15:00:00Z"))
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.settle()
        assert await house.slots("promise", "planned") == ["2026-11-25T15:00", "2026-11-26T09:00"]
        assert await house.said(PostMissed) == []

    async def test_s17a_what_has_gone_out_counts_before_a_promise(self):
        house = await self.promised("2026-11-23T15:00:00Z")
        await house.send(message("planned"))
        await house.until(TEN)
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.settle()
        assert await house.story("planned") == ["PostTakenIn", "PostScheduled", "PostDue"]
        assert (await house.story("promise-0"))[-1] == "PostMissed"

    async def test_s3_a_person_has_given_one_another_day_and_it_goes_out_there(self):
        house = await self.promised("2026-11-25T13:00:00Z", "2026-11-25T14:00:00Z")
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.settle()
        there = TEN + 3 * DAY + 4 * HOUR
        await house.ask(RescheduleAsked(post="promise-1", body_hash="b", at=there))
        assert await house.slots("promise-0", "promise-1") == ["2026-11-25T13:00", "2026-11-26T14:00"]

    @pytest.mark.parametrize("change", [
        {"caps": {"linkedin": {"posts_per_day_max": 4}}}, {"mode": "custom", "times": EVENINGS}, {"zone": "Asia/Tokyo"},
    ])  # fmt: skip
    async def test_s22_within_the_cap_nothing_is_said_of_a_promise(self, change):
        house = await self.promised(*(f"2026-11-25T{hour}:00:00Z" for hour in (13, 14, 15, 16)))
        await house.account(**change)
        before = await house.store.position()
        await house.settle()
        assert await house.store.position() == before

    async def promised(self, *times: str) -> House:
        house = House()
        await house.account()
        await house.connect(LINKEDIN)
        await house.settle()
        await house.send(*(message(f"promise-{number}", exactly_at=at) for number, at in enumerate(times)))
        return house
