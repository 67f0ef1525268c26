"""The streams and consumers: made in one place, mended there, and nothing lost in them that somebody waits for."""

from __future__ import annotations

import pytest
from nats.js.api import StreamConfig
from nats.js.errors import APIError

from events.subjects import DISTRIBUTION, POST_APPROVED, POST_RETURNED, PRODUCTION
from services.chassis.topology import ACK_PENDING_MAX, SCHEDULER, Topology, TopologyWrong, replicas_for
from services.scheduler.edge import BATCH
from tests.servers_nats import ready


async def test_everything_is_made_once(client):
    topology = Topology(client)
    assert {str(each) for each in await topology.diff()} == {
        "stream PRODUCTION is not there",
        "stream DISTRIBUTION is not there",
        "stream REPLAY is not there",
        "consumer scheduler of PRODUCTION is not there",
    }
    assert len(await topology.apply()) == 4
    assert await topology.diff() == []
    assert await topology.apply() == []


async def test_what_somebody_changed_is_named_and_mended(client):
    topology = Topology(client)
    await topology.apply()
    js = client.jetstream()
    config = (await js.stream_info(DISTRIBUTION)).config
    await js.update_stream(config.evolve(max_age=600.0))
    consumer = (await js.consumer_info(PRODUCTION, SCHEDULER)).config
    await js.add_consumer(PRODUCTION, consumer.evolve(ack_wait=1.0))
    assert sorted(map(str, await topology.diff())) == [
        "consumer scheduler of PRODUCTION: ack_wait is 1.0, and must be 30.0",
        "stream DISTRIBUTION: max_age is 600.0, and must be 2592000.0",
    ]
    assert len(await topology.apply()) == 2
    assert await topology.diff() == []


async def test_ensuring_makes_what_is_missing_and_leaves_an_operators_choice(client):
    topology = Topology(client)
    await topology.apply()
    js = client.jetstream()
    await js.update_stream((await js.stream_info(DISTRIBUTION)).config.evolve(max_age=600.0))
    await js.delete_consumer(PRODUCTION, SCHEDULER)
    assert await topology.ensure() == ["made consumer scheduler of PRODUCTION"]
    assert [each.field for each in await topology.diff()] == ["max_age"]


async def test_productions_messages_go_to_one_house(client):
    """Of two that read them, each would lose what the other got."""
    topology = Topology(client)
    await topology.apply()
    assert await topology.claim("fact-of-ours")
    assert not await topology.claim("fact-of-ours")
    with pytest.raises(TopologyWrong, match=r"another house, whose log begins with fact fact-of-ours.*--take-over"):
        await topology.claim("fact-of-theirs")
    assert await topology.diff() == []


async def test_what_is_mended_stays_whose_it_is(client):
    topology, js = Topology(client), client.jetstream()
    await topology.apply()
    await topology.claim("fact-of-ours")
    consumer = (await js.consumer_info(PRODUCTION, SCHEDULER)).config
    await js.add_consumer(PRODUCTION, consumer.evolve(ack_wait=1.0))
    assert await topology.apply() == ["changed consumer scheduler of PRODUCTION"]
    assert not await topology.claim("fact-of-ours")


async def test_a_house_that_is_gone_for_good_is_followed_by_another(client):
    topology = Topology(client)
    await topology.apply()
    assert await topology.release() == []
    await topology.claim("fact-of-ours")
    assert await topology.release() == ["took PRODUCTION from the house whose log begins with fact fact-of-ours"]
    assert await topology.claim("fact-of-theirs", refused_by="fact-of-ours")
    assert await topology.diff() == []


async def test_whoever_was_refused_takes_nothing_from_a_consumer_that_was_lost(client):
    """It is made anew by whoever comes first, and that may be the one whose it never was."""
    topology = Topology(client)
    await topology.apply()
    with pytest.raises(TopologyWrong, match="begins with fact fact-of-ours"):
        await topology.claim("fact-of-theirs", refused_by="fact-of-ours")
    assert await topology.claim("fact-of-ours")


async def test_what_the_broker_cannot_change_is_said_with_its_mend(client):
    await client.jetstream().add_stream(StreamConfig(name=PRODUCTION, subjects=["production.>"], storage="memory"))
    with pytest.raises(TopologyWrong, match=r"storage is memory, and must be file.*delete the stream PRODUCTION"):
        await Topology(client).apply()


async def test_another_stream_that_has_our_subjects_is_said_with_its_mend(client):
    await client.jetstream().add_stream(StreamConfig(name="OTHER", subjects=["production.>"]))
    with pytest.raises(TopologyWrong, match="subjects overlap"):
        await Topology(client).apply()


async def test_production_reads_what_came_back_to_it_by_a_consumer_of_its_own(client):
    await ready(client)
    js = client.jetstream()
    await js.publish(POST_APPROVED, b"new", stream=PRODUCTION)
    await js.publish(POST_RETURNED, b"rejected", stream=PRODUCTION)
    pull = await js.pull_subscribe(POST_RETURNED, durable="production", stream=PRODUCTION)
    [message] = await pull.fetch(10, timeout=1)
    assert message.data == b"rejected"


async def test_a_full_queue_refuses_the_producer_and_forgets_nothing(client):
    await ready(client)
    js = client.jetstream()
    await js.update_stream((await js.stream_info(PRODUCTION)).config.evolve(max_bytes=1000))
    await js.publish(POST_APPROVED, b"x" * 600, stream=PRODUCTION)
    with pytest.raises(APIError, match="maximum bytes exceeded"):
        await js.publish(POST_APPROVED, b"y" * 600, stream=PRODUCTION)
    assert (await js.get_msg(PRODUCTION, 1)).data == b"x" * 600


async def test_the_feed_forgets_its_oldest_and_refuses_nobody(client):
    await ready(client)
    js = client.jetstream()
    await js.update_stream((await js.stream_info(DISTRIBUTION)).config.evolve(max_bytes=1000))
    for number in range(5):
        await js.publish("distribution.scheduler.post_due.x", b"%d" % number + b"x" * 600, stream=DISTRIBUTION)
    state = (await js.stream_info(DISTRIBUTION)).state
    assert (state.messages, state.last_seq) == (1, 5)


async def test_a_consumer_that_is_made_anew_loses_nothing_that_waits(client):
    await ready(client)
    js = client.jetstream()
    await js.publish(POST_APPROVED, b"one", stream=PRODUCTION)
    await js.delete_consumer(PRODUCTION, SCHEDULER)
    await Topology(client).ensure()
    assert (await js.consumer_info(PRODUCTION, SCHEDULER)).num_pending == 1


def test_a_batch_is_never_more_than_may_be_pending():
    """A fetch of more waits out its whole time (D12)."""
    assert BATCH <= ACK_PENDING_MAX


def test_a_cluster_of_three_keeps_three_copies():
    assert replicas_for("nats://a:4222,nats://b:4222,nats://c:4222") == 3
    assert replicas_for("nats://127.0.0.1:4222") == 1
