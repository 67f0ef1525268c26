"""Production's messages off NATS: a batch is taken in, and only then acknowledged (S1, D12).

    fetched -> taken in (durable) -> acknowledged -> cleared away
        |----> the store is away: all of it comes back later, and nothing is fetched meanwhile
        |----> a fault of ours: one by one, so that only the message it is about comes back later

FastStream consumes, with nothing acknowledged by itself; the fetching under it is our own (`services/chassis/pull.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, cast

import nats.errors
import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsBatchMessage
from faststream.nats.subscriber.usecases import BatchPullStreamSubscriber
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, ConsumerInfo
from nats.js.errors import NotFoundError

from events.subjects import POST_APPROVED, PRODUCTION
from services.chassis.clock import Clock
from services.chassis.drain import Drain
from services.chassis.link import ANSWER_S, AWAY, again_and_again, close, options, while_open
from services.chassis.pull import Pull
from services.chassis.store import StoreError
from services.chassis.topology import SCHEDULER, ReadByAnother, Topology, TopologyWrong, consumer_config, replicas_for
from services.scheduler.intake import Arrived

BATCH = 256
FILL_S = 0.02
LOOK_EVERY_S = 1.0
AGAIN_AFTER_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""A message that could not be taken comes back after, by how often it was delivered; the last one for ever after."""
CERTAIN_AFTER_S = 0.3
"""So long after we have said that Production's messages are ours, nobody else who asked before says so any more."""
ASK_GAP_S = 0.002
"""A stepping clock asks all the time; the broker is asked no more often than this."""
DRAIN_S = 10.0

log = structlog.get_logger("edge")


class Takes(Protocol):
    async def take(self, arrived: Sequence[Arrived]) -> None: ...


class Edge:
    """A `Part`. `trouble` says why nothing is taken in, or None: readiness asks it.

    `origin` tells which log the messages are taken into, so that no other house gets a part of them.
    """

    def __init__(
        self,
        address: str,
        intake: Takes,
        *,
        clock: Clock,
        origin: Callable[[], Awaitable[str | None]],
        drain: Drain | None = None,
    ) -> None:
        self._address, self._intake, self._clock, self._drain = address, intake, clock, drain or Drain()
        self._origin = origin
        self._log: str | None = None
        self._other = ""
        self._js: JetStreamContext | None = None
        self._pull: Pull | None = None
        self._asking, self._asked_at = asyncio.Lock(), -ASK_GAP_S
        self.trouble: str | None = "not connected yet"

    async def run(self) -> None:
        passing = (*AWAY, TopologyWrong)  # an operator may mend it while we run
        fetching = again_and_again(self._attempt, clock=self._clock, failed=self._failed, passing=passing)
        await self._drain.until_begun(fetching)

    async def in_flight(self) -> str | None:
        """What the broker itself says *after* being asked: an older answer may not know the newest message (D7).

        The consumer alone does not know for sure: *m* one message in a hundred was stored and acknowledged to its
        producer, and for a moment neither pending nor delivered. The stream's last message against its floor is sure.
        """
        async with self._asking:
            js = self._js
            if js is None:
                return f"{PRODUCTION} out of reach"
            if (left := self._asked_at + ASK_GAP_S - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(left)
            try:
                last, info = await asyncio.gather(_last(js), js.consumer_info(PRODUCTION, SCHEDULER))
            except (nats.errors.Error, TimeoutError):
                return f"{PRODUCTION} out of reach"
            finally:
                self._asked_at = asyncio.get_running_loop().time()
        if last <= _floor(info):
            return None
        return f"{max(1, (info.num_pending or 0) + (info.num_ack_pending or 0))} of Production's messages"

    async def _attempt(self) -> None:
        """One life of the connection: from connecting until it is lost or the consumer is."""
        lost = asyncio.Event()
        broker = NatsBroker(
            **options(self._address, SCHEDULER, lost), logger=None, apply_types=False, graceful_timeout=DRAIN_S
        )
        subscriber = subscribed(broker, self._take)
        client = await broker.connect()
        try:
            js = client.jetstream(timeout=ANSWER_S)
            topology = Topology(client, replicas=replicas_for(self._address))
            await topology.ensure()
            await self._claim(topology)
            await self._hand_back(js)
            self._pull = pull = Pull(client, PRODUCTION, SCHEDULER, batch=BATCH)
            await pull.start()
            await broker.start()
            subscriber.subscription = cast(Any, pull)
            self._js = js
            await while_open(client, lost, self._watch(js, pull, topology))
        finally:
            self._js = None
            with contextlib.suppress(nats.errors.Error):
                await subscriber.stop()
            await close(client)

    async def _hand_back(self, js: JetStreamContext) -> None:
        """What a killed life of ours had fetched comes at once, not when its time to acknowledge is over."""
        info = await js.consumer_info(PRODUCTION, SCHEDULER)
        if info.num_ack_pending:
            await js.reset_consumer(PRODUCTION, SCHEDULER)
            log.info("what an earlier life had fetched is delivered again", messages=info.num_ack_pending)

    async def _claim(self, topology: Topology, there: ConsumerConfig | None = None) -> None:
        """Nothing is fetched before it is certain that it is ours."""
        self._log = self._log or await self._origin()
        if self._log is None:
            raise TopologyWrong("nothing stands in the log yet, so nobody knows whose Production's messages are: "
                                "start the gateway, or run `distribution migrate`")  # fmt: skip
        try:
            while await topology.claim(self._log, there, refused_by=self._other):
                await self._clock.nap(CERTAIN_AFTER_S)
                there = None
        except ReadByAnother as refused:
            self._other = refused.named
            raise
        self._other = ""

    async def _watch(self, js: JetStreamContext, pull: Pull, topology: Topology) -> None:
        """A deleted consumer answers no ping and raises no fault: it must be asked for (D12)."""
        cleared = 0
        while True:
            info = await js.consumer_info(PRODUCTION, SCHEDULER)
            await self._claim(topology, info.config)
            cleared = await self._clear_away(js, info, cleared)
            if self.trouble is not None:
                log.info("Production's messages are taken in")
                self.trouble = None
            pull.doubt.clear()
            await self._clock.nap(LOOK_EVERY_S, pull.doubt)

    async def _clear_away(self, js: JetStreamContext, info: ConsumerInfo, cleared: int) -> int:
        """All that was acknowledged, in one stroke: a flush to disk for each would be all the broker does."""
        floor = _floor(info)
        if floor > cleared:
            await js.purge_stream(PRODUCTION, seq=floor + 1, subject=POST_APPROVED)
        return max(floor, cleared)

    async def _take(self, message: NatsBatchMessage) -> None:
        raw = message.raw_message
        try:
            await self._intake.take([Arrived(each.data, each.subject) for each in raw])
        except (StoreError, OSError) as broken:
            await self._later(raw, broken)
        except Exception as fault:
            log.exception("a batch could not be taken in", messages=len(raw), error=str(fault))
            await self._one_by_one(raw)
        else:
            await _told(message.ack())

    async def _one_by_one(self, raw: Sequence[Msg]) -> None:
        for each in raw:
            try:
                await self._intake.take([Arrived(each.data, each.subject)])
            except (StoreError, OSError) as broken:
                await self._later([each], broken)
            except Exception as fault:
                log.exception("a message could not be taken in and comes back", error=str(fault))
                await _told(each.nak(delay=_again_after(each)))
            else:
                await _told(each.ack())

    async def _later(self, raw: Sequence[Msg], broken: Exception) -> None:
        """Nothing is promised, so nothing is acknowledged; and nothing more is taken until it may work again."""
        log.error("the store is away, Production's messages wait", messages=len(raw), error=str(broken))
        if self._pull is not None:
            self._pull.rest(AGAIN_AFTER_S[0])
        for each in raw:
            await _told(each.nak(delay=_again_after(each)))

    async def _failed(self, broken: Exception) -> bool:
        """Said once for each trouble, not for each try."""
        was_well, self.trouble = self.trouble is None, str(broken) or type(broken).__name__
        if was_well:
            log.error("Production's messages cannot be fetched", error=self.trouble)
        return was_well


def subscribed(broker: NatsBroker, take: Callable[[NatsBatchMessage], Awaitable[None]]) -> BatchPullStreamSubscriber:
    """The subscriber on PRODUCTION. `declare=False`: the stream is not FastStream's to rewrite (D12)."""

    async def undecoded(message: NatsBatchMessage) -> NatsBatchMessage:
        """A body that cannot be decoded is for the intake to park, not for FastStream to stumble over."""
        return message

    subscriber = broker.subscriber(
        POST_APPROVED,
        stream=JStream(PRODUCTION, declare=False),
        durable=SCHEDULER,
        config=consumer_config(PRODUCTION, SCHEDULER),
        pull_sub=PullSub(batch=True, batch_size=BATCH, timeout=FILL_S),
        ack_policy=AckPolicy.MANUAL,
        decoder=undecoded,
        title="post_approved",
        description="What Production approved; a batch is acknowledged when each message is a post, or parked.",
    )
    subscriber(take)
    return subscriber


def _floor(info: ConsumerInfo) -> int:
    """Whatever lies at or below it is acknowledged."""
    return info.ack_floor.stream_seq if info.ack_floor else 0


async def _last(js: JetStreamContext) -> int:
    """The sequence of the newest message there is (0: there is none)."""
    try:
        return (await js.get_last_msg(PRODUCTION, POST_APPROVED)).seq or 0
    except NotFoundError:
        return 0


def _again_after(message: Msg) -> float:
    """Seconds."""
    delivered = max(1, message.metadata.num_delivered)
    return AGAIN_AFTER_S[min(delivered, len(AGAIN_AFTER_S)) - 1]


async def _told(telling: Awaitable[Any]) -> None:
    """An acknowledgement that is lost costs a second delivery, and that is silence (S1)."""
    with contextlib.suppress(nats.errors.Error):
        await telling
