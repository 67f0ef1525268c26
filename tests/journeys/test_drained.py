"""SIGTERM: what is in hand is finished, nothing new begins, and no attempt is left without an outcome (I29, F36)."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import timedelta

import pytest

from tests.journeys.doors import Doors, approved, until
from tests.journeys.houses import House, a_house, doors_of
from tests.journeys.logbook import Logbook

SPEED = 60
"""A second of ours is a minute of the house; only a held answer takes its real time."""
STOP_MAX_S = 25.0
HURRIED_MAX_S = 8.0
DUE_AFTER = {"x": timedelta(seconds=30), "linkedin": timedelta(minutes=3)}


@pytest.fixture
async def house(tmp_path):
    async with a_house(tmp_path, speed=SPEED) as house:
        yield house


async def an_open_attempt(doors: Doors, log: Logbook, hold_ms: int) -> None:
    """One post is being sent and its answer is held back; another comes due in its own line before that is over."""
    await doors.opened("acme", "x", "linkedin", tolerance="P1D")
    await doors.weather("x", "slow", hold_ms=hold_ms, times=1)
    now = await doors.now()
    await doors.approve(*(
        approved(channel, channel=channel, text=f"A word on {channel}.", exactly_at=(now + later).isoformat())
        for channel, later in DUE_AFTER.items()
    ))  # fmt: skip

    async def created_and_open() -> bool:
        return bool(log.open_attempts()) and len(await doors.standing("x")) == 1

    await until(created_and_open, what="the post stands there and its answer is held back")


async def until_it_drains(doors: Doors) -> str:
    """What readiness says once the process has been asked to leave."""

    async def red() -> str | None:
        status, said = await doors.ask("GET", "/readyz")
        return said["detail"] if status == 503 and "draining" in said["detail"] else None

    return await until(red, what="readiness is red")


def outcomes(log: Logbook) -> list[str]:
    return [fact.name for fact in log.facts() if fact.service == "publisher"]


async def test_an_open_call_is_finished_and_nothing_new_begins(house: House):
    log = Logbook(house.data)
    async with doors_of(house) as doors:
        await an_open_attempt(doors, log, hold_ms=4000)
        ending, began = asyncio.create_task(house.process.end(signal.SIGTERM)), time.monotonic()
        assert "nothing new begins" in await until_it_drains(doors)
        assert await ending == 0, house.process.words
        assert time.monotonic() - began < STOP_MAX_S
    assert outcomes(log) == ["attempt_started", "post_published"]
    await house.start()
    async with doors_of(house) as doors:
        await each_published_once(doors)


async def test_a_second_sigterm_hurries_and_what_is_cut_is_looked_up(house: House):
    """The channel has it and its answer never comes: unclear, found by looking, and never sent again."""
    log = Logbook(house.data)
    async with doors_of(house) as doors:
        await an_open_attempt(doors, log, hold_ms=60_000)
        ending, began = asyncio.create_task(house.process.end(signal.SIGTERM)), time.monotonic()
        await until_it_drains(doors)
        assert not ending.done()
        assert await house.process.end(signal.SIGTERM) == await ending == 0, house.process.words
        assert time.monotonic() - began < HURRIED_MAX_S
    assert outcomes(log) == ["attempt_started", "attempt_unclear"]
    assert log.facts()[-1].data["code"] == "cut"
    await house.start()
    async with doors_of(house) as doors:
        await each_published_once(doors)
    assert outcomes(log).count("attempt_started") == 2


async def each_published_once(doors: Doors) -> None:
    async def all_published() -> bool:
        return (await doors.get("/v1/posts/counts"))["published"] == len(DUE_AFTER)

    await until(all_published, what="everything is published")
    for channel in DUE_AFTER:
        assert [post["text"] for post in await doors.standing(channel)] == [f"A word on {channel}."]
