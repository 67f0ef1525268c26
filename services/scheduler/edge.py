"""Production's messages off NATS: a batch is taken in, and only then acknowledged (S1, D12).

    fetched -> taken in (durable) -> acknowledged
        |----> the store is away: all of it comes back later, and nothing is fetched meanwhile
        |----> a fault of ours: one by one, so that only the message it is about comes back later

FastStream consumes, with nothing acknowledged by itself. Its fetching is made patient here (`PatientPull`): by itself
it spins when the consumer is gone, and stops the world when the connection is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import nats.errors
import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsBatchMessage
from faststream.nats.subscriber.usecases import BatchPullStreamSubscriber
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from events.subjects import POST_APPROVED, PRODUCTION
from services.chassis.clock import Clock
from services.chassis.link import ANSWER_S, again_and_again, close, options, while_open
from services.chassis.store import StoreError
from services.chassis.topology import SCHEDULER, Topology, consumer_config, replicas_for
from services.scheduler.intake import Arrived

BATCH = 256
FILL_S = 0.02
"""An unfilled batch waits so long for more (D12)."""
LOOK_EVERY_S = 1.0
AGAIN_AFTER_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""A message that could not be taken comes back after, by how often it was delivered; the last one for ever after."""
ASK_GAP_S = 0.002
"""A stepping clock asks all the time; the broker is asked no more often than this."""
DRAIN_S = 10.0

log = structlog.get_logger("edge")


class Takes(Protocol):
    async def take(self, arrived: Sequence[Arrived]) -> None: ...


class Edge:
    """A `Part`. `trouble` says why nothing is taken in, or None: readiness asks it."""

    def __init__(self, address: str, intake: Takes, *, clock: Clock) -> None:
        self._address, self._intake, self._clock = address, intake, clock
        self._js: JetStreamContext | None = None
        self._pull: PatientPull | None = None
        self._asking, self._asked_at = asyncio.Lock(), -ASK_GAP_S
        self.trouble: str | None = "not connected yet"

    async def run(self) -> None:
        await again_and_again(self._attempt, clock=self._clock, failed=self._failed)

    async def in_flight(self) -> str | None:
        """What the broker itself says *after* being asked: an older answer may not know the newest message (D7)."""
        async with self._asking:
            js = self._js
            if js is None:
                return f"{PRODUCTION} out of reach"
            if (left := self._asked_at + ASK_GAP_S - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(left)
            try:
                info = await js.consumer_info(PRODUCTION, SCHEDULER)
            except (nats.errors.Error, TimeoutError):
                return f"{PRODUCTION} out of reach"
            finally:
                self._asked_at = asyncio.get_running_loop().time()
        waiting = (info.num_pending or 0) + (info.num_ack_pending or 0)
        return f"{waiting} of Production's messages" if waiting else None

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
            await Topology(client, replicas=replicas_for(self._address)).ensure()
            await self._hand_back(js)
            await broker.start()
            assert subscriber.subscription is not None  # noqa: S101 - it has just been started
            subscriber.subscription = self._pull = PatientPull(subscriber.subscription)
            self._js = js
            await while_open(lost, self._watch(js, self._pull))
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

    async def _watch(self, js: JetStreamContext, pull: PatientPull) -> None:
        """A deleted consumer answers no ping and raises no fault: it must be asked for (D12)."""
        while True:
            await js.consumer_info(PRODUCTION, SCHEDULER)
            if self.trouble is not None:
                log.info("Production's messages are taken in")
                self.trouble = None
            pull.doubt.clear()
            await self._clock.nap(LOOK_EVERY_S, pull.doubt)

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
        """Nothing is promised, so nothing is acknowledged; and nothing more is fetched until it may work again."""
        log.error("the store is away, Production's messages wait", messages=len(raw), error=str(broken))
        if self._pull is not None:
            self._pull.rest_until = asyncio.get_running_loop().time() + AGAIN_AFTER_S[0]
        for each in raw:
            await _told(each.nak(delay=_again_after(each)))

    async def _failed(self, broken: Exception) -> None:
        """Said once for each trouble, not for each try."""
        if self.trouble is None:
            log.error("Production's messages cannot be fetched", error=str(broken) or type(broken).__name__)
        self.trouble = str(broken) or type(broken).__name__


def subscribed(broker: NatsBroker, take: Callable[[NatsBatchMessage], Awaitable[None]]) -> BatchPullStreamSubscriber:
    """The subscriber on PRODUCTION. `declare=False`: the stream is not FastStream's to rewrite (D12)."""

    async def undecoded(message: NatsBatchMessage) -> NatsBatchMessage:
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


class PatientPull(JetStreamContext.PullSubscription):
    """The same subscription, for FastStream's loop, which repeats at once whatever happened.

    So faults take their time here and say `doubt`; and what nats-py raises as a plain timeout when an answer and its
    deadline meet becomes the one FastStream expects, which otherwise drops what it has collected.
    """

    def __init__(self, bare: JetStreamContext.PullSubscription) -> None:
        vars(self).update(vars(bare))
        self.doubt = asyncio.Event()
        self.rest_until = 0.0

    async def fetch(
        self,
        batch: int = 1,
        timeout: float | None = None,  # noqa: ASYNC109 - nats-py's own word
        heartbeat: float | None = None,
    ) -> list[Msg]:
        if (left := self.rest_until - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)
        try:
            return await super().fetch(batch, timeout, heartbeat)
        except nats.errors.TimeoutError:
            raise
        except TimeoutError as raced:
            raise nats.errors.TimeoutError from raced
        except (nats.errors.Error, OSError) as broken:
            self.doubt.set()
            await asyncio.sleep(LOOK_EVERY_S)
            raise nats.errors.TimeoutError from broken


def _again_after(message: Msg) -> float:
    """Seconds."""
    delivered = max(1, message.metadata.num_delivered)
    return AGAIN_AFTER_S[min(delivered, len(AGAIN_AFTER_S)) - 1]


async def _told(telling: Awaitable[Any]) -> None:
    """An acknowledgement that is lost costs a second delivery, and that is silence (S1)."""
    with contextlib.suppress(nats.errors.Error):
        await telling
