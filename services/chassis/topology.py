"""The streams and consumers on NATS: the one place that creates or changes them (D12).

PRODUCTION is a queue: a message lies there, for as long as it takes, until the scheduler has acknowledged it and
clears it away, and a full one refuses the producer instead of forgetting. (JetStream's own work queue flushes to disk
for every acknowledgement: *m* 1,100 a second against 6,200.) What goes back to Production lies there a month.
DISTRIBUTION is a feed: bounded, the oldest goes first, because history lives in the log. REPLAY holds what was asked
for again, for a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from events.subjects import ALL_OF, DISTRIBUTION, POST_APPROVED, PRODUCTION, REPLAY
from services.chassis.link import ANSWER_S

SCHEDULER = "scheduler"
"""The consumer by which the scheduler takes in what Production approved."""
ACK_WAIT_S = 30.0
ACK_PENDING_MAX = 1024
"""More than one batch: a fetch of more than may be pending waits out its whole time (D12)."""
DAY_S, MB = 86_400.0, 2**20
OWNER = "distribution-log"
"""In the consumer's metadata: the first fact of the log that Production's messages are taken into."""
FREE = ""
"""Somebody has said that they are nobody's; where nothing is said, the consumer was made anew."""
RETURNED_LIVES_S = 30 * DAY_S
_INVALID_CONFIG = 10052

log = structlog.get_logger("topology")
Fields = Mapping[str, Any]


class TopologyWrong(Exception):
    """A stream is there and cannot be made into what is needed; names the mend."""


class ReadByAnother(TopologyWrong):
    """Production's messages are another house's."""

    def __init__(self, named: str, log: str) -> None:
        super().__init__(
            f"{PRODUCTION} is read by another house, whose log begins with fact {named} and not with {log}: give this "
            "one a NATS account or server of its own (DISTRIBUTION_NATS_URL); if the other is gone for good, run "
            "`distribution topology apply --take-over`"
        )
        self.named = named


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be; `field` is empty for one that is not there at all."""

    what: str
    field: str = ""
    found: Any = None
    wanted: Any = None

    def __str__(self) -> str:
        if not self.field:
            return f"{self.what} is not there"
        return f"{self.what}: {self.field} is {self.found}, and must be {self.wanted}"


def streams(replicas: int) -> dict[str, Fields]:
    durable: Fields = {"storage": StorageType.FILE, "num_replicas": replicas, "retention": RetentionPolicy.LIMITS}
    feed: Fields = {**durable, "discard": DiscardPolicy.OLD, "allow_atomic": True}
    each: dict[str, Fields] = {
        PRODUCTION: {**durable, "discard": DiscardPolicy.NEW, "max_bytes": 1024 * MB, "duplicate_window": 120.0,
                     "max_age": 0.0, "allow_msg_ttl": True},
        DISTRIBUTION: {**feed, "max_age": 30 * DAY_S, "max_bytes": 2048 * MB},
        REPLAY: {**feed, "max_age": DAY_S, "max_bytes": 512 * MB},
    }  # fmt: skip
    return {name: {"subjects": [ALL_OF[name]], **fields} for name, fields in each.items()}


def consumers() -> dict[tuple[str, str], Fields]:
    """By stream and name. Never given up on: what cannot become a post is parked by intake, not dropped here (S2)."""
    return {
        (PRODUCTION, SCHEDULER): {
            "filter_subject": POST_APPROVED,
            "ack_policy": AckPolicy.EXPLICIT,
            "ack_wait": ACK_WAIT_S,
            "max_ack_pending": ACK_PENDING_MAX,
            "max_deliver": -1,
        }
    }


def consumer_config(stream: str, name: str) -> ConsumerConfig:
    return ConsumerConfig(name=name, durable_name=name, **consumers()[stream, name])


def replicas_for(address: str) -> int:
    """Three where a cluster of at least three servers is named, else one."""
    return 3 if len(address.split(",")) >= 3 else 1


class Topology:
    def __init__(self, client: Client, *, replicas: int = 1) -> None:
        self._streams, self._consumers = streams(replicas), consumers()
        self._js = client.jetstream(timeout=ANSWER_S)

    async def diff(self) -> Sequence[Difference]:
        """What is missing or other than it must be; nothing is changed."""
        found: list[Difference] = []
        for name, fields in self._streams.items():
            found += _compared(f"stream {name}", fields, await self._stream(name))
        for (stream, name), fields in self._consumers.items():
            found += _compared(f"consumer {name} of {stream}", fields, await self._consumer(stream, name))
        return found

    async def apply(self) -> Sequence[str]:
        """Make it as it must be; what was done, in words. Doing so again does nothing."""
        return await self._make(changing=True)

    async def ensure(self) -> Sequence[str]:
        """Make what is missing, and leave alone what an operator has set otherwise."""
        return await self._make(changing=False)

    async def claim(self, log: str, there: ConsumerConfig | None = None, *, refused_by: str = "") -> bool:
        """Production's messages go to one house: of two that read them, each would lose what the other got (S1).

        True when the word that they are ours was only just written: another may have written its own in the same
        breath, and the later one stands. `refused_by` is the house that had them when we asked last: a consumer that
        was lost and made anew is still that one's.
        """
        there = there or await self._consumer(PRODUCTION, SCHEDULER)
        if there is None:
            raise NotFoundError()  # it is made anew, and asked for again
        named = (there.metadata or {}).get(OWNER, refused_by)
        if named == log:
            return False
        if named:
            raise ReadByAnother(named, log)
        await self._js.add_consumer(PRODUCTION, _owned(there, log))
        return True

    async def release(self) -> Sequence[str]:
        """Whatever house asks next reads Production's messages; what was done, in words."""
        there = await self._consumer(PRODUCTION, SCHEDULER)
        if there is None:
            return []
        named = (there.metadata or {}).get(OWNER)
        await self._js.add_consumer(PRODUCTION, _owned(there, FREE))
        return [f"took {PRODUCTION} from the house whose log begins with fact {named}"] if named else []

    async def _make(self, *, changing: bool) -> list[str]:
        done: list[str] = []
        for name, fields in self._streams.items():
            done += await self._make_stream(name, fields, changing)
        for (stream, name), fields in self._consumers.items():
            what, there = f"consumer {name} of {stream}", await self._consumer(stream, name)
            if there is None or (changing and _compared(what, fields, there)):
                await self._js.add_consumer(stream, there.evolve(**fields) if there else consumer_config(stream, name))
                done.append(f"{'made' if there is None else 'changed'} {what}")
        for each in done:
            log.info("the topology was changed", what=each)
        return done

    async def _make_stream(self, name: str, fields: Fields, changing: bool) -> list[str]:
        what, there = f"stream {name}", await self._stream(name)
        differs = _compared(what, fields, there)
        if there is not None and not (changing and differs):
            return []
        try:
            if there is None:
                await self._js.add_stream(StreamConfig(name=name, **fields))
                return [f"made {what}"]
            await self._js.update_stream(there.evolve(**fields))
        except APIError as refused:
            if refused.code != 400 and refused.err_code != _INVALID_CONFIG:
                raise
            raise TopologyWrong(
                f"{'; '.join(map(str, differs))}; the broker refuses to change it ({refused.description}): once nothing"
                f" in it is needed, delete the stream {name} and run `distribution topology apply`"
            ) from refused
        return [f"changed {what}: {'; '.join(map(str, differs))}"]

    async def _stream(self, name: str) -> StreamConfig | None:
        try:
            return (await self._js.stream_info(name)).config
        except NotFoundError:
            return None

    async def _consumer(self, stream: str, name: str) -> ConsumerConfig | None:
        try:
            return (await self._js.consumer_info(stream, name)).config
        except NotFoundError:
            return None


def _owned(there: ConsumerConfig, log: str) -> ConsumerConfig:
    return there.evolve(metadata={**(there.metadata or {}), OWNER: log})


def _compared(what: str, wanted: Fields, there: StreamConfig | ConsumerConfig | None) -> list[Difference]:
    if there is None:
        return [Difference(what)]
    return [
        Difference(what, field, found, getattr(value, "value", value))
        for field, value in wanted.items()
        if (found := getattr(there, field)) != value
    ]
