"""How a process leaves: nothing new, what is in hand to its end, and what takes too long is cut and told (I29)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from services.chassis import drain as draining
from services.chassis.alarms import Alarms, set_alarm
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.drain import Cut, Drain
from services.chassis.store import Append
from services.chassis.store_memory import MemoryStore

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Call:
    """A call to the outside that is answered when the test says so; `came_to` is what was written down of it."""

    def __init__(self, drain: Drain) -> None:
        self.open, self.answer, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.came_to, self.told = "", False
        self.task = asyncio.create_task(self._make(drain))
        drain.holds(self.task)

    async def _make(self, drain: Drain) -> None:
        try:
            with drain.call():
                self.open.set()
                await self.answer.wait()
            self.came_to = "answered"
            self.over.set()
            await asyncio.sleep(0)
            self.told = True
        except Cut:
            await asyncio.sleep(0)  # writing it down takes a turn of its own
            self.came_to = "cut"


async def test_leaving_waits_for_what_is_in_hand():
    drain = Drain()
    call = Call(drain)
    await call.open.wait()
    leaving = asyncio.create_task(drain.left())
    await drain.begun.wait()
    assert not leaving.done()
    call.answer.set()
    await leaving
    assert call.came_to == "answered"


async def test_what_takes_too_long_is_cut_and_told(monkeypatch):
    monkeypatch.setattr(draining, "IN_HAND_S", 0.01)
    drain = Drain()
    call = Call(drain)
    await call.open.wait()
    await drain.left()
    assert call.came_to == "cut"


async def test_asked_again_it_hurries():
    drain = Drain()
    call = Call(drain)
    await call.open.wait()
    drain.ask()
    leaving = asyncio.create_task(drain.left())
    await asyncio.sleep(0)
    drain.ask()
    await leaving
    assert call.came_to == "cut"


async def test_a_call_that_comes_after_the_cut_is_not_made():
    drain = Drain()
    drain.ask()
    drain.ask()
    await drain.left()
    call = Call(drain)
    await call.task
    assert (call.came_to, call.open.is_set()) == ("cut", False)


async def test_whoever_writes_down_what_a_call_came_to_is_not_cut():
    drain = Drain()
    call = Call(drain)
    await call.open.wait()
    call.answer.set()
    await call.over.wait()
    drain.cut(call.task)
    await call.task
    assert call.told


async def test_a_call_cancelled_by_others_is_cancelled():
    """The cut alone is told; whoever is killed in another way writes nothing down."""
    call = Call(Drain())
    await call.open.wait()
    call.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.task
    assert call.came_to == ""


async def test_work_without_an_end_is_asked_to_end_and_waited_for():
    drain, ended = Drain(), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("in its own time")

    working = asyncio.create_task(drain.until_begun(work()))
    await asyncio.sleep(0)
    await drain.left()
    await working
    assert ended == ["in its own time"]


async def test_no_alarm_is_rung_while_leaving_and_the_one_in_hand_is_rung_to_its_end():
    clock, drain = SteppingClock(NINE), Drain()
    store = BelledStore(MemoryStore(clock.now))
    ringing, go_on, rung = asyncio.Event(), asyncio.Event(), []

    async def ring(said: dict, row: object) -> None:
        ringing.set()
        await go_on.wait()
        rung.append(said["name"])

    alarms = Alarms(store, "shop", {"ring": ring}, clock=clock, drain=drain)
    await store.append(Append(rows=[set_alarm("shop", "first", NINE, {"ring": "ring", "name": "first"})]))
    running = asyncio.create_task(alarms.run())
    await ringing.wait()
    leaving = asyncio.create_task(drain.left())
    await drain.begun.wait()
    await store.append(Append(rows=[set_alarm("shop", "second", NINE, {"ring": "ring", "name": "second"})]))
    go_on.set()
    await leaving
    assert await alarms.step() == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert rung == ["first"]
