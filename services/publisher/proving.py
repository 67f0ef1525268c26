"""The quarantine's end: a part that strikes every suspect off once nothing is left to be found out about it (I27)."""

from __future__ import annotations

from typing import Any

import orjson
import structlog

from events.subjects import delivery_stream, post_stream
from services.chassis.alarm_turns import come_due
from services.chassis.bells import FACTS, BelledStore
from services.chassis.quarantine import Remembered, Restored, suspects
from services.chassis.rows import ALARM, LOOKING, READY, SUSPECT, Drop, Pick
from services.chassis.store import Append, Store, StoreError
from services.publisher.consequences import SERVICE
from services.publisher.grounds import last_due
from services.publisher.recovering import settled

LOOK_EVERY_S = 1.0
PAGE = 500

log = structlog.get_logger("quarantine")


class Proving:
    """`left` is how many suspects there are still; None before that is known."""

    def __init__(self, store: BelledStore, *, clock: Any) -> None:
        self._store, self._clock = store, clock
        self._bell = store.bell(FACTS)
        self._remembered = Remembered(store)
        self._read = 0
        self._ever_touched: set[str] = set()
        self.left: int | None = None

    async def run(self) -> None:
        """Until none is left: a house that was never restored has none."""
        while self.left != 0:
            self._bell.clear()
            try:
                await self.step()
            except (StoreError, OSError) as broken:
                log.error("the suspects cannot be read", error=str(broken))
            if self.left != 0:
                await self._clock.nap(LOOK_EVERY_S, self._bell)

    async def in_flight(self) -> str | None:
        """Whoever looks a suspect up is waited for already."""
        return None

    async def step(self) -> None:
        restored = await self._remembered()
        waiting = await suspects(self._store) if restored else []
        if restored and waiting:
            touched = await self._touched(restored)
            done = [story for story in waiting if story in touched and await _settled(self._store, story, restored)]
            # One that nothing rings for any more, and of which nothing was said, was not on its way after all.
            idle = [story for story in waiting if story not in self._ever_touched]
            done += [story for story in idle if not await self._on_its_way(story, restored)]
            if done:
                await self._store.append(Append(rows=[Drop(SUSPECT, {"story": story}) for story in done]))
            waiting = [story for story in waiting if story not in done]
            if not waiting:
                log.info("the quarantine is over: every suspect was looked up", restored_to=restored.point)
        self.left = len(waiting)

    async def _touched(self, restored: Restored) -> set[str]:
        """Whose story has gone on since it was read last."""
        stories: set[str] = set()
        self._read = max(self._read, restored.point)
        while page := await self._store.tail(self._read, PAGE):
            stories |= {told.story for told in page}
            self._read = page[-1].position
        self._ever_touched |= stories
        return stories

    async def _on_its_way(self, story: str, restored: Restored) -> bool:
        names = [Pick(ALARM, {"service": SERVICE, "name": f"{ring}-{story}"}) for ring in ("retry", "look")]
        rows = [await self._store.pick(pick) for pick in (*names, Pick(READY, {"story": story}),
                                                          Pick(LOOKING, {"story": story}))]  # fmt: skip
        slots = [row for pick in come_due("scheduler", restored.at) for row in await self._store.pick(pick)]
        return any(rows) or any(orjson.loads(str(row["ring"])).get("story") == story for row in slots)


async def _settled(store: Store, story: str, restored: Restored) -> bool:
    post, delivery = await store.read_all([post_stream(story), delivery_stream(story)])
    due = last_due(post)
    connection = getattr(due.fact if due else post[0].fact, "connection", "")
    return settled(post, delivery, connection=str(connection), restored=restored)
