"""The door one process reaches the channels through: no socket, the same answers, and every way in which none may come.

A call may be where its process is killed or stopped, before its effect and after; a slow answer is waited for in house
time, as long as the caller's own patience lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from services.channels.sandbox.wire import Reply
from tests.channels.world_http import PATIENCE_MS, Given
from tests.simulation.outside import story_in

if TYPE_CHECKING:
    from tests.simulation.life import Life

PATIENCE = timedelta(milliseconds=PATIENCE_MS)


@dataclass(frozen=True, slots=True)
class Door:
    """`services.channels.adapter.Http` for one life."""

    life: Life
    connection: str

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: datetime | None = None,
    ) -> Given:
        life, house = self.life, self.life.house
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        shows = "publishes" if deadline is not None and method == "POST" else "asks"
        story = story_in(self.connection, body or b"") if shows == "publishes" else ""
        await life.at("call_before", (shows,), story)
        # The last look at the clock before bytes leave (D9).
        if deadline is not None and house.clock.now() >= deadline:
            return Given(None, sent=False, detail="the deadline had passed")
        if house.model is not None and shows == "publishes":
            house.model.call(self.connection)
        given = house.world.called(life, self.connection, method, parts.netloc, path, headers or {}, body)
        if given.hold_ms:
            await self._wait(given, deadline, publishes=shows == "publishes")
        await life.at("call_after", (shows,), story)
        if given.lost and given.before:
            return Given(None, sent=False, detail="connection refused")
        if given.lost or given.hold_ms > PATIENCE_MS:
            return Given(None, sent=True, detail="connection reset")
        lower = {name.lower(): value for name, value in given.headers.items()}
        return Given(given.status, lower, given.body)

    async def _wait(self, given: Reply, deadline: datetime | None, *, publishes: bool) -> None:
        """As long as it takes, as patience lasts, and until the deadline, at which the socket is cut (D9)."""
        house, come = self.life.house, asyncio.Event()
        wait = min(timedelta(milliseconds=given.hold_ms), PATIENCE)
        until = house.clock.now() + wait
        house.passing.at(until if deadline is None else min(until, deadline), come.set)
        self.life.calls += 1
        if publishes:
            house.take_off(self.connection, self.life)
        try:
            await come.wait()
        finally:
            self.life.calls -= 1
            if publishes:
                house.land(self.connection, self.life)
