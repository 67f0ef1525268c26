"""What the house around the gateway answers for it: what is not ready, whose clock it is, and what is said again.

The gateway is built before the other parts are, so it is handed this, and this is told of each part as it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from services.chassis.clock import ScaledClock
from services.chassis.inbox import Inbox
from services.chassis.presence import absent
from services.chassis.quarantine import Remembered, in_quarantine, suspects
from services.chassis.replay import Nowhere, OnSubject, replay
from services.chassis.service import Chassis, Service
from services.gateway.desk import Hooks
from services.gateway.views.fold import Views
from services.serving import connected

THE_FEED, PRODUCTION = "the feed does not get on", "Production's messages are not taken in"
"""What is said of a part in trouble, before its own words."""
DRAINING = "draining: what is in hand is finished, and nothing new begins"
REPLAY_LETTERS = 12
"""So much of a fresh id is enough to tell the replays of a day apart."""


class Troubled(Protocol):
    """A part that says by itself what keeps it from its work."""

    trouble: str | None


class Around:
    """`address` is the broker's: that is where a replay is offered. `scattered`: every service has its own process."""

    def __init__(self, chassis: Chassis, address: str, *, scattered: bool = False) -> None:
        self._chassis, self._address, self._scattered = chassis, address, scattered
        self._inboxes: dict[str, Inbox] = {}
        self._parts: dict[str, Troubled] = {}
        self._remembered = Remembered(chassis.store)
        self._views: Views | None = None

    @property
    def hooks(self) -> Hooks:
        clock = self._chassis.clock
        accept = clock.accept if isinstance(clock, ScaledClock) else None
        return Hooks(unready=self.unready, accept_clock=accept, replay=self.replay)

    def watch(self, service: Service) -> None:
        self._inboxes[service.name] = service.inbox

    def watch_views(self, views: Views) -> None:
        self._views = views

    def watch_part(self, what: str, part: Troubled) -> None:
        self._parts[what] = part

    async def unready(self) -> list[str]:
        """Everything that is missing now, by name."""
        missing = [f"the {name} waits: {inbox.stopped}" for name, inbox in self._inboxes.items() if inbox.stopped]
        if self._chassis.store.trouble:
            missing.append(self._chassis.store.trouble)
        if self._views is not None and self._views.stopped:
            missing.append(f"the views wait: {self._views.stopped}")
        missing += [f"{what}: {part.trouble}" for what, part in self._parts.items() if part.trouble]
        if self._scattered:
            missing += await absent(self._chassis.store, self._chassis.leases())
        return missing + await self._quarantine() + self._clocks_apart() + self._leaving()

    async def _quarantine(self) -> list[str]:
        """I27: what may be live already is looked up first, and until then not everything goes out on time."""
        said = in_quarantine(len(await suspects(self._chassis.store)), await self._remembered())
        return [said] if said else []

    def _leaving(self) -> list[str]:
        """I29: whoever sends requests here sends them elsewhere from now on."""
        return [DRAINING] if self._chassis.drain.begun.is_set() else []

    def _clocks_apart(self) -> list[str]:
        """I22: wall and house have parted, and an operator has to say which is right."""
        clock = self._chassis.clock
        if not isinstance(clock, ScaledClock) or not clock.parted:
            return []
        shown, taken = clock.walls()
        both = f"the wall shows {shown:%F %T} and the house goes by {taken:%F %T}"
        return [f"{both}: set the wall right, or accept it with POST /v1/house/clock/accept"]

    async def replay(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Facts of the log once more, on subjects of their own; a dry one only counts (S47)."""
        which = {name: value for name, value in asked.items() if name != "dry"}
        if asked.get("dry"):
            done = await replay(self._chassis.store, Nowhere(), **which)
            return {"dry": True, "subject": None, **_told(done)}
        name = self._chassis.new_id()[:REPLAY_LETTERS]
        async with connected(self._address) as client:
            done = await replay(self._chassis.store, OnSubject(client, name), **which)
        return {"dry": False, "id": name, "subject": f"replay.{name}.>", **_told(done)}


def _told(done: Any) -> dict[str, Any]:
    return {"from": done.since, "until": done.until, "read": done.read, "offered": done.offered}
