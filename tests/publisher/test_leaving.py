"""A publisher that leaves, one whose store is away, and one that does not know what time it is (I22, I28, I29)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from events import AttemptStarted, PostPublished
from services.channels.outcome import Found
from services.chassis.clock import ScaledClock
from services.chassis.store import StoreError
from services.publisher.lanes import LEASE
from tests.publisher.house import House
from tests.publisher.posts import HOUR, LINKEDIN, NINE

OTHER = "acme.spring-043-linkedin"


@pytest.fixture
async def house() -> House:
    return await House(LINKEDIN).connected()


async def test_leaving_starts_no_attempt_and_ends_the_open_one_with_its_outcome(house):
    """I29: the line of what was not begun stays claimable by whoever comes next."""
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.due(OTHER)
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    leaving = asyncio.create_task(house.drain.left())
    await house.drain.begun.wait()
    channel.gate.set()
    await leaving
    assert await house.lanes.step() == 0
    assert await house.story() == ["AttemptStarted", "PostPublished"]
    assert await house.story(OTHER) == []
    house.lanes = house.more_lanes(holder="next life")
    await house.settle()
    assert await house.story(OTHER) == ["AttemptStarted", "PostPublished"]


async def test_a_call_that_is_cut_is_unclear_and_looked_up(house):
    """I29: asked twice, it leaves at once, and nothing is left without an outcome."""
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    house.drain.ask()
    house.drain.ask()
    await house.drain.left()
    assert await house.story() == ["AttemptStarted", "AttemptUnclear"]
    assert (await house.last()).code == "cut"
    house.lanes = house.more_lanes(holder="next life")
    channel.looks.append(Found("linkedin-1"))
    await house.until(NINE + HOUR)
    assert (await house.last()).found_by == "look_up"
    assert len(channel.sent) == 1


async def test_the_outcome_of_a_call_waits_for_a_store_that_is_away(house):
    """I28: it is not forgotten, and it is said once, also when the answer to an append that stands was lost."""
    append, tries = house.store.append, []

    async def troubled(asked):
        if asked.says and isinstance(asked.says[0].facts[0].fact, PostPublished) and len(tries) < 2:
            tries.append("no room" if not tries else "no answer")
            if len(tries) == 2:
                await append(asked)
            raise StoreError(tries[-1])
        return await append(asked)

    house.store.append = troubled
    await house.due()
    await house.due(OTHER)
    await house.settle()
    assert tries == ["no room", "no answer"]
    assert await house.story() == await house.story(OTHER) == ["AttemptStarted", "PostPublished"]


async def test_no_attempt_starts_while_the_wall_has_parted_from_the_house(house):
    """I22: until they agree again, or an operator accepts."""
    wall, ran = [NINE], [0.0]
    house.clock = ScaledClock(wall=lambda: wall[0], monotonic=lambda: ran[0])
    house.lanes = house.more_lanes()
    await house.due()
    await house.hear()
    wall[0] = NINE + 24 * HOUR
    await house.lanes.quiet()
    assert await house.story() == []
    wall[0] = NINE + timedelta(seconds=4)
    await house.lanes.quiet()
    assert await house.story() == ["AttemptStarted", "PostPublished"]


async def test_an_attempt_whose_beginning_was_not_answered_is_made_all_the_same(house):
    """I29: it is written down, so whoever began it also ends it, though the store is away for longer."""
    append, read, lost = house.store.append, house.store.read, []

    async def unheard(asked):
        told = await append(asked)
        if isinstance(told[0].fact if told else None, AttemptStarted) and not lost:
            lost.append("the answer")
            house.drain.ask()
            raise StoreError("no answer")
        return told

    async def away(stream):
        if lost == ["the answer"]:
            lost.append("a look for it")
            raise StoreError("no answer")
        return await read(stream)

    house.store.append, house.store.read = unheard, away
    await house.due()
    await house.hear()
    asyncio.get_running_loop().set_exception_handler(lambda loop, told: lost.append(told["message"]))
    await house.lanes.quiet()
    await house.drain.left()
    assert lost == ["the answer", "a look for it"]
    assert await house.story() == ["AttemptStarted", "PostPublished"]
    assert len(house.channels["linkedin"].sent) == 1


async def test_an_attempt_that_was_not_written_down_is_not_made(house):
    """I28: what is ready stays ready, and begins once the store takes it, when the line is free again."""
    append, refused = house.store.append, []

    async def full(asked):
        if asked.says and isinstance(asked.says[0].facts[0].fact, AttemptStarted) and not refused:
            refused.append("no room")
            raise StoreError("no room")
        return await append(asked)

    house.store.append = full
    asyncio.get_running_loop().set_exception_handler(lambda loop, told: refused.append(told["message"]))
    await house.due()
    await house.hear()
    await house.lanes.quiet()
    assert refused == ["no room", "a lane broke"]
    assert await house.story() == []
    assert house.channels["linkedin"].sent == []
    await house.after(LEASE)
    assert await house.story() == ["AttemptStarted", "PostPublished"]
