"""The log onto NATS: in order, complete, each fact once, whatever becomes of the broker; and nothing waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3

import orjson
import pytest
from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy

from events import Comment, PostEdited, PostRejected, PostTakenIn
from events.production import Content
from events.subjects import DISTRIBUTION, POST_RETURNED, PRODUCTION, subject_of
from events.wire import cloud_event, on_the_wire
from services.chassis import batches, link
from services.chassis import relay as relaying
from services.chassis.rows import LEASE, Pick
from services.chassis.topology import Topology
from services.scheduler.message import BYTES_MAX
from tests.messaging.log import DUE
from tests.servers_nats import Proxy, everything, kill, ready, until, wipe

SUBJECT = "distribution.scheduler.post_due.x"


def positions(events: list[dict]) -> list[int]:
    return [int(event.get("position", 0)) for event in events]


async def in_the_feed(client, count: int) -> None:
    """Wait until the stream itself holds so many messages."""

    async def there() -> bool:
        with contextlib.suppress(NatsError):
            return (await client.jetstream().stream_info(DISTRIBUTION)).state.messages == count
        return False

    await until(there, what=f"the feed holds {count} messages")


@pytest.fixture
def quick(monkeypatch):
    """The same comparing, without its five seconds."""
    monkeypatch.setattr(relaying, "COMPARE_EVERY_S", 0.05)


async def test_every_fact_is_offered_once_and_in_order(nats, client, log):
    told = await log.say(2500)
    async with log.relaying(nats.url) as relay:
        await log.caught_up(relay)
    events = await everything(client, DISTRIBUTION)
    assert events == [cloud_event(each) for each in told]


async def test_a_fact_goes_out_under_its_own_subject(nats, client, log):
    [told] = await log.say()
    async with log.relaying(nats.url) as relay:
        await log.caught_up(relay)
    message = await client.jetstream().get_msg(DISTRIBUTION, 1)
    assert (message.subject, message.data) == (subject_of(told), on_the_wire(told))


async def test_a_new_fact_is_offered_as_soon_as_it_is_told(nats, log):
    async with log.relaying(nats.url) as relay:
        await log.say()
        await log.caught_up(relay)
        clock = log.clock.elapsed()
        for _ in range(20):
            await log.say()
            await log.caught_up(relay)
        assert log.clock.elapsed() - clock < 20 * relaying.LOOK_EVERY_S / 2  # far less than by looking


async def test_while_the_broker_is_away_the_log_goes_on_and_afterwards_the_feed_catches_up_in_order(nats, client, log):
    async with log.relaying(nats.url) as relay:
        await log.say(10)
        await log.caught_up(relay)
        await nats.stop()
        await until(lambda: relay.trouble, what="the relay has noticed")
        for _ in range(5):
            await log.say(20)  # nothing waits for NATS (F15)
        await until(lambda: relay.lag == 100, what="the lag is visible")
        await nats.start()
        await log.caught_up(relay)
        assert relay.lag == 0
    await until(lambda: client.is_connected, what="the client is back")
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 111))


async def test_a_broker_killed_under_load_gets_every_fact_once(nats, client, log):
    async with log.relaying(nats.url) as relay:
        for _ in range(4):
            saying = asyncio.gather(*(log.say(50) for _ in range(6)))
            await until(lambda: relay.lag or relay.trouble, what="the relay is at work")
            kill(nats)
            await saying
            await log.caught_up(relay)
        await in_the_feed(client, 1200)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 1201))


async def test_a_broker_wiped_under_load_is_offered_everything_again(nats, client, log, tmp_path):
    """Streams and consumers come back by themselves; complete, in order, no position twice (F13, F14, G5)."""
    async with log.relaying(nats.url) as relay:
        await log.say(3000)
        await log.caught_up(relay)
        for turn in range(1, 4):
            saying = asyncio.gather(*(log.say(50) for _ in range(6)))
            await wipe(nats, tmp_path)
            await saying
            await in_the_feed(client, 3000 + turn * 300)
            await log.caught_up(relay)
    events = await everything(client, DISTRIBUTION)
    assert positions(events) == list(range(1, 3901))
    assert [(int(event["position"]), event["id"]) for event in events] == await log.hash()


async def test_a_feed_that_was_made_anew_and_grew_back_as_far_is_offered_everything(nats, client, log, monkeypatch):
    """It ends at the very sequence that the relay expects, and is another one."""
    monkeypatch.setattr(relaying, "COMPARE_EVERY_S", 3600)
    async with log.relaying(nats.url) as relay:
        await log.say(20)
        await log.caught_up(relay)
        await client.jetstream().delete_stream(DISTRIBUTION)
        await Topology(client).ensure()
        for _ in range(20):
            await client.jetstream().publish(SUBJECT, b"{}")
        monkeypatch.setattr(relaying, "COMPARE_EVERY_S", 0.01)
        await log.say(1)
        await in_the_feed(client, 41)
    assert positions(await everything(client, DISTRIBUTION))[20:] == list(range(1, 22))


async def test_a_feed_that_is_deleted_is_made_again_and_offered_everything(nats, client, log, quick):
    async with log.relaying(nats.url) as relay:
        await log.say(100)
        await log.caught_up(relay)
        await client.jetstream().delete_stream(DISTRIBUTION)
        await in_the_feed(client, 100)  # nothing new has been told: the comparing finds it
        await log.say(10)
        await in_the_feed(client, 110)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 111))


async def test_an_answer_that_was_lost_offers_nothing_twice(nats, client, log):
    async with Proxy(nats) as wire, log.relaying(wire.url) as relay:
        await log.say(5)
        await log.caught_up(relay)
        wire.deaf = True
        await log.say(700)
        await in_the_feed(client, 705)  # it is there, and the relay does not know
        assert relay.offered == 5
        wire.cut()
        wire.deaf = False
        await log.caught_up(relay)
        await log.say(5)
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 711))


async def test_a_batch_that_was_cut_is_offered_whole(nats, client, log):
    async with Proxy(nats) as wire, log.relaying(wire.url) as relay:
        await log.say(5)
        await log.caught_up(relay)
        wire.mute = True
        await log.say(700)
        await until(lambda: relay.lag, what="the batch is on its way")
        wire.cut()
        wire.mute = False
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 706))


@pytest.mark.parametrize("forged", [
    b"", b"{}", b"\xff\xfe", orjson.dumps({"position": str(2**70), "id": "x"}),
    orjson.dumps({"position": "3", "id": "not the fact at 3"}), orjson.dumps({"position": "-1", "id": "x"}),
])  # fmt: skip
async def test_what_others_write_into_the_feed_is_stepped_over(nats, client, log, forged):
    async with log.relaying(nats.url) as relay:
        await log.say(5)
        await log.caught_up(relay)
        for _ in range(3):
            await client.jetstream().publish(SUBJECT, forged, stream=DISTRIBUTION)
        await log.say(5)
        await log.caught_up(relay)
    async with log.relaying(nats.url) as relay:  # and after a new start as well
        await client.jetstream().publish(SUBJECT, forged, stream=DISTRIBUTION)
        await log.say(5)
        await log.caught_up(relay)
    js, ours = client.jetstream(), []
    for sequence in range(1, (await js.stream_info(DISTRIBUTION)).state.last_seq + 1):
        data = (await js.get_msg(DISTRIBUTION, sequence)).data or b""
        if data != forged:
            ours.append(orjson.loads(data))
    assert positions(ours) == list(range(1, 16))


async def test_a_copy_that_is_sent_again_moves_nothing(nats, client, log):
    """A reflected message is a true copy of an old fact; the relay does not go back to it (A30)."""
    async with log.relaying(nats.url) as relay:
        told = await log.say(10)
        await log.caught_up(relay)
        await client.jetstream().publish(SUBJECT, on_the_wire(told[2]), stream=DISTRIBUTION)
        await log.say(5)
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == [*range(1, 11), 3, *range(11, 16)]


async def test_a_new_relay_goes_on_where_the_feed_ends(nats, client, log):
    for _ in range(3):
        async with log.relaying(nats.url) as relay:
            await log.say(10)
            await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 31))


async def test_a_feed_whose_messages_have_all_aged_away_is_not_taken_for_a_wiped_one(nats, client, log, quick):
    async with log.relaying(nats.url) as relay:
        await log.say(10)
        await log.caught_up(relay)
        await until(lambda: relay.remembered == 10, what="where the feed ends is kept with the log")
    await client.jetstream().purge_stream(DISTRIBUTION)
    async with log.relaying(nats.url) as relay:
        await log.say(1)
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == [11]


async def test_a_feed_that_cannot_be_made_is_trouble_until_an_operator_has_mended_it(nats, client, log):
    js = client.jetstream()
    await js.add_stream(name="OTHER", subjects=["distribution.>"])
    async with log.relaying(nats.url) as relay:
        await log.say(5)
        await until(lambda: relay.trouble and "stream DISTRIBUTION is not there" in relay.trouble, what="it is said")
        await js.delete_stream("OTHER")
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 6))


async def test_a_shape_of_a_newer_release_stops_the_feed_and_is_never_skipped(nats, client, log):
    await log.say(5)
    with sqlite3.connect(log.path) as db:  # as a newer release would have written it
        db.execute("DROP TRIGGER stored_events_never_update")
        db.execute("UPDATE stored_events SET topic = 'scheduler.post_vanished.v1' WHERE rowid = 3")
    async with log.relaying(nats.url) as relay:
        await until(lambda: relay.trouble and "post_vanished" in relay.trouble, what="it is said")
        with sqlite3.connect(log.path) as db:
            db.execute("UPDATE stored_events SET topic = 'scheduler.post_due.v1' WHERE rowid = 3")
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 6))


async def test_a_feed_with_no_room_waits_and_loses_nothing(nats, client, log):
    """An operator's stream that refuses instead of forgetting (F16)."""
    await ready(client)
    js = client.jetstream()
    config = (await js.stream_info(DISTRIBUTION)).config
    await js.update_stream(config.evolve(max_bytes=2000, discard=DiscardPolicy.NEW))
    async with log.relaying(nats.url) as relay:
        await log.say(50)
        await until(lambda: relay.trouble and "maximum bytes" in relay.trouble, what="the broker has refused")
        assert (relay.offered, relay.lag) == (0, 50)
        await js.update_stream(config)
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 51))


async def test_a_rejected_post_goes_back_to_production_with_its_thread(nats, client, log):
    thread = tuple(Comment(by="reviewer@acme.example", text=f"please, {n}", at=DUE.slot_at) for n in range(3))
    [told] = await log.say(1, PostRejected(comments=thread))
    async with log.relaying(nats.url) as relay:
        await log.caught_up(relay)
    js = client.jetstream()
    pull = await js.pull_subscribe(POST_RETURNED, durable="production", stream=PRODUCTION)
    [message] = await pull.fetch(10, timeout=1)
    assert orjson.loads(message.data) == cloud_event(told)
    assert message.headers["Nats-Msg-Id"] == told.id


async def test_a_rejected_post_is_there_before_the_feed_tells_of_it_and_only_once(nats, client, log, quick):
    await ready(client)
    order: list[str] = []

    async def seen(message) -> None:
        order.append(message.subject.split(".")[0])

    await client.subscribe(POST_RETURNED, cb=seen)
    await client.subscribe("distribution.>", cb=seen)
    await client.flush()
    await log.say(1, PostRejected())
    async with log.relaying(nats.url) as relay:
        await log.caught_up(relay)
        await client.jetstream().delete_stream(DISTRIBUTION)
        await in_the_feed(client, 1)  # it was offered again
    assert order[:2] == ["production", "distribution"]
    assert (await client.jetstream().stream_info(PRODUCTION)).state.messages == 1


async def test_of_two_processes_one_relays(nats, client, log):
    async with log.relaying(nats.url, "first") as first:
        await log.say(10)
        await log.caught_up(first)
        async with log.relaying(nats.url, "second") as second:
            await log.say(10)
            await log.caught_up(first)
            assert second.offered == 0
            [lease] = await log.store.pick(Pick(LEASE))
            assert (lease["holder"], lease["epoch"]) == ("first", 1)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 21))


async def test_a_standby_takes_over_at_once_from_one_that_ends(nats, client, log):
    async with contextlib.AsyncExitStack() as ending, contextlib.AsyncExitStack() as staying:
        first = await ending.enter_async_context(log.relaying(nats.url, "first"))
        await log.say(10)
        await log.caught_up(first)
        second = await staying.enter_async_context(log.relaying(nats.url, "second"))
        await ending.aclose()
        await log.say(10)
        await log.caught_up(second)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 21))


@pytest.mark.parametrize("text", ["x", "\x01", "ü", "🎈"], ids=["plain", "escaped", "umlaut", "balloon"])
async def test_the_largest_post_that_production_may_send_goes_out_whole(nats, client, log, text):
    """Every fact fits the wire (D14): a message of 256 kB is the largest that becomes one (S2a)."""
    sent = text * (BYTES_MAX // len(orjson.dumps(text)[1:-1]))
    fact = PostTakenIn(post="p" * 64, connection="acme.x", content=Content(text=sent), content_hash="h" * 64)
    [told] = await log.say(1, fact)
    async with log.relaying(nats.url) as relay:
        await log.caught_up(relay)
    assert await everything(client, DISTRIBUTION) == [cloud_event(told)]


async def test_one_that_no_broker_would_carry_goes_without_its_data_and_stops_nobody(nats, client, log):
    thread = tuple(Comment(by="reviewer", text="x" * 200_000, at=DUE.slot_at) for _ in range(6))
    [told] = await log.say(1, PostRejected(comments=thread))
    await log.say(3)
    async with log.relaying(nats.url) as relay:
        await log.caught_up(relay)
    events = await everything(client, DISTRIBUTION)
    assert positions(events) == [1, 2, 3, 4]
    assert (events[0]["id"], events[0]["datatoolarge"], "data" in events[0]) == (told.id, "true", False)
    assert (await client.jetstream().get_last_msg(PRODUCTION, POST_RETURNED)).headers["Nats-Msg-Id"] == told.id


async def test_many_large_facts_are_more_than_one_batch(nats, client, log):
    fact = PostEdited(content=Content(text="x" * 200_000), content_hash="h")
    async with log.relaying(nats.url) as relay:
        await log.say(100, fact)
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 101))


async def test_two_that_both_believe_to_be_the_one_offer_nothing_twice(nats, client, log, monkeypatch):
    """The lease only spares work; what keeps the order is the guard on the feed's end."""

    async def hold(lease, work) -> None:
        await work()

    monkeypatch.setattr(relaying.Lease, "hold", hold)
    async with log.relaying(nats.url, "first") as first, log.relaying(nats.url, "second") as second:
        for _ in range(10):
            await log.say(100)
        await log.caught_up(first)
        await log.caught_up(second)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 1001))


async def test_a_connection_the_broker_closes_is_opened_again(nats, client, log):
    async with Proxy(nats) as wire, log.relaying(wire.url) as relay:
        for _ in range(3):
            await log.say(3)
            await log.caught_up(relay)
            wire.cut()
        await log.say(1)
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 11))


async def test_a_broker_that_stands_still_and_goes_on_gets_every_fact_once(nats, client, log, monkeypatch):
    """Paused in the middle of a batch for longer than anyone waits (F13)."""
    monkeypatch.setattr(batches, "ANSWER_S", 0.3)
    monkeypatch.setattr(link, "CONNECT_S", 0.3)
    async with log.relaying(nats.url) as relay:
        await log.say(5)
        await log.caught_up(relay)
        os.kill(nats.pid, signal.SIGSTOP)
        await log.say(700)
        await until(lambda: relay.trouble, what="nobody waits any longer")
        os.kill(nats.pid, signal.SIGCONT)
        await log.caught_up(relay)
        await log.say(5)
        await log.caught_up(relay)
    assert positions(await everything(client, DISTRIBUTION)) == list(range(1, 711))


async def test_the_relay_holds_no_clock_up(nats, log):
    async with log.relaying(nats.url) as relay:
        await log.say(100)
        assert await relay.in_flight() is None
