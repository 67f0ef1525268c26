"""A service's ear: in order, exactly once, and a poisoned fact holds nobody but its own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from events import FactParked, FactRedriven, RedriveAsked
from services.chassis.clock import SteppingClock
from services.chassis.rows import ALARM, CHECKPOINT, HELD, Pick
from services.chassis.store import Append, Conflict, StoreError, StreamMoved
from tests.chassis.shop import NINE, UNHEARD, Gate, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def wall():
    return SteppingClock(NINE)


@pytest.fixture
def gate(store):
    """On every store."""
    return Gate(store)


@pytest.fixture
def watched(gate, wall) -> Shop:
    return Shop(gate, wall)


async def test_every_fact_is_taken_once_and_in_order(shop):
    for story in ("acme.one", "acme.two", "acme.one", "acme.three"):
        await shop.say(story)
    await shop.inbox.catch_up()
    assert [story for story, _ in shop.tried] == ["acme.one", "acme.two", "acme.one", "acme.three"]
    assert await shop.answered("acme.one") == 2


async def test_a_restart_goes_on_behind_the_last_fact_taken(shop):
    await shop.say("acme.one")
    await shop.inbox.catch_up()
    shop.open()
    await shop.say("acme.two")
    await shop.inbox.catch_up()
    assert [story for story, _ in shop.tried] == ["acme.one", "acme.two"]


async def test_the_checkpoint_is_written_with_what_the_fact_brought_about(shop):
    await shop.say("acme.one", UNHEARD)
    await shop.say("acme.one")
    await shop.inbox.catch_up()
    assert (await shop.store.pick(Pick(CHECKPOINT)))[0]["position"] == 2


async def test_a_fact_that_says_itself_that_it_concerns_nobody_is_passed_by(shop):
    """It costs no write; a restart passes it by once more."""
    shop.of_no_concern.add("acme.idle")
    for story in ("acme.one", "acme.idle", "acme.two", "acme.idle"):
        await shop.say(story)
    await shop.inbox.catch_up()
    assert [story for story, _ in shop.tried] == ["acme.one", "acme.two"]
    assert ((await shop.store.pick(Pick(CHECKPOINT)))[0]["position"], shop.inbox.position) == (3, 6)


async def test_of_two_ears_that_pass_by_alike_the_second_goes_on_from_where_the_first_has_written(shop, monkeypatch):
    """Else it would try in vain to write at every page, and read a page at a time, until a fact concerned it (I14)."""
    monkeypatch.setattr("services.chassis.inbox.SKIP_MAX", 2)
    other = Shop()
    other.store, other.clock = shop.store, shop.clock
    other.open()
    shop.of_no_concern.add("acme.idle")
    other.of_no_concern.add("acme.idle")
    for _ in range(3):
        for _ in range(4):
            await shop.say("acme.idle")
        await shop.inbox.catch_up()
        await other.inbox.catch_up()
        assert other.inbox.position == shop.inbox.position == await shop.store.position()
    await shop.say("acme.one")
    await other.inbox.catch_up()
    await shop.inbox.catch_up()
    assert await shop.answered("acme.one") == 1


async def test_a_fact_of_which_nobody_can_say_whom_it_concerns_is_held_alone(shop):
    """I25: it is a fact that breaks its handler."""
    shop.of_no_concern = None
    await shop.say("acme.one")
    await shop.inbox.catch_up()
    assert [(row["key"], row["position"]) for row in await shop.store.pick(Pick(HELD))] == [("acme.one", 1)]


async def test_two_ears_of_one_service_take_each_fact_once(shop):
    other = Shop()
    other.store, other.clock = shop.store, shop.clock
    other.open()
    await shop.say("acme.one")
    await shop.inbox.catch_up()
    await other.inbox.catch_up()
    await shop.say("acme.two")
    await other.inbox.catch_up()
    await shop.inbox.catch_up()
    assert (await shop.answered("acme.one"), await shop.answered("acme.two")) == (1, 1)


async def test_a_lost_race_is_decided_again(shop):
    append, lost = shop.store.append, []

    async def first_loses(asked: Append):
        if asked.says and asked.read and not lost:
            lost.append(asked)
            raise StreamMoved("delivery-acme.one", 0, 1)
        return await append(asked)

    await shop.say("acme.one")
    shop.store.append = first_loses
    await shop.inbox.catch_up()
    assert len(lost) == 1
    assert await shop.answered("acme.one") == 1
    assert isinstance(StreamMoved("s", 0, 1), Conflict)


async def test_a_store_that_cannot_write_poisons_nothing(shop):
    append = shop.store.append

    async def full(asked: Append):
        raise StoreError("the disk is full")

    await shop.say("acme.one")
    shop.store.append = full
    with pytest.raises(StoreError):
        await shop.inbox.catch_up()
    shop.store.append = append
    await shop.inbox.catch_up()
    assert await shop.answered("acme.one") == 1
    assert not await shop.store.pick(Pick(HELD))


async def test_a_poisoned_fact_holds_only_its_own_story(shop):
    shop.broken = {"acme.bad"}
    for story in ("acme.bad", "acme.good", "acme.bad"):
        await shop.say(story)
    await shop.inbox.catch_up()
    assert await shop.answered("acme.good") == 1
    assert len(await shop.store.pick(Pick(HELD))) == 2


async def test_it_is_tried_five_times_with_growing_delay_and_then_parked_with_its_reason(shop):
    shop.broken = {"acme.bad"}
    await shop.say("acme.bad")
    await shop.until(NINE + timedelta(hours=1))
    waits = [int((later - earlier).total_seconds()) for (_, earlier), (_, later) in pairwise(shop.tried)]
    assert waits == [1, 10, 60, 600]
    parked = (await shop.store.read("stuck-publisher.1"))[-1].fact
    assert isinstance(parked, FactParked)
    assert "this fact is poison" in parked.reason


async def test_once_mended_and_redriven_the_story_goes_on_in_order(shop):
    shop.broken = {"acme.bad"}
    await shop.say("acme.bad")
    await shop.until(NINE + timedelta(hours=1))
    await shop.say("acme.bad")
    await shop.until(NINE + timedelta(hours=2))
    assert await shop.answered("acme.bad") == 0
    shop.broken = set()
    await shop.say("house", RedriveAsked(parked="stuck-publisher.1", body_hash="h"))
    await shop.until(NINE + timedelta(hours=3))
    causes = [told.about.cause for told in await shop.store.read("delivery-acme.bad")]
    assert causes == ["id-1", "id-3"]
    assert isinstance((await shop.store.read("stuck-publisher.1"))[-1].fact, FactRedriven)


async def test_a_story_that_was_healed_is_taken_at_once_again(shop):
    shop.broken = {"acme.bad"}
    await shop.say("acme.bad")
    await shop.inbox.catch_up()
    shop.broken = set()
    await shop.until(NINE + timedelta(minutes=1))
    await shop.say("acme.bad")
    await shop.inbox.catch_up()
    assert await shop.answered("acme.bad") == 2
    assert not await shop.store.pick(Pick(HELD))


async def test_held_facts_survive_a_restart(shop):
    shop.broken = {"acme.bad"}
    await shop.say("acme.bad")
    await shop.inbox.catch_up()
    shop.open()
    shop.broken = set()
    await shop.say("acme.bad")
    await shop.until(NINE + timedelta(minutes=1))
    assert [told.about.cause for told in await shop.store.read("delivery-acme.bad")] == ["id-1", "id-2"]


@pytest.mark.parametrize(("first", "then"), [("ear", "ring"), ("ring", "ear")])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_fact_that_comes_just_when_the_held_one_is_taken_is_neither_forgotten_nor_overtaken(
    watched, gate, before, first, then
):
    """The ear finds its key held and the ring finds nobody behind, and only then is either written."""
    watched.broken = {"acme.bad"}
    await watched.say("acme.bad")
    await watched.inbox.catch_up()
    watched.broken = set()
    watched.clock.step_to(NINE + timedelta(seconds=1))
    if not before:
        await watched.alarms.step()
        await asyncio.wait(watched.alarms._hand)
    await watched.say("acme.bad")
    gate.shut("ear", "ring")
    doing = {
        "ear": asyncio.ensure_future(watched.inbox.catch_up()),
        "ring": asyncio.ensure_future(watched.alarms.quiet()),
    }
    for who, done in doing.items():
        await gate.came(who, done)
    for who in (first, then):
        gate.let_through(who)
        await doing[who]
    assert not await watched.store.pick(Pick(HELD)) or await watched.store.pick(Pick(ALARM)), "held without an alarm"
    await watched.say("acme.bad")
    await watched.until(NINE + timedelta(days=1))
    assert await watched.causes("acme.bad") == [told.id for told in await watched.store.read("post-acme.bad")]
    assert await watched.store.pick(Pick(HELD)) == await watched.store.pick(Pick(ALARM)) == []


async def test_whoever_comes_behind_hastens_no_try(watched):
    watched.broken = {"acme.bad"}
    await watched.say("acme.bad")
    for seconds in (0.5, 5, 30, 300, 3600):
        await watched.until(NINE + timedelta(seconds=seconds))
        await watched.say("acme.bad")
    await watched.until(NINE + timedelta(days=1))
    waits = [int((later - earlier).total_seconds()) for (_, earlier), (_, later) in pairwise(watched.tried)]
    assert waits == [1, 10, 60, 600]


async def test_a_redrive_is_not_lost_with_the_alarm_that_found_the_fact_parked(watched, gate):
    watched.broken = {"acme.bad"}
    await watched.say("acme.bad")
    await watched.until(NINE + timedelta(hours=1))
    await watched.say("acme.bad")
    await watched.inbox.catch_up()
    watched.broken = set()
    gate.shut("ring")
    ringing = asyncio.ensure_future(watched.alarms.quiet())
    await gate.came("ring", ringing)
    await watched.say("house", RedriveAsked(parked="stuck-publisher.1", body_hash="h"))
    await watched.inbox.catch_up()
    gate.let_through("ring")
    await ringing
    await watched.until(NINE + timedelta(hours=2))
    assert await watched.causes("acme.bad") == [told.id for told in await watched.store.read("post-acme.bad")]
    assert await watched.store.pick(Pick(HELD)) == await watched.store.pick(Pick(ALARM)) == []


async def test_a_redrive_asked_too_early_is_tried_at_once(shop):
    shop.broken = {"acme.bad"}
    await shop.say("acme.bad")
    await shop.until(NINE + timedelta(minutes=5))
    shop.broken = set()
    await shop.say("house", RedriveAsked(parked="stuck-publisher.1", body_hash="h"))
    await shop.until(NINE + timedelta(minutes=5))
    assert await shop.answered("acme.bad") == 1


async def test_a_discarded_fact_is_not_held_again_by_a_try_that_broke_meanwhile(watched, gate):
    watched.broken = {"acme.bad"}
    await watched.say("acme.bad")
    await watched.inbox.catch_up()
    watched.clock.step_to(NINE + timedelta(seconds=1))
    gate.shut("ring")
    ringing = asyncio.ensure_future(watched.alarms.quiet())
    await gate.came("ring", ringing)
    await watched.say("house", RedriveAsked(parked="stuck-publisher.1", body_hash="h", discard=True))
    await watched.inbox.catch_up()
    gate.let_through("ring")
    await ringing
    assert await watched.store.pick(Pick(HELD)) == []


async def test_a_fact_whose_rows_no_store_keeps_is_held_like_one_that_breaks_its_handler(watched):
    """I25: it stops nobody else, and after five tries a person hears of it."""
    watched.unkeepable = {"acme.bad"}
    for story in ("acme.good", "acme.bad", "acme.good"):
        await watched.say(story)
    await watched.until(NINE + timedelta(hours=1))
    assert await watched.answered("acme.good") == 2
    assert len({at for story, at in watched.tried if story == "acme.bad"}) == 5
    parked = (await watched.store.read("stuck-publisher.2"))[-1].fact
    assert isinstance(parked, FactParked)
    assert "RowsRefused" in parked.reason
    watched.unkeepable = set()
    await watched.say("house", RedriveAsked(parked="stuck-publisher.2", body_hash="h"))
    await watched.until(NINE + timedelta(hours=2))
    assert await watched.answered("acme.bad") == 1
