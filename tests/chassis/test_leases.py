"""Who is active: one holder at a time, on any store, for as long as it says so (D11, D14)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.leases import LEASE_LIFE, RENEW_EVERY_S, Lease, void_earlier_lives
from services.chassis.rows import LEASE, LINE, Pick, Put
from services.chassis.store import Append, StoreError
from services.chassis.store_memory import MemoryStore

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def wall():
    return SteppingClock(NINE)


@pytest.fixture
def belled(store):
    return BelledStore(store)


def lease(store: BelledStore, clock: SteppingClock, holder: str) -> Lease:
    return Lease(store, "relay", holder, clock=clock, now=clock.now)


async def test_only_one_of_many_gets_it(belled, wall):
    all_of_them = [lease(belled, wall, f"process-{number}") for number in range(5)]
    taken = await asyncio.gather(*(each.claim() for each in all_of_them))
    assert sorted(taken) == [False] * 4 + [True]


async def test_it_is_free_again_when_it_was_not_renewed_in_time_and_the_epoch_rises(belled, wall):
    first, second = lease(belled, wall, "first"), lease(belled, wall, "second")
    assert await first.claim()
    wall.step_to(NINE + LEASE_LIFE - SECOND)
    assert not await second.claim()
    wall.step_to(NINE + LEASE_LIFE)
    assert await second.claim()
    assert (first.epoch, second.epoch) == (1, 2)


async def test_whoever_renews_keeps_it(belled, wall):
    first, second = lease(belled, wall, "first"), lease(belled, wall, "second")
    assert await first.claim()
    for _ in range(10):
        wall.step_to(wall.now() + LEASE_LIFE / 2)
        assert await first.renew()
        assert not await second.claim()
    assert first.epoch == 1


async def test_one_that_was_taken_over_is_not_renewed(belled, wall):
    first, second = lease(belled, wall, "first"), lease(belled, wall, "second")
    assert await first.claim()
    wall.step_to(NINE + LEASE_LIFE)
    assert await second.claim()
    assert not await first.renew()
    await first.release()  # of the lease it once had
    assert await second.renew()


async def test_one_given_back_is_free_at_once(belled, wall):
    first, second = lease(belled, wall, "first"), lease(belled, wall, "second")
    assert await first.claim()
    await first.release()
    assert await second.claim()
    assert second.epoch == 2


async def test_a_new_start_voids_what_earlier_lives_held_and_epochs_go_on(belled, wall):
    far = NINE + timedelta(days=400)  # a monotonic clock that has started again since
    line = {"connection": "acme.x", "channel": "x", "epoch": 7, "holder": "dead", "lease_until": far, "head_turn": 3}
    await belled.append(Append(rows=[Put(LINE, line)]))
    await belled.append(Append(rows=[Put(LEASE, {"name": "relay", "holder": "dead", "until": far, "epoch": 4})]))
    assert not await lease(belled, wall, "new").claim()
    await void_earlier_lives(belled)
    new = lease(belled, wall, "new")
    assert await new.claim()
    assert new.epoch == 5
    [row] = await belled.pick(Pick(LINE))
    assert (row["lease_until"], row["holder"], row["epoch"], row["head_turn"]) == (None, None, 7, 3)


class Working:
    """Work that goes on until it is cut; `begun` and `cut` count."""

    def __init__(self) -> None:
        self.begun = self.cut = 0
        self.running = asyncio.Event()
        self.ended = asyncio.Event()

    async def work(self) -> None:
        self.begun += 1
        self.running.set()
        try:
            await self.ended.wait()
        except asyncio.CancelledError:
            self.cut += 1
            self.running.clear()
            raise


class Unsteady(MemoryStore):
    """A store that is away when told so."""

    away = False

    async def claim(self, claim):
        if self.away:
            raise StoreError("the database hangs up")
        return await super().claim(claim)


@pytest.fixture
async def two():
    """Two processes over one store in memory, each with its work."""
    clock = SteppingClock(NINE)
    store = Unsteady(clock.now)
    belled = BelledStore(store)
    works = [Working(), Working()]
    tasks = [
        asyncio.create_task(lease(belled, clock, f"process-{number}").hold(work.work))
        for number, work in enumerate(works)
    ]
    yield clock, store, works, tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_one_works_and_the_other_stands_by(two):
    clock, _, (first, second), _ = two
    await first.running.wait()
    for _ in range(30):
        await turns()
        clock.step_to(clock.now() + SECOND)
    assert (first.begun, first.cut, second.begun) == (1, 0, 0)


async def test_the_other_takes_over_at_once_when_the_first_ends(two):
    _, _, (first, second), (running, _) = two
    await first.running.wait()
    running.cancel()
    async with asyncio.timeout(5):
        await second.running.wait()
    assert first.cut == 1


async def test_work_whose_lease_was_lost_is_cut(two):
    clock, store, (first, second), _ = two
    await first.running.wait()
    await turns()
    await store.append(Append(rows=[Put(LEASE, {"name": "relay", "holder": "x", "until": clock.now() + 2 * LEASE_LIFE,
                                                "epoch": 9})]))  # fmt: skip
    clock.step_to(clock.now() + timedelta(seconds=RENEW_EVERY_S))
    await turns()
    assert (first.cut, second.begun) == (1, 0)


async def test_a_store_that_is_away_for_a_moment_cuts_no_work_but_one_away_for_a_leases_life_does(two):
    clock, store, (first, _), _ = two
    await first.running.wait()
    store.away = True
    for _ in range(9):
        await turns()
        clock.step_to(clock.now() + SECOND)
    await turns()
    assert first.cut == 0
    clock.step_to(NINE + LEASE_LIFE)
    await turns()
    assert first.cut == 1


async def test_a_fault_of_the_work_is_a_fault_of_whoever_holds():
    async def broken() -> None:
        raise ValueError("a fault of ours")

    clock = SteppingClock(NINE)
    with pytest.raises(ValueError, match="ours"):
        await lease(BelledStore(MemoryStore(clock.now)), clock, "first").hold(broken)
