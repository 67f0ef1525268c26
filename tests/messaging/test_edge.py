"""Production's messages off NATS: acknowledged when they are taken in, not before, and never lost (S1, D12)."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

import orjson
import pytest

from events import PostTakenIn
from events.subjects import POST_APPROVED, POST_RETURNED, PRODUCTION
from services.chassis.pull import OPEN_S
from services.chassis.store import StoreError
from services.chassis.topology import OWNER, SCHEDULER, Topology
from services.scheduler import edge as edges
from tests.messaging.door import Door, edging, idle, working
from tests.scheduler.house import House, message
from tests.servers_nats import Proxy, ready, until, wipe


@pytest.fixture
def door():
    return Door()


@pytest.fixture
async def js(client):
    return (await ready(client)).jetstream()


async def approve(js, *bodies: bytes, **more) -> None:
    await asyncio.gather(*(js.publish(POST_APPROVED, body, stream=PRODUCTION, **more) for body in bodies))


async def left(js) -> int:
    return (await js.stream_info(PRODUCTION)).state.messages


async def cleared_away(js) -> None:
    async def nothing() -> bool:
        return await left(js) == 0

    await until(nothing, what="what is acknowledged is cleared away")


async def test_messages_are_taken_in_and_then_acknowledged(nats, js, door):
    async with edging(nats.url, door) as edge:
        await approve(js, *(b"%d" % number for number in range(600)))
        await idle(edge)
        await cleared_away(js)
    assert sorted(map(int, door.taken)) == list(range(600))


async def test_a_second_house_on_the_same_broker_takes_nothing_and_says_whose_messages_they_are(nats, js, client, door):
    second = Door()
    async with edging(nats.url, door, log="ours") as edge:
        await working(edge)
        async with edging(nats.url, second, log="theirs") as other:
            await until(lambda: "another house" in str(other.trouble), what="the second house says so")
            await approve(js, *(b"%d" % number for number in range(600)))
            await idle(edge)
            assert "begins with fact ours" in str(other.trouble)
        assert sorted(map(int, door.taken)) == list(range(600))
        assert second.taken == []
    await Topology(client).release()
    async with edging(nats.url, second, log="theirs") as other:
        await approve(js, b"600")
        await working(other)
        await idle(other)
    assert second.taken == [b"600"]


async def test_of_two_houses_that_begin_at_once_one_takes_everything(nats, js, door):
    second = Door()
    await approve(js, *(b"%d" % number for number in range(600)))
    async with edging(nats.url, door, log="ours") as one, edging(nats.url, second, log="theirs") as other:
        await until(lambda: None in (one.trouble, other.trouble), what="one of them is at work")
        await idle(one if one.trouble is None else other)
    assert sorted([len(door.taken), len(second.taken)]) == [0, 600]


async def test_nothing_is_taken_into_a_log_in_which_nothing_stands(nats, js, door):
    await approve(js, b"1")
    async with edging(nats.url, door, log=None) as edge:
        await until(lambda: "nothing stands in the log yet" in str(edge.trouble), what="it says so")
    assert door.taken == []


async def test_a_house_whose_messages_were_given_to_another_stops_taking_them(nats, js, client, door):
    async with edging(nats.url, door, log="ours") as edge:
        await working(edge)
        consumer = (await js.consumer_info(PRODUCTION, SCHEDULER)).config
        await js.add_consumer(PRODUCTION, consumer.evolve(metadata={OWNER: "theirs"}))
        await until(lambda: "another house" in str(edge.trouble), what="it has noticed")
        await approve(js, b"1")
    assert door.taken == []


async def test_what_waited_before_the_edge_came_is_taken_in_few_batches(nats, js, door):
    await approve(js, *(b"%d" % number for number in range(1000)))
    async with edging(nats.url, door) as edge:
        await working(edge)
        await idle(edge)
    assert len(door.taken) == 1000
    assert len(door.calls) < 20


async def test_a_lone_message_does_not_wait_for_company(nats, js, door):
    async with edging(nats.url, door) as edge:
        await working(edge)
        started = asyncio.get_running_loop().time()
        await approve(js, b"one")
        await until(lambda: door.taken, what="it is taken in")
        assert door.calls[0][0] - started < OPEN_S / 2


async def test_nothing_is_acknowledged_before_it_was_taken_in(nats, js, door):
    door.open.clear()
    async with edging(nats.url, door) as edge:
        await approve(js, b"one")
        await until(lambda: door.calls, what="it is at the door")
        assert await left(js) == 1
        assert await edge.in_flight() == "1 of Production's messages"
        door.open.set()
        await cleared_away(js)


async def test_what_went_back_to_production_is_not_cleared_away(nats, js, door):
    async with edging(nats.url, door) as edge:
        await js.publish(POST_RETURNED, b"rejected", stream=PRODUCTION)
        await approve(js, b"one")
        await idle(edge)

        async def only_that() -> bool:
            return await left(js) == 1

        await until(only_that, what="the other one is cleared away")
    assert (await js.get_last_msg(PRODUCTION, POST_RETURNED)).data == b"rejected"


async def test_what_a_killed_life_had_fetched_comes_at_once(nats, js, door):
    """Not when its thirty seconds to acknowledge are over (G3)."""
    await approve(js, *(b"%d" % number for number in range(5)))
    killed = await js.pull_subscribe_bind(SCHEDULER, PRODUCTION)
    assert len(await killed.fetch(5, timeout=1)) == 5
    async with edging(nats.url, door) as edge:
        await working(edge)
        await idle(edge)
    assert len(door.taken) == 5


async def test_while_the_store_is_away_messages_wait_and_nobody_is_pestered(nats, js, door, monkeypatch):
    monkeypatch.setattr(edges, "AGAIN_AFTER_S", (0.3,))
    down = [StoreError("the disk is full"), OSError("no space left"), StoreError("the disk is full")]

    def away(bodies: list[bytes]) -> None:
        if down:
            raise down.pop()

    door.before = away
    await approve(js, *(b"%d" % number for number in range(600)))
    async with edging(nats.url, door) as edge:
        await working(edge)
        await idle(edge)
    assert sorted(set(map(int, door.taken))) == list(range(600))
    began = [at for at, _ in door.calls]
    assert all(late - early >= 0.3 for early, late in itertools.pairwise(began[:4]))


async def test_a_message_that_breaks_the_door_holds_up_nobody_else(nats, js, door, monkeypatch):
    monkeypatch.setattr(edges, "AGAIN_AFTER_S", (0.05,))
    mended = False

    def fragile(bodies: list[bytes]) -> None:
        if b"poison" in bodies and not mended:
            raise ZeroDivisionError("a fault of ours")

    door.before = fragile
    await approve(js, *(b"%d" % number for number in range(50)), b"poison")
    async with edging(nats.url, door) as edge:
        await until(lambda: len(set(door.taken)) == 50, what="all others are taken in")
        await until(lambda: sum(bodies == [b"poison"] for _, bodies in door.calls) > 3, what="it is tried again")
        assert await edge.in_flight() == "1 of Production's messages"
        mended = True
        await idle(edge)
    assert door.taken.count(b"poison") == 1


@pytest.mark.parametrize("body", [
    b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"null", b'{"specversion": "1.0"}', b"x" * 1_000_000,
], ids=["empty", "torn", "binary", "deep", "null", "json", "large"])  # fmt: skip
@pytest.mark.parametrize("header", [None, {"content-type": "application/json"}, {"content-type": "text/plain"}])
async def test_whatever_it_is_it_arrives_as_it_was_sent(nats, js, door, body, header):
    """What cannot become a post is parked by the intake, which must see it whole (S2)."""
    async with edging(nats.url, door) as edge:
        await approve(js, body, headers=header)
        await until(lambda: door.taken, what="it is at the door")
        await idle(edge)
    assert door.taken == [body]


async def test_a_lost_acknowledgement_costs_a_second_delivery(nats, js, door):
    async with Proxy(nats) as wire, edging(wire.url, door) as edge:
        door.open.clear()
        await approve(js, b"one")
        await until(lambda: door.calls, what="it is at the door")
        wire.mute = True
        door.open.set()
        await until(lambda: door.taken, what="it is taken in, and that is lost on the way")
        wire.cut()
        wire.mute = False
        await until(lambda: len(door.taken) == 2, what="it is delivered again")
        await idle(edge)
    assert door.taken == [b"one", b"one"]


async def test_a_deleted_consumer_is_noticed_and_made_again(nats, js, door):
    async with edging(nats.url, door) as edge:
        await working(edge)
        await js.delete_consumer(PRODUCTION, SCHEDULER)
        await approve(js, b"one")
        await until(lambda: door.taken, what="it is taken in all the same")
        await idle(edge)
    assert (await js.consumer_info(PRODUCTION, SCHEDULER)).config.ack_wait == 30


async def test_a_deleted_stream_is_noticed_and_made_again(nats, js, door):
    async with edging(nats.url, door) as edge:
        await working(edge)
        await js.delete_stream(PRODUCTION)
        await until(lambda: edge.trouble, what="the edge has noticed")
        await working(edge)
        await approve(js, b"one")
        await until(lambda: door.taken, what="it is taken in")


async def test_a_broker_that_was_wiped_under_load_is_good_for_new_messages(nats, js, door, tmp_path):
    async with edging(nats.url, door) as edge:
        for number in range(3):
            await working(edge)
            await approve(js, b"before the %d" % number)
            await wipe(nats, tmp_path)
            await until(lambda: edge.trouble, what="the edge has noticed")
        await working(edge)
        await approve(js, b"after")
        await until(lambda: b"after" in door.taken, what="it is taken in")


async def test_while_the_broker_is_away_the_house_goes_on_and_readiness_says_why(nats, js, door):
    async with edging(nats.url, door) as edge:
        await working(edge)
        await nats.stop()
        await until(lambda: edge.trouble, what="the edge has noticed")
        started = time.thread_time()
        for _ in range(1000):
            await asyncio.sleep(0)  # others have their turn
        assert time.thread_time() - started < 1  # and it rests meanwhile: of this thread's own time, whoever else works
        assert await edge.in_flight() == "PRODUCTION out of reach"
        await nats.start()
        await working(edge)


async def test_a_clock_that_steps_never_steps_over_a_message(nats, js, door):
    """The answer is what the broker says after being asked, so a message acknowledged before is always seen (D7)."""
    async with edging(nats.url, door) as edge:
        await working(edge)
        door.open.clear()
        for number in range(30):
            await idle(edge)
            await approve(js, b"%d" % number)
            assert await edge.in_flight() == "1 of Production's messages"
            door.open.set()
            await until(lambda number=number: len(door.taken) == number + 1, what="it is taken in")
            door.open.clear()
            door.calls.clear()


async def test_a_clock_that_asks_all_the_time_asks_the_broker_now_and_then(nats, js, door):
    async with edging(nats.url, door) as edge:
        await working(edge)
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(edge.in_flight() for _ in range(50)))
        assert asyncio.get_running_loop().time() - started > 49 * edges.ASK_GAP_S


async def test_it_ends_within_its_time_and_what_it_had_at_the_door_is_finished(nats, js, door):
    async with edging(nats.url, door) as edge:
        await working(edge)
        door.open.clear()
        await approve(js, b"one")
        await until(lambda: door.calls, what="it is at the door")
        asyncio.get_running_loop().call_later(0.1, door.open.set)
    assert door.taken == [b"one"]


async def test_delivered_thrice_and_shuffled_each_becomes_one_post(nats, js, tmp_path):
    """The real intake behind it: every message acknowledged becomes exactly one post (S1, F12)."""
    house, chance = House(), random.Random(42)
    await house.account()
    await house.connect("acme.linkedin")
    bodies = [orjson.dumps(message(f"post-{number}")) for number in range(60)] * 3
    chance.shuffle(bodies)
    async with edging(nats.url, house.intake) as edge:
        await working(edge)
        await approve(js, *bodies)
        await idle(edge)
    told = [each.fact.post for each in await house.store.tail(0, 10_000) if isinstance(each.fact, PostTakenIn)]
    assert sorted(told) == sorted(f"post-{number}" for number in range(60))
