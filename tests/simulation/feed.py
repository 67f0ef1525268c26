"""The broker's side of the feed in a simulated house: it outlives every process, goes away, forgets, and is forged.

What a relay asks of a broker is little: where a stream ends, one message of it, to take one more batch, and to hand a
message to Production.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nats.errors import ConnectionClosedError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.errors import NotFoundError

from events.subjects import DISTRIBUTION
from events.wire import place_of
from services.chassis import relay
from services.chassis.batches import Message, SequenceMoved
from services.chassis.feed_end import FeedEnd, read_end
from tests.simulation.life import LIVING

if TYPE_CHECKING:
    from tests.simulation.house import House
    from tests.simulation.life import Life

FORGED = b'{"specversion":"1.0","id":"forged","position":"1","type":"distribution.forged"}'
PAYLOAD_MAX = 1_048_576


@dataclass(frozen=True, slots=True)
class Kept:
    """One message; `ours` is one that a relay has offered."""

    data: bytes
    ours: bool


@dataclass(slots=True)
class Feed:
    """`messages` are what the stream of today was ever given, the first `aged` of which are gone from it; `returned`
    is what went back to Production, by message id."""

    house: House
    created: datetime | None = None
    messages: list[Kept] = field(default_factory=list)
    aged: int = 0
    returned: dict[str, bytes] = field(default_factory=dict)
    away_until: datetime | None = None
    answers_lost: int = 0
    wiped: int = 0
    lags_shown: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def away(self) -> bool:
        return self.away_until is not None and self.house.clock.now() < self.away_until

    def befall(self, what: Mapping[str, Any]) -> None:
        """The broker goes away, and comes back as it was, or empty; an answer of it is lost; what is old is let go; or
        somebody writes to it who may not, nonsense or what is there already."""
        self.house.faults.fired[f"feed_{what['how']}"] += 1
        self.house.note(f"the feed: {what['how']}")
        match what["how"]:
            case "away":
                self.away_until = self.house.clock.now() + what["lasts"]
                # Whoever waits to try again does so as soon as time goes on.
                since = self.house.clock.now()
                self.house.passing.at(self.away_until, lambda: self._was_away(since))
            case "wiped":
                self.created, self.messages, self.aged, self.wiped = None, [], 0, self.wiped + 1
            case "answer_lost":
                self.answers_lost += 1
            case "aged":
                self.aged = max(self.aged, self._remembered().sequence)
            case "forged" if self.created:
                self.messages.append(Kept(FORGED, ours=False))
            case "copied":
                self._copied(what["which"])

    def _was_away(self, since: datetime) -> None:
        """What a relay that has started in vain said of its lag meanwhile was true (F15)."""
        behind = self.house.position - self._remembered().position
        for life in (each for each in self.house.lives if each.awake and each.began_at >= since):
            for each in life.relays:
                if each.trouble is not None:
                    self.lags_shown += 1
                    if each.lag > behind:
                        self.wrong.append(f"the lag is shown as {each.lag}, and the feed is {behind} behind at most")

    def _copied(self, which: int) -> None:
        """A true copy once more: mostly the one that a relay which starts anew remembers as the last."""
        ours = [kept.data for kept in self.messages if kept.ours]
        last = [body for body in ours if position_of(body) == self._remembered().position]
        if ours:
            self.messages.append(Kept(last[0] if last and which % 3 else ours[which % len(ours)], ours=False))

    def _remembered(self) -> FeedEnd:
        """What a relay has written down of this stream."""
        end = self.house.now(read_end(self.house.disk))
        return end if end and end.created == self.created else FeedEnd(self.created, 0, 0)

    def ensure(self) -> None:
        if self.created is None:
            self.created = self.house.clock.now() + timedelta(microseconds=self.wiped)

    def lacks(self) -> bool:
        """Whether it could be offered something at this instant, or has to be looked at."""
        return not self.away and self.last_position < self.house.position

    @property
    def last_position(self) -> int:
        return next((position_of(kept.data) for kept in reversed(self.messages) if kept.ours), 0)


def position_of(body: bytes) -> int:
    place = place_of(body)
    return place[0] if place else 0


@dataclass(frozen=True, slots=True)
class Client:
    """nats-py, as far as a relay knows it."""

    feed: Feed
    life: Life
    max_payload: int = PAYLOAD_MAX

    def jetstream(self, *, timeout: float) -> Client:
        return self

    async def asked(self) -> None:
        await self.life.at("feed", ("feed",))
        if self.feed.away:
            raise ConnectionClosedError

    async def stream_info(self, stream: str) -> Any:
        await self.asked()
        if self.feed.created is None:
            raise NotFoundError
        return Info(self.feed.created, State(self.feed.aged + 1, len(self.feed.messages)))

    async def get_msg(self, stream: str, sequence: int) -> Any:
        await self.asked()
        if not self.feed.aged < sequence <= len(self.feed.messages):
            raise NotFoundError
        return self.feed.messages[sequence - 1]

    async def publish(self, subject: str, body: bytes, *, headers: Mapping[str, str], **more: Any) -> None:
        await self.asked()
        self.feed.returned.setdefault(headers[relay.Header.MSG_ID.value], body)
        await self._answered()

    async def _answered(self) -> None:
        if self.feed.answers_lost:
            self.feed.answers_lost -= 1
            raise NatsTimeout
        await self.life.at("feed", ("feed",))

    async def append(self, messages: Sequence[Message], after: int | None) -> int:
        await self.asked()
        if self.feed.created is None or after not in (None, len(self.feed.messages)):
            raise SequenceMoved(f"the stream ends at {len(self.feed.messages)}, not at {after}")
        self.feed.messages += [Kept(body, ours=True) for _, body in messages]
        sequence = len(self.feed.messages)
        await self._answered()
        return sequence


@dataclass(frozen=True, slots=True)
class State:
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Info:
    created: datetime
    state: State


class Topology:
    """Only that the stream is there."""

    def __init__(self, client: Client, *, replicas: int) -> None:
        self._feed = client.feed

    async def ensure(self) -> None:
        self._feed.ensure()


async def over(address: str, name: str, work: Callable[[Client], Awaitable[None]]) -> None:
    life = LIVING.get()
    assert life is not None
    client = Client(life.house.feed, life)
    await client.asked()
    await work(client)


async def publish_batch(
    client: Client,
    stream: str,
    messages: Sequence[Message],
    *,
    after: int | None = None,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> int:
    assert stream == DISTRIBUTION
    sequence = await client.append(messages, after)
    if meanwhile is not None:
        await meanwhile()
    return sequence


@contextmanager
def in_place_of_nats() -> Iterator[None]:
    """For the time of one fortnight the relay speaks to the feed of its house."""
    names = ("over", "publish_batch", "Topology")
    before = [(name, getattr(relay, name)) for name in names]
    for name in names:
        setattr(relay, name, globals()[name])
    try:
        yield
    finally:
        for name, was in before:
            setattr(relay, name, was)
