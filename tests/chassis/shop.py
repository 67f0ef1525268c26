"""A small service of one reaction over a store in memory, for the tests of the ear and of the alarms."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from events import ChannelDisconnected, Draft, Fact, PostCancelled, PostDue, Told
from events.envelope import About
from events.production import Content
from events.subjects import post_stream
from services.chassis.alarms import Alarms
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.inbox import Inbox
from services.chassis.store import Append, Say
from services.chassis.store_memory import MemoryStore

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DUE = PostDue(round=1, connection="acme.x", content=Content(text="t"), content_hash="h", slot_at=NINE)


class Shop:
    """Answers each PostDue with a PostCancelled in a stream of its own; `broken` stories break the handler."""

    def __init__(self) -> None:
        self.clock = SteppingClock(NINE)
        self.store = BelledStore(MemoryStore(self.clock.now))
        self._ids = itertools.count(1)
        self.broken: set[str] = set()
        self.tried: list[tuple[str, datetime]] = []
        self.open()

    def open(self) -> None:
        """A fresh start over the same store."""
        self.inbox = Inbox(self.store, "publisher", {PostDue: self.post_due}, clock=self.clock, new_id=self.new_id)
        self.alarms = Alarms(self.store, "publisher", self.inbox.rings, clock=self.clock)

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    async def post_due(self, told: Told) -> Append | None:
        self.tried.append((told.story, self.clock.now()))
        if told.story in self.broken:
            raise ValueError("this fact is poison")
        stream = f"delivery-{told.story}"
        version = len(await self.store.read(stream))
        about = About(story=told.story, actor="publisher", happened_at=self.clock.now(), cause=told.id)
        return Append([Say(stream, version, [Draft(self.new_id(), PostCancelled(), about)])])

    async def say(self, story: str, fact: Fact = DUE) -> None:
        stream = post_stream(story)
        version = len(await self.store.read(stream))
        about = About(story=story, actor="test", happened_at=self.clock.now())
        await self.store.append(Append([Say(stream, version, [Draft(self.new_id(), fact, about)])]))

    async def answered(self, story: str) -> int:
        return len(await self.store.read(f"delivery-{story}"))

    async def until(self, at: datetime) -> None:
        """Let time pass to each alarm in its turn."""
        while True:
            await self.inbox.catch_up()
            due = await self.alarms.next_due()
            if due is None or due > at:
                break
            self.clock.step_to(due)
            await self.alarms.quiet()
        self.clock.step_to(at)


UNHEARD = ChannelDisconnected(connections=("acme.x",), reason="asked")
