"""Metrics and traces read along with the log: from where it ends, each fact once, and whatever becomes of a reader."""

from __future__ import annotations

from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.instruments import Instruments
from services.chassis.store import StoreError
from services.chassis.store_memory import MemoryStore
from tests.gateway.lives import MONDAY, lives
from tests.gateway.telling import Teller


async def of_a_log(heard, *others):
    """A log with a past, and who reads along from now on."""
    clock = SteppingClock(MONDAY)
    teller = Teller(MONDAY, BelledStore(MemoryStore(clock.now)), clock)
    await lives(teller, seed=1, posts=2)
    along = Instruments(teller.store, clock=clock, hear=[*others, heard.append])
    await along.read_on()
    return teller, along


async def test_each_fact_from_now_on_is_heard_once():
    heard: list = []
    teller, along = await of_a_log(heard)
    assert heard == []
    end = await teller.store.position()
    await lives(teller, seed=2, posts=2)
    await along.read_on()
    await along.read_on()
    assert [told.position for told in heard] == list(range(end + 1, await teller.store.position() + 1))


async def test_one_that_breaks_takes_nothing_from_the_others():
    def broken(told):
        raise ZeroDivisionError

    heard: list = []
    teller, along = await of_a_log(heard, broken)
    await lives(teller, seed=2, posts=2)
    await along.read_on()
    assert heard


async def test_while_the_log_is_away_nothing_is_missed(monkeypatch):
    heard: list = []
    teller, along = await of_a_log(heard)
    await lives(teller, seed=2, posts=2)

    async def away(after, limit=500):
        raise StoreError

    with monkeypatch.context() as patch:
        patch.setattr(teller.store, "tail", away)
        await along.read_on()
    assert heard == []
    await along.read_on()
    assert heard
