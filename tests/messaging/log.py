"""A log on SQLite with facts to relay, and the relay over it, on the real clock."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from events import Draft, Fact, PostCancelled, PostDue, Told
from events.envelope import About
from events.production import Content
from services.chassis.bells import BelledStore
from services.chassis.clock import RealClock
from services.chassis.relay import Relay
from services.chassis.service import Chassis
from services.chassis.store import Append, Say
from services.chassis.store_sqlite import SqliteStore
from tests.servers_nats import until

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
DUE = PostDue(round=1, connection="acme.x", content=Content(text="Grüße"), content_hash="h", slot_at=NINE)
CANCELLED = PostCancelled()


class Log:
    """`say` appends one fact each to as many streams; `relaying()` runs the relay meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.path = RealClock(), folder / "log.db"
        self.store = BelledStore(SqliteStore(self.path, self.clock.now))
        self._said = 0

    def chassis(self, holder: str = "here") -> Chassis:
        return Chassis(self.store, self.clock, lambda: uuid.uuid4().hex, holder=holder)

    async def say(self, count: int = 1, fact: Fact = DUE) -> list[Told]:
        first, self._said = self._said, self._said + count
        told = await asyncio.gather(*(self._say(f"acme.post-{first + n}", fact) for n in range(count)))
        return [each for [each] in told]

    async def _say(self, story: str, fact: Fact):
        about = About(story=story, actor="scheduler", happened_at=NINE, account="acme", channel="x")
        return await self.store.append(Append([Say(f"post-{story}", 0, [Draft(uuid.uuid4().hex, fact, about)])]))

    async def hash(self) -> list[tuple[int, str]]:
        return [(told.position, told.id) for told in await self.store.tail(0, 1_000_000)]

    @contextlib.asynccontextmanager
    async def relaying(self, address: str, holder: str = "here") -> AsyncIterator[Relay]:
        relay = Relay(self.chassis(holder), address)
        running = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def caught_up(self, relay: Relay) -> None:
        async def whole() -> bool:
            return relay.offered == await self.store.position() and relay.trouble is None

        await until(whole, what="the feed has every fact of the log")

    async def close(self) -> None:
        await self.store.close()
