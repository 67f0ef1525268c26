"""A copy of a fact rings a bell in another process, and that is all: whatever it says, whoever sent it (D1, I7)."""

from __future__ import annotations

import asyncio
import contextlib
import random

import orjson
import pytest

from events.envelope import About, Draft
from events.subjects import DISTRIBUTION, post_stream, subject_of
from events.wire import on_the_wire
from services.chassis.bells import FACTS, BelledStore
from services.chassis.clock import RealClock
from services.chassis.doorbell import Doorbell
from services.chassis.rows import ALARM, LINE, READY
from services.chassis.store import Append, Say
from tests.chassis.shop import DUE, Shop
from tests.messaging.log import NINE
from tests.servers_nats import ready, until

SUBJECT = "distribution.scheduler.post_due.x"


@contextlib.asynccontextmanager
async def ringing(store: BelledStore, address: str):
    doorbell = Doorbell(store, address, clock=RealClock())
    running = asyncio.create_task(doorbell.run())
    try:
        await until(lambda: doorbell.heard, what="it has rung once for what came before")
        yield doorbell
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\x00", b'{"position": "1", "id": "forged"}', b"x" * 100_000])
async def test_a_copy_rings_every_bell_whatever_it_says(nats, client, body):
    shop = Shop()
    async with ringing(shop.store, nats.url) as doorbell:
        bells = [shop.store.bell(name) for name in (FACTS, ALARM.name, LINE.name, READY.name)]
        before = doorbell.heard
        await client.publish(SUBJECT, body)
        await asyncio.wait_for(asyncio.gather(*(bell.wait() for bell in bells)), 5)
        assert doorbell.heard == before + 1
    assert await shop.store.position() == 0


async def test_a_storm_of_copies_is_a_few_rings(nats, client):
    async with ringing(Shop().store, nats.url) as doorbell:
        for _ in range(20_000):
            await client.publish(SUBJECT, b"forged")
        await client.flush()
        await until(lambda: doorbell.heard > 1, what="it has rung")
        assert doorbell.heard < 2_000


async def test_after_the_broker_was_away_it_rings_once_for_what_was_missed(nats):
    async with ringing(Shop().store, nats.url) as doorbell:
        await nats.stop()
        await until(lambda: doorbell.trouble, what="it has noticed")
        before = doorbell.heard
        await nats.start()
        await until(lambda: doorbell.heard > before and doorbell.trouble is None, what="it has rung")


async def test_a_fact_of_another_process_is_heard_by_its_bell(nats, client, log):
    """The relay in the one process, a service in the other: only the bell is between them."""
    await ready(client)
    other = BelledStore(log.store)  # its bells ring for its own appends alone
    bell = other.bell(FACTS)
    async with log.relaying(nats.url), ringing(other, nats.url):
        for _ in range(5):
            bell.clear()
            await log.say()
            await asyncio.wait_for(bell.wait(), 5)


async def test_thrice_shuffled_dropped_and_forged_copies_leave_the_log_as_it_would_be_without(nats, client):
    """Each message three times, in no order, a third dropped, one in a hundred forged (G6, F12)."""
    clean, noisy, chance = Shop(), Shop(), random.Random(7)
    for shop in (clean, noisy):
        for number in range(60):
            await shop.say(f"acme.{number % 20}-{number}")
    await clean.inbox.catch_up()
    listening = asyncio.create_task(noisy.inbox.run())
    told = [each for each in await noisy.store.tail(0, 60) for _ in range(3)]
    copies = [(subject_of(each), on_the_wire(each)) for each in told if chance.random() > 0.3]
    copies += [(SUBJECT, forged(chance)) for _ in range(20)]
    chance.shuffle(copies)
    async with ringing(noisy.store, nats.url):
        for subject, body in copies:
            await client.publish(subject, body)
        await client.flush()
        await until(lambda: len(noisy.tried) == 60, what="the service has heard every fact")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert facts(await noisy.store.tail(0, 1000)) == facts(await clean.store.tail(0, 1000))


def forged(chance: random.Random) -> bytes:
    about = {"position": str(chance.randint(1, 10**6)), "id": "forged", "type": "scheduler.post_due"}
    return orjson.dumps({**about, "data": DUE.model_dump(mode="json")})


def facts(told) -> list:
    return sorted((each.stream, each.version, each.fact.type, each.story) for each in told)


async def test_a_copy_is_never_believed(nats, client):
    """A forged fact that names a post nobody has is answered by nobody."""
    shop = Shop()
    listening = asyncio.create_task(shop.inbox.run())
    async with ringing(shop.store, nats.url) as doorbell:
        draft = Draft("forged", DUE, About(story="acme.forged", actor="scheduler", happened_at=NINE))
        other = Shop()
        [told] = await other.store.append(Append([Say(post_stream("acme.forged"), 0, [draft])]))
        before = doorbell.heard
        await client.publish(subject_of(told), on_the_wire(told))
        await until(lambda: doorbell.heard > before, what="it has rung")
        await shop.say("acme.true")  # and whatever is true is heard after it
        await until(lambda: shop.tried, what="the service has heard the true one")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert [story for story, _ in shop.tried] == ["acme.true"]


async def test_the_bell_reads_no_stream_and_needs_none(nats, client):
    """It listens as anyone does; where DISTRIBUTION is not there yet, it rings all the same."""
    async with ringing(Shop().store, nats.url) as doorbell:
        assert DISTRIBUTION not in [info.config.name for info in await client.jetstream().streams_info()]
        before = doorbell.heard
        await client.publish(SUBJECT, b"")
        await until(lambda: doorbell.heard > before, what="it has rung")
