"""A small service of one reaction over a store, for the tests of the ear and of the alarms."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any

from events import ChannelDisconnected, Draft, Fact, PostCancelled, PostDue, Told
from events.envelope import About
from events.production import Content
from events.subjects import post_stream
from services.chassis.alarms import Alarms
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.concerns import Only
from services.chassis.inbox import Inbox
from services.chassis.rows import READY, Put
from services.chassis.store import Append, Say
from services.chassis.store_memory import MemoryStore

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DUE = PostDue(round=1, connection="acme.x", content=Content(text="t"), content_hash="h", slot_at=NINE)


class Shop:
    """Answers each PostDue with a PostCancelled in a stream of its own; `broken` stories break the handler.

    For `unkeepable` ones it answers with a row that no store keeps; those `of_no_concern` it need not hear.
    """

    def __init__(self, store: Any = None, clock: SteppingClock | None = None) -> None:
        self.clock = clock or SteppingClock(NINE)
        self.store = BelledStore(store or MemoryStore(self.clock.now))
        self._ids = itertools.count(1)
        self.broken: set[str] = set()
        self.unkeepable: set[str] = set()
        self.of_no_concern: set[str] = set()
        self.tried: list[tuple[str, datetime]] = []
        self.open()

    def open(self) -> None:
        """A fresh start over the same store."""
        heard = {PostDue: Only(lambda told: told.story not in self.of_no_concern, self.post_due)}
        self.inbox = Inbox(self.store, "publisher", heard, clock=self.clock, new_id=self.new_id)
        self.alarms = Alarms(self.store, "publisher", self.inbox.rings, clock=self.clock)

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    async def post_due(self, told: Told) -> Append | None:
        self.tried.append((told.story, self.clock.now()))
        if told.story in self.broken:
            raise ValueError("this fact is poison")
        if told.story in self.unkeepable:
            return Append(rows=[Put(READY, {"story": told.story, "turn": 2**70})])
        stream = f"delivery-{told.story}"
        version = len(await self.store.read(stream))
        about = About(story=told.story, actor="publisher", happened_at=self.clock.now(), cause=told.id)
        return Append([Say(stream, version, [Draft(self.new_id(), PostCancelled(), about)])])

    async def say(self, story: str, fact: Fact = DUE) -> None:
        stream = post_stream(story)
        version = len(await self.store.read(stream))
        about = About(story=story, actor="test", happened_at=self.clock.now())
        await self.store.append(Append([Say(stream, version, [Draft(self.new_id(), fact, about)])]))

    async def causes(self, story: str) -> list[str | None]:
        """The facts of a story that were taken, in that order."""
        return [told.about.cause for told in await self.store.read(f"delivery-{story}")]

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


class Gate:
    """A store at whose door what the ear asks for, or what a ring does, waits until it is let through."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._open = {who: asyncio.Event() for who in ("ear", "ring")}
        self._came = {who: asyncio.Event() for who in self._open}
        for who in self._open:
            self.let_through(who)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, append: Append) -> Any:
        if append.rows or append.read:
            who = "ear" if append.read else "ring"
            self._came[who].set()
            await self._open[who].wait()
        return await self._store.append(append)

    def shut(self, *whom: str) -> None:
        for who in whom:
            self._open[who].clear()
            self._came[who].clear()

    def let_through(self, who: str) -> None:
        self._open[who].set()

    async def came(self, who: str, doing: asyncio.Future[Any]) -> None:
        """It waits at the door, or has nothing to write."""
        waits = asyncio.ensure_future(self._came[who].wait())
        await asyncio.wait({waits, doing}, return_when=asyncio.FIRST_COMPLETED)
        waits.cancel()


UNHEARD = ChannelDisconnected(connections=("acme.x",), reason="asked")
