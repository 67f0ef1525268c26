"""Neighbours that are moved in one request stand in nobody's way: each has let go of its slot first (S25)."""

from __future__ import annotations

from datetime import datetime

import pytest

from events import CancelAsked, Fact, RescheduleAsked, SlotFreed, SlotTaken, Told, UndoAsked
from events.subjects import name_of, story_of
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, DAY, HOUR, LINKEDIN, MINUTE, MONDAY, TEN

NAMES = ("one", "two", "three", "four")
HALF_HOURS = [f"2026-11-23T{clock}" for clock in ("10:00", "10:30", "11:00", "11:30")]


@pytest.fixture
async def house() -> House:
    """Four posts in a row, on Monday at 10:00, 10:30, 11:00 and 11:30."""
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.send(*(message(name) for name in NAMES))
    assert await house.slots(*NAMES) == HALF_HOURS
    return house


async def ask_together(house: House, *asks: Fact) -> list[Told]:
    """One request for several posts."""
    stream = f"asking-{house.new_id()}"
    told = [await house.say(stream, ask, story=story_of(ACME, ask.post), account=ACME) for ask in asks]
    await house.settle()
    return told


async def shift(house: House, *starts: datetime, names: tuple[str, ...] = NAMES) -> list[Told]:
    moves = [RescheduleAsked(post=name, body_hash="b", not_before=at) for name, at in zip(names, starts, strict=True)]
    return await ask_together(house, *moves)


async def held(house: House) -> list[datetime]:
    """Every slot that somebody has, as the days' own books say it."""
    slots: dict[str, datetime] = {}
    for fact in [each.fact for each in await house.everything()]:
        match fact:
            case SlotTaken():
                slots[fact.post] = fact.at
            case SlotFreed():
                slots.pop(fact.post, None)
    return sorted(slots.values())


async def test_neighbours_shifted_by_half_an_hour_stay_on_their_day(house):
    """The last one leaves Monday's window; nobody else does."""
    await shift(house, *(TEN + number * 30 * MINUTE for number in (1, 2, 3, 4)))
    assert await house.slots(*NAMES) == [*HALF_HOURS[1:], "2026-11-24T09:00"]


async def test_they_keep_their_order_on_a_day_that_only_they_fill(house):
    await house.account(caps={"linkedin": {"posts_per_day_max": 4}})
    await house.settle()
    await shift(house, *[MONDAY] * 4)
    assert await house.slots(*NAMES) == HALF_HOURS


async def test_taking_it_back_they_stand_in_nobodys_way_either(house):
    await house.ask(CancelAsked(post="one", body_hash="b"))
    told = await shift(house, *(TEN + number * 30 * MINUTE for number in (0, 1, 2)), names=NAMES[1:])
    assert await house.slots(*NAMES[1:]) == HALF_HOURS[:3]
    bulk = name_of(told[0].stream)
    await ask_together(house, *(UndoAsked(post=name, body_hash="b", bulk=bulk) for name in NAMES[1:]))
    assert await house.slots(*NAMES[1:]) == HALF_HOURS[1:]


async def test_whoever_is_refused_keeps_the_slot_and_nobody_gets_it(house):
    stale = RescheduleAsked(post="two", body_hash="b", not_before=MONDAY + DAY, expected="1.0")
    past = RescheduleAsked(post="three", body_hash="b", at=MONDAY - DAY)
    move = RescheduleAsked(post="one", body_hash="b", not_before=TEN + 30 * MINUTE)
    _, *refused = await ask_together(house, move, stale, past)
    assert [(await house.answer(each)).code for each in refused] == ["stale", "no_slot"]
    assert await house.slots(*NAMES) == ["2026-11-24T09:00", *HALF_HOURS[1:]]
    assert await held(house) == [TEN + 30 * MINUTE, TEN + HOUR, TEN + 90 * MINUTE, TEN + 23 * HOUR]


async def test_the_desk_is_called_when_the_last_of_a_request_is_heard(house):
    """Called by the first, it would find the others in their old slots. When the last is refused, it is called too."""
    stream, asks = f"asking-{house.new_id()}", {name: RescheduleAsked(post=name, body_hash="b") for name in NAMES[:2]}
    stale = RescheduleAsked(post="three", body_hash="b", expected="1.0")
    for name, ask in {**asks, "three": stale}.items():
        await house.say(stream, ask, story=story_of(ACME, name), account=ACME)
    await house.settle()
    assert [row["story"] for row in await house.waiting()] == ["acme.one", "acme.two"]
    await house.after(MINUTE)
    assert await house.waiting() == []
    assert [(await house.last(name)).why.reason for name in ("one", "two")] == ["moved", "moved"]


async def test_an_undo_gives_each_its_old_slot_also_when_one_of_them_had_asked_for_it_exactly(house):
    """The one that goes back to its exact time leaves the slot the other one had."""
    await house.ask(CancelAsked(post="one", body_hash="b"))
    await house.send(message("exact", exactly_at=(TEN + 47 * MINUTE).isoformat()))
    [moved, _] = await shift(house, TEN + 3 * HOUR, TEN + 30 * MINUTE, names=("two", "exact"))
    assert await house.slots("two", "exact") == ["2026-11-24T09:00", "2026-11-23T10:30"]
    bulk = name_of(moved.stream)
    await ask_together(house, *(UndoAsked(post=name, body_hash="b", bulk=bulk) for name in ("two", "exact")))
    assert await house.slots("two", "exact") == ["2026-11-23T10:30", "2026-11-23T10:47"]
