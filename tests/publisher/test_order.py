"""The posts of one connection go out in the order they came due, however they came to wait there (S3, I19)."""

from __future__ import annotations

import pytest

from events import AttemptStarted, PostDue, Told
from services.channels.outcome import Limited, Unavailable
from tests.publisher.house import House
from tests.publisher.posts import HOUR, LINKEDIN, MINUTE, NINE, SECOND

FIRST, SECOND_ONE, THIRD = "acme.first", "acme.second", "acme.third"


@pytest.fixture
async def house() -> House:
    return await House(LINKEDIN).connected()


async def came_due(house: House) -> list[Told]:
    for story in (FIRST, SECOND_ONE, THIRD):
        await house.due(story)
    return [told for told in await house.store.tail(0) if isinstance(told.fact, PostDue)]


async def started(house: House) -> list[str]:
    return [told.story for told in await house.store.tail(0) if isinstance(told.fact, AttemptStarted)]


async def test_a_post_that_could_not_be_taken_for_a_moment_goes_before_those_that_came_due_after_it(house):
    """Meanwhile only its own key is held (I25); once it is taken, it waits where its slot is."""
    held, *others = await came_due(house)
    for told in (*others, held):
        await house.store.append(await house.reactions[PostDue](told))
    house.has_heard(await house.store.position())
    await house.settle()
    assert await started(house) == [FIRST, SECOND_ONE, THIRD]


async def test_posts_that_were_decided_side_by_side_go_out_in_the_order_they_came_due(house):
    """The third was decided while nobody waited yet, the second when the first had joined already."""
    first, second, third = await came_due(house)
    early = await house.reactions[PostDue](third)
    for told in (first, second):
        await house.store.append(await house.reactions[PostDue](told))
    await house.store.append(early)
    house.has_heard(await house.store.position())
    await house.settle()
    assert await started(house) == [FIRST, SECOND_ONE, THIRD]


async def test_a_retry_waits_behind_what_came_due_before_it_and_ahead_of_what_came_after(house):
    """It is due again when its wait is over (S29), and keeps that place."""
    house.channels["linkedin"].answers.extend([Unavailable("refused"), Limited("429", 429, NINE + HOUR)])
    await house.due(FIRST)
    await house.until(NINE + 30 * SECOND)
    await house.due(SECOND_ONE)
    await house.until(NINE + 2 * MINUTE)
    await house.due(THIRD)
    await house.until(NINE + 2 * HOUR)
    assert await started(house) == [FIRST, SECOND_ONE, SECOND_ONE, FIRST, THIRD]


async def test_a_retry_that_is_limited_is_first_again(house):
    """Also before a post that is heard of late, and whose slot lies between its own and its retry (S32)."""
    house.channels["linkedin"].answers.extend([Unavailable("refused"), Limited("429", 429, NINE + HOUR)])
    await house.due(FIRST)
    await house.until(NINE + 2 * MINUTE)
    await house.due(SECOND_ONE, slot_at=NINE + 30 * SECOND)
    await house.until(NINE + 2 * HOUR)
    assert await started(house) == [FIRST, FIRST, FIRST, SECOND_ONE]
