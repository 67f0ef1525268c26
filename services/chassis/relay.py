"""The log onto NATS, in order: every fact a CloudEvent on `distribution.>`, in atomic batches (D14).

    looking (where does the feed end?) -> offering (page after page, each guarded by where the feed ends) -> resting
        ^------- the feed ends elsewhere, an answer is missing, the stream is gone or was wiped --------|

Nothing waits for the relay: when NATS is away the house goes on, the lag grows, and afterwards the feed catches up in
order. Every process offers to host it; a lease elects one, and the guard on the feed's end makes two of them harmless.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import NotFoundError

from events import PostRejected, Told
from events.subjects import DISTRIBUTION, POST_RETURNED, PRODUCTION
from events.upcasts import UnknownShape
from events.wire import place_of
from services.chassis.batches import BATCH_BYTES_MAX, BATCH_MAX, Message, SequenceMoved, publish_batch
from services.chassis.bells import FACTS
from services.chassis.copies import copy_of
from services.chassis.feed_end import FeedEnd, read_end, write_end
from services.chassis.leases import Lease
from services.chassis.link import ANSWER_S, AWAY, again_and_again, over
from services.chassis.service import Chassis
from services.chassis.store import StoreError
from services.chassis.topology import RETURNED_LIVES_S, Topology, TopologyWrong, replicas_for

COMPARE_EVERY_S = 5.0
LOOK_EVERY_S = 1.0
LOOK_SHARED_EVERY_S = 0.1
"""Facts that another process appended ring no bell here, and the doorbells of all others wait for the relay."""
REST_S = 0.05
"""After what there was, where nobody in the house waits for a copy: each batch is a flush of the broker's own, on the
disk that the log is flushed to; *m* 9 % fewer posts a second get through a busy house whose feed takes no rest."""
FOREIGN_MAX = 1000
"""So many messages that are no copies of our log are stepped over, looking for where the feed ends."""
HEADERS_MAX = 1024
PASSING = (*AWAY, TopologyWrong, UnknownShape)
"""An operator mends the one; for the other the newer release that wrote it may take over the lease (I9)."""

log = structlog.get_logger("relay")


@dataclass(slots=True)
class Page:
    """What goes out next: up to `last`, and the posts among it that go back to Production by themselves."""

    last: int
    messages: list[Message] = field(default_factory=list)
    returned: list[tuple[str, bytes]] = field(default_factory=list)


class Relay:
    """A `Part` that any process may host. `offered` is the last position the feed has taken; `lag` how many wait.

    `trouble` says why it does not get on, or None.
    """

    def __init__(self, chassis: Chassis, address: str) -> None:
        self._store, self._clock, self._address = chassis.store, chassis.clock, address
        self._lease = Lease(chassis.store, "relay", chassis.holder, clock=chassis.clock, now=chassis.leases)
        self._look_every_s = LOOK_SHARED_EVERY_S if chassis.shared else LOOK_EVERY_S
        self._rest_s = 0.0 if chassis.shared else REST_S
        self._bell = chassis.store.bell(FACTS)
        self._end: FeedEnd | None = None
        self._kept: FeedEnd | None = None
        self.lag = 0
        self.trouble: str | None = None

    @property
    def offered(self) -> int:
        return self._end.position if self._end else 0

    @property
    def remembered(self) -> int:
        """The position that a start would know of, whatever the feed has kept."""
        return self._kept.position if self._kept else 0

    async def run(self) -> None:
        await self._lease.hold(self._host)

    async def in_flight(self) -> str | None:
        """Nothing waits for a copy."""
        return None

    async def _host(self) -> None:
        self._end = self._kept = None
        await again_and_again(self._attempt, clock=self._clock, failed=self._failed, passing=PASSING)

    async def _attempt(self) -> None:
        if self._end is None:
            self._end = self._kept = await read_end(self._store)
        await over(self._address, "relay", self._relay)

    async def _failed(self, broken: Exception) -> bool:
        """Said once for each trouble, not for each try."""
        with contextlib.suppress(StoreError, OSError):
            self.lag = max(0, await self._store.position() - self.offered)
        was_well, self.trouble = self.trouble is None, str(broken) or type(broken).__name__
        if was_well:
            log.error("the feed does not get on", error=self.trouble, lag=self.lag)
        return was_well

    async def _relay(self, client: Client) -> None:
        js = client.jetstream(timeout=ANSWER_S)
        await self._look(client, js)
        compared = self._clock.elapsed()
        while True:
            self._bell.clear()
            due = self._clock.elapsed() - compared >= COMPARE_EVERY_S
            try:
                if due:
                    # Before anything is offered: the guard knows a sequence, and a wiped feed may grow back to it.
                    await self._compare(client, js)
                    compared = self._clock.elapsed()
                await self._catch_up(client, js)
            except SequenceMoved as moved:
                log.warning("somebody else has written to the feed", error=str(moved))
                await self._look(client, js)
                continue
            if due:
                await self._remember()
            await self._clock.nap(self._rest_s)
            await self._clock.nap(min(self._look_every_s, COMPARE_EVERY_S), self._bell)

    async def _catch_up(self, client: Client, js: JetStreamContext) -> None:
        """Whatever is there. The next page is made while the broker flushes this one."""
        page = await self._page(self.offered, client.max_payload)
        while page.messages:
            self.lag = max(self.lag, len(page.messages))
            for fact, body in page.returned:
                # Acknowledged before the feed tells of it; a second one within the window is taken for the first (S41).
                headers = {Header.MSG_ID.value: fact}
                await js.publish(POST_RETURNED, body, stream=PRODUCTION, headers=headers, msg_ttl=RETURNED_LIVES_S)
            page = await self._offer(client, page)
        self.lag = 0
        if self.trouble is not None:
            log.info("the feed has caught up", offered=self.offered)
            self.trouble = None

    async def _offer(self, client: Client, page: Page) -> Page:
        """The feed has this page, and the next one is made."""
        assert self._end is not None  # noqa: S101 - it was looked for first
        following = Page(page.last)

        async def make_the_next() -> None:
            nonlocal following
            following = await self._page(page.last, client.max_payload)

        sequence = await publish_batch(
            client, DISTRIBUTION, page.messages, after=self._end.sequence, meanwhile=make_the_next
        )
        self._end = FeedEnd(self._end.created, sequence, page.last)
        self.lag = max(len(following.messages), self.lag - len(page.messages))
        return following

    async def _page(self, after: int, payload_max: int) -> Page:
        page, size = Page(after), 0
        for line in await self._store.lines(after, BATCH_MAX):
            copy = copy_of(line, bytes_max=payload_max - HEADERS_MAX)
            size += len(copy.body)
            if page.messages and size > BATCH_BYTES_MAX:
                break
            page.messages.append((copy.subject, copy.body))
            page.last = line.position
            if copy.type == PostRejected.type:
                page.returned.append((copy.id, copy.body))
        return page

    async def _compare(self, client: Client, js: JetStreamContext) -> None:
        """Is the feed still where we left it? A wiped broker is offered everything again (F14)."""
        try:
            info = await js.stream_info(DISTRIBUTION)
            moved = self._end is None or (info.created, info.state.last_seq) != (self._end.created, self._end.sequence)
        except NotFoundError:
            moved = True
        if moved:
            log.warning("the feed does not end where it was left", offered=self.offered)
            await self._look(client, js)

    async def _remember(self) -> None:
        if self._end is not None and self._end != self._kept:
            await write_end(self._store, self._end)
            self._kept = self._end

    async def _look(self, client: Client, js: JetStreamContext) -> None:
        """Find where the feed ends: at the furthest true copy of ours, or where it was when we last knew.

        What else is there was written by others, be it a copy of ours once more, and changes only the sequence (I7).
        """
        await Topology(client, replicas=replicas_for(self._address)).ensure()
        info = await js.stream_info(DISTRIBUTION)
        last = info.state.last_seq
        # While we stood still another process may have gone on, and what it offered may have aged away since.
        ends = [end for end in (self._end, await read_end(self._store)) if end and end.created == info.created]
        known = max((end for end in ends if end.sequence <= last), key=lambda end: end.position,
                    default=FeedEnd(info.created, 0, 0))  # fmt: skip
        lowest = max(known.sequence + 1, info.state.first_seq, last - FOREIGN_MAX + 1)
        position = known.position
        for sequence in range(last, lowest - 1, -1):
            if position >= known.position + sequence - known.sequence:
                break  # our facts go out one after the other, so below here none can be further
            position = max(position, await self._true_copy(js, sequence) or 0)
        self._end = FeedEnd(info.created, last, position)
        self.lag = max(0, await self._store.position() - self.offered)
        log.info("the feed goes on", after=self.offered, lag=self.lag)

    async def _true_copy(self, js: JetStreamContext, sequence: int) -> int | None:
        """The position of this message in our log, if the log has just that fact there."""
        try:
            place = place_of((await js.get_msg(DISTRIBUTION, sequence)).data or b"")
        except NotFoundError:
            return None
        if place is None or not 0 < place[0] < 2**62:
            return None
        there: Sequence[Told] = await self._store.tail(place[0] - 1, 1)
        return place[0] if there and (there[0].position, there[0].id) == place else None
