"""Durable alarms: rung when due, once, in the transaction of what they bring about, and never forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.chassis.alarms import Alarms, clear_alarm, next_alarm, set_alarm
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.rows import ALARM, Pick
from services.chassis.store import Append, StreamMoved
from services.chassis.store_memory import MemoryStore
from tests.chassis.shop import NINE

MINUTE = timedelta(minutes=1)


class Bench:
    def __init__(self) -> None:
        self.clock = SteppingClock(NINE)
        self.store = BelledStore(MemoryStore(self.clock.now))
        self.rung: list[str] = []
        self.answer = lambda ring: None
        self.alarms = self.another("here")

    def another(self, holder: str, hand_max: int = 64) -> Alarms:
        return Alarms(self.store, "publisher", {"do": self.ring}, clock=self.clock, shared=holder != "here",
                      holder=holder, hand_max=hand_max)  # fmt: skip

    async def ring(self, ring, alarm):
        self.rung.append(ring["what"])
        return self.answer(ring)

    async def set(self, name: str, at, **ring) -> None:
        await self.store.append(Append(rows=[set_alarm("publisher", name, at, {"ring": "do", "what": name, **ring})]))


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_nothing_rings_before_its_time(bench):
    await bench.set("later", NINE + MINUTE)
    await bench.alarms.quiet()
    assert bench.rung == []
    assert await bench.alarms.next_due() == NINE + MINUTE


async def test_what_is_due_rings_once_in_order_and_is_gone(bench):
    await bench.set("second", NINE + MINUTE)
    await bench.set("first", NINE)
    bench.clock.step_to(NINE + MINUTE)
    await bench.alarms.quiet()
    await bench.alarms.quiet()
    assert bench.rung == ["first", "second"]
    assert await next_alarm(bench.store) is None


async def test_setting_it_again_moves_it_and_clearing_it_silences_it(bench):
    await bench.set("moved", NINE)
    await bench.set("moved", NINE + MINUTE)
    await bench.set("cleared", NINE)
    await bench.store.append(Append(rows=[clear_alarm("publisher", "cleared")]))
    await bench.alarms.quiet()
    assert bench.rung == []
    bench.clock.step_to(NINE + MINUTE)
    await bench.alarms.quiet()
    assert bench.rung == ["moved"]


async def test_a_ring_that_sets_its_own_alarm_again_keeps_the_new_one(bench):
    again = set_alarm("publisher", "poll", NINE + MINUTE, {"ring": "do", "what": "again"})
    bench.answer = lambda ring: Append(rows=[again])
    await bench.set("poll", NINE)
    await bench.alarms.quiet()
    assert await bench.alarms.next_due() == NINE + MINUTE


async def test_a_lost_race_is_decided_again_and_the_alarm_goes_with_the_append_that_won(bench):
    append, lost = bench.store.append, []

    async def first_loses(asked: Append):
        if not lost:
            lost.append(asked)
            raise StreamMoved("post-acme.one", 1, 2)
        return await append(asked)

    await bench.set("raced", NINE)
    bench.store.append = first_loses
    await bench.alarms.quiet()
    assert bench.rung == ["raced", "raced"]
    assert not await bench.store.pick(Pick(ALARM))


async def test_a_ring_that_breaks_is_rung_again_with_growing_delay(bench):
    def break_twice(ring):
        if len(bench.rung) <= 2:
            raise ValueError("not now")

    bench.answer = break_twice
    await bench.set("broken", NINE)
    await bench.alarms.quiet()
    assert await bench.alarms.next_due() == NINE + timedelta(seconds=1)
    bench.clock.step_to(NINE + timedelta(seconds=1))
    await bench.alarms.quiet()
    assert await bench.alarms.next_due() == NINE + timedelta(seconds=6)
    bench.clock.step_to(NINE + timedelta(seconds=6))
    await bench.alarms.quiet()
    assert not await bench.store.pick(Pick(ALARM))


async def test_of_two_processes_one_rings_it(bench):
    one, two = bench.another("one"), bench.another("two")
    await bench.set("shared", NINE)
    await one.step()
    assert await two.step() == 0
    await one.quiet()
    assert bench.rung == ["shared"]


async def test_an_alarm_whose_process_died_is_rung_by_another_when_its_lease_is_over(bench):
    one, two = bench.another("one"), bench.another("two")
    await bench.set("left", NINE)
    await one._take(1)
    bench.clock.step_to(NINE + timedelta(seconds=11))
    await two.quiet()
    assert bench.rung == ["left"]


async def test_an_alarm_in_another_hand_wakes_nobody_else(bench):
    """Its due time has passed, so whoever waited for that would ask the store again and again without a pause."""
    one, two = bench.another("one"), bench.another("two")
    await bench.set("in hand", NINE)
    await bench.set("next", NINE + MINUTE)
    await one._take(1)
    assert await two.next_due() == NINE + MINUTE
    bench.clock.step_to(NINE + timedelta(seconds=11))
    assert await two.next_due() == NINE, "its lease is over"


async def test_a_full_disk_ends_nothing_and_what_is_due_is_rung_once_there_is_room(bench):
    """I28: the claim of a shared alarm is a write, and may find no room."""
    alarms, claim, refused, rung = bench.another("one"), bench.store.claim, asyncio.Event(), asyncio.Event()

    async def no_room(asked):
        refused.set()
        raise OSError("no space left on the device")

    bench.store.claim, bench.answer = no_room, lambda ring: rung.set()
    running = asyncio.create_task(alarms.run())
    await bench.set("due", NINE)
    await refused.wait()
    bench.store.claim = claim
    bench.store.ring([ALARM.name])
    await rung.wait()
    assert alarms.stopped is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_ring_that_can_neither_be_written_nor_put_off_is_not_repeated_without_a_pause(bench):
    append, asked = bench.store.append, []

    async def no_room(wanted: Append):
        asked.append(wanted)
        raise OSError("no space left on the device")

    await bench.set("due", NINE)
    bench.store.append = no_room
    await bench.alarms.step()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(asked) == 2, "once for what it did, once to put it off"
    assert await bench.alarms.in_flight() == "an alarm of the publisher: due"
    bench.store.append = append
    bench.clock.step_to(NINE + timedelta(seconds=1))
    await bench.alarms.quiet()
    assert not await bench.store.pick(Pick(ALARM))


async def crowd(bench: Bench, alarms: Alarms) -> list[str]:
    """Twelve alarms of one account, then one each of two others, due a little later: who was rung, in order."""
    for number in range(12):
        await bench.set(f"acme.{number:02}", NINE, story=f"acme.{number:02}")
    for later, story in enumerate(("birch.0", "cedar.0"), 1):
        await bench.set(story, NINE + timedelta(seconds=later), story=story)
    bench.clock.step_to(NINE + MINUTE)
    await alarms.quiet()
    assert await bench.store.pick(Pick(ALARM)) == []
    return bench.rung


@pytest.mark.parametrize("holder", ["here", "shared"])
async def test_in_a_crowd_each_account_has_its_turn(bench, holder):
    rung = await crowd(bench, bench.another(holder, hand_max=2))
    assert rung[:6] == ["acme.00", "birch.0", "cedar.0", "acme.01", "acme.02", "acme.03"]
    assert rung[6:] == [f"acme.{number:02}" for number in range(4, 12)]


async def test_where_there_are_hands_for_all_it_goes_by_time(bench):
    assert await crowd(bench, bench.alarms) == [*(f"acme.{number:02}" for number in range(12)), "birch.0", "cedar.0"]


async def test_turns_outlive_the_process_that_gave_them(bench):
    earlier = bench.another("here", hand_max=2)
    for number in range(6):
        await bench.set(f"acme.{number}", NINE, story=f"acme.{number}")
    await earlier.step()
    await earlier.close()
    await bench.set("birch.0", NINE, story="birch.0")
    await bench.another("here", hand_max=2).quiet()
    assert sorted(bench.rung) == sorted([*(f"acme.{number}" for number in range(6)), "birch.0"])
    assert bench.rung.index("birch.0") <= 2


async def test_whoever_shares_the_alarms_rings_those_that_another_gave_turns_and_left(bench):
    living, dying = bench.another("living", hand_max=2), bench.another("dying", hand_max=2)
    await living.quiet()
    for number in range(6):
        await bench.set(f"acme.{number}", NINE, story=f"acme.{number}")
    await dying.step()
    await dying.close()
    bench.clock.step_to(NINE + MINUTE)
    await living.quiet()
    assert sorted(bench.rung) == [f"acme.{number}" for number in range(6)]


async def test_an_alarm_set_anew_in_a_crowd_waits_for_its_new_time(bench):
    alarms = bench.another("here", hand_max=1)
    for number in range(3):
        await bench.set(f"acme.{number}", NINE, story=f"acme.{number}")
    await alarms.step()
    await bench.set("acme.2", NINE + MINUTE, story="acme.2")
    await alarms.quiet()
    assert bench.rung == ["acme.0", "acme.1"]
    assert await alarms.next_due() == NINE + MINUTE
