"""How any service runs: its ear, its alarms, and whatever else it keeps going, as one thing that starts and stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from events import Fact
from services.chassis.alarms import HAND_MAX, Alarms, Ring
from services.chassis.bells import BelledStore
from services.chassis.clock import Clock
from services.chassis.concerns import Reaction
from services.chassis.drain import Drain
from services.chassis.inbox import Inbox


@dataclass(frozen=True, slots=True)
class Chassis:
    """What every service is handed. `shared`: other processes run the same service on the same store."""

    store: BelledStore
    clock: Clock
    new_id: Callable[[], str]
    speed: float = 1.0
    shared: bool = False
    holder: str = "here"
    lease_now: Callable[[], datetime] | None = None
    drain: Drain = field(default_factory=Drain)

    @property
    def leases(self) -> Callable[[], datetime]:
        """Leases are about being alive, so they run on elapsed time; processes that share one share a clock (D7)."""
        return self.lease_now or (lambda: datetime.fromtimestamp(self.clock.elapsed(), UTC))


class Part(Protocol):
    """Something a service keeps going beside its ear and its alarms, such as lanes or an edge."""

    async def run(self) -> None: ...

    async def in_flight(self) -> str | None:
        """What a stepping clock must wait for; None when all is done that can be done at this instant."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    inbox: Inbox
    alarms: Alarms
    parts: Sequence[Part] = field(default=())

    async def run(self) -> None:
        """Until cancelled, or until a part of it breaks: then all of it ends with that fault."""
        async with asyncio.TaskGroup() as group:
            for part in (self.inbox, self.alarms, *self.parts):
                group.create_task(_of(part.run()), name=f"{self.name}.{type(part).__name__.lower()}")

    async def in_flight(self) -> str | None:
        for part in (self.inbox, self.alarms, *self.parts):
            if found := await part.in_flight():
                return found
        return None


async def _of(running: Coroutine[Any, Any, None]) -> None:
    await running


def service(
    chassis: Chassis,
    name: str,
    *,
    reactions: Mapping[type[Fact], Reaction],
    rings: Mapping[str, Ring],
    parts: Sequence[Part] = (),
    hand_max: int = HAND_MAX,
) -> Service:
    """A service wired to the log: its reactions on the inbox, its rings and the inbox's own on the alarms."""
    inbox = Inbox(chassis.store, name, reactions, clock=chassis.clock, new_id=chassis.new_id)
    alarms = Alarms(
        chassis.store,
        name,
        {**rings, **inbox.rings},
        clock=chassis.clock,
        shared=chassis.shared,
        holder=chassis.holder,
        lease_now=chassis.leases,
        drain=chassis.drain,
        hand_max=hand_max,
    )
    return Service(name, inbox, alarms, parts)
