"""House time: the wall's at start plus the monotonic clock; scaled; or standing still until it is stepped (D7)."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.clock import ScaledClock, SteppingClock

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class Machine:
    """A wall that may jump, and a monotonic clock that never does."""

    def __init__(self) -> None:
        self.wall, self.ran = NINE, 100.0

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ran += seconds

    def clock(self, speed: float = 1.0, **kept: datetime) -> ScaledClock:
        return ScaledClock(speed, wall=lambda: self.wall, monotonic=lambda: self.ran, **kept)


def test_a_jump_of_the_wall_moves_no_slot_and_is_seen():
    machine = Machine()
    clock = machine.clock()
    machine.passes(60)
    machine.wall -= 24 * HOUR
    assert clock.now() == NINE + 60 * SECOND
    assert clock.parted
    assert clock.drift() == -24 * HOUR
    clock.accept()
    assert not clock.parted
    assert clock.now() == NINE + 60 * SECOND - 24 * HOUR, "an operator who accepts sets the house by the wall"


def test_a_second_of_drift_is_no_parting():
    machine = Machine()
    clock = machine.clock()
    machine.wall += 5 * SECOND
    assert not clock.parted
    machine.wall += SECOND
    assert clock.parted


def test_a_scaled_clock_goes_on_in_the_same_time_after_a_restart():
    machine = Machine()
    first = machine.clock(60)
    machine.passes(10)
    again = machine.clock(60, start=NINE, origin=NINE)
    assert first.now() == again.now() == NINE + timedelta(minutes=10)


def test_how_long_it_really_is_until_then_goes_by_the_speed():
    assert Machine().clock(60).seconds_to(NINE + timedelta(minutes=10)) == 10
    assert Machine().clock(60).seconds_to(NINE - timedelta(minutes=1)) == -1


def test_where_time_stands_still_no_later_moment_comes_by_itself():
    clock = SteppingClock(NINE)
    assert clock.seconds_to(NINE + HOUR) == math.inf
    assert clock.seconds_to(NINE) <= 0
    clock.turn_real()
    assert 0 < clock.seconds_to(NINE + HOUR) <= HOUR.total_seconds()


@pytest.mark.parametrize("speed", [0, -1, 101])
def test_a_speed_no_clock_can_run_at_is_named(speed):
    with pytest.raises(ValueError, match="at most 100"):
        ScaledClock(speed)


async def test_a_stepping_clock_wakes_those_whose_instant_has_come_and_nobody_else():
    clock = SteppingClock(NINE)
    soon, later = (asyncio.create_task(clock.wait(NINE + wait)) for wait in (SECOND, HOUR))
    await asyncio.sleep(0)
    clock.step_to(NINE + SECOND)
    await soon
    assert not later.done()
    clock.step_to(NINE)
    assert clock.now() == NINE + SECOND, "never back"
    later.cancel()


async def test_whoever_was_cancelled_and_did_not_hear_it_ends_at_its_next_nap():
    answer = asyncio.get_running_loop().create_future()

    async def asks_again_and_again() -> None:
        await asyncio.wait_for(answer, 5)
        while True:
            await ScaledClock().nap(0.001)

    working = asyncio.create_task(asks_again_and_again())
    await asyncio.sleep(0)
    answer.set_result("just come")
    working.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(working, return_exceptions=True)
    assert working.cancelled()


async def test_whoever_waits_is_woken_by_its_bell():
    clock, bell = SteppingClock(NINE), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(None, bell))
    await asyncio.sleep(0)
    bell.set()
    await waiting
    assert clock.now() == NINE


async def test_a_kept_demo_runs_on_from_where_it_stood():
    clock = SteppingClock(NINE)
    waiting = asyncio.create_task(clock.wait(NINE + timedelta(milliseconds=20)))
    await asyncio.sleep(0)
    clock.turn_real()
    await waiting
    assert NINE <= clock.now() < NINE + HOUR
    await clock.wait(clock.now() + timedelta(milliseconds=20))
