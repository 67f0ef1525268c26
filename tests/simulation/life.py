"""One process of the house, from its start to the moment it is killed; it may also be stopped, and go on much later.

Killed means: nothing of it ever runs again, and nothing it held in memory is left. What it had written stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from services.chassis.drain import Drain
from services.chassis.service import Chassis, Service
from services.publisher.lanes import Lanes
from tests.simulation.store import LifeStore, LossyBells

if TYPE_CHECKING:
    from services.chassis.relay import Relay
    from services.gateway.views.fold import Views
    from services.scheduler.intake import Intake
    from tests.simulation.house import House

LIVING: ContextVar[Life | None] = ContextVar("living", default=None)
PRUNE_AT = 400


class Life:
    def __init__(self, house: House, number: int) -> None:
        self.house, self.number, self.name = house, number, f"life-{number}"
        self.dead, self.paused, self.stood_still = False, False, False
        self.drain = Drain()
        self.began_at = house.clock.now()
        self.calls = 0
        """Calls to channels that have not come back yet."""
        self._gate = asyncio.Event()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.services: Sequence[Service] = ()
        self.intake: Intake
        self.views: Sequence[Views] = ()
        self.relays: Sequence[Relay] = ()

    # Beginning and end.

    def start(self, build: Callable[[Life, Chassis], Sequence[Service]]) -> None:
        house = self.house
        store = LossyBells(LifeStore(house.disk, self), self)
        chassis = Chassis(store, house.clock, house.new_id, shared=house.plan.shared, holder=self.name,
                          drain=self.drain)  # fmt: skip
        token = LIVING.set(self)
        try:
            self.services = build(self, chassis)
            for each in self.services:
                if house.plan.poisons:
                    house.poison.into(each)
                house.loop.create_task(self._runs(each.name, each.run()))
        finally:
            LIVING.reset(token)

    async def _runs(self, name: str, running: Coroutine[Any, Any, None]) -> None:
        """A service that breaks ends its process, and whoever supervises it starts another."""
        try:
            await running
        except asyncio.CancelledError:
            raise
        except BaseException as broken:
            self.house.broke(self, name, broken)

    @property
    def unsaid(self) -> bool:
        """A lane has work in hand: a call, or an outcome that waits for the store."""
        parts = (part for service in self.services for part in service.parts)
        return any(part.busy for part in parts if isinstance(part, Lanes))

    def kill(self) -> None:
        """At once and without goodbye. The tasks are swept up in the next turn."""
        if self.dead:
            return
        self.dead, self.paused = True, False
        self._gate.set()
        self.house.loop.call_soon(self._sweep)

    def leave(self) -> None:
        """As by SIGTERM: what is in hand is finished, or cut, and written down (I29)."""
        token = LIVING.set(self)
        try:
            self.house.loop.create_task(self._leaves())
        finally:
            LIVING.reset(token)

    async def _leaves(self) -> None:
        since = self.house.clock.now()
        under_way = [story.name for story in self.house.book.stories.values() if story.open]
        self.drain.ask()
        await self.drain.left()
        if not self.dead:
            self.house.left(self, since, under_way)

    def _sweep(self) -> None:
        tasks, self.tasks = list(self.tasks), {}
        for task in tasks:
            task.cancel()

    def adopt(self, task: asyncio.Task[Any]) -> None:
        self.tasks[task] = None
        if self.dead:
            task.cancel()
        elif len(self.tasks) > PRUNE_AT:
            self.tasks = {each: None for each in self.tasks if not each.done()}

    def pause(self, lasts: timedelta) -> None:
        """As by SIGSTOP: whatever it was about to do, it does when it goes on."""
        if self.dead or self.paused:
            return
        self.paused = self.stood_still = True
        self._gate = asyncio.Event()
        self.house.passing.after(lasts, self.go_on)

    def go_on(self) -> None:
        self.paused = False
        self._gate.set()

    # What happens to it on its way.

    @property
    def awake(self) -> bool:
        return not self.dead and not self.paused

    @property
    def stopped(self) -> bool:
        return self.dead or self.paused

    async def stand_still(self) -> None:
        while self.paused:
            await self._gate.wait()
        if self.dead:
            raise asyncio.CancelledError

    def comes_between(self) -> bool:
        return self.house.comes_between()

    async def at(self, point: str, words: tuple[str, ...], story: str = "") -> None:
        """A point where fate may strike: before and after an append, before and after a call."""
        if self.stopped:
            await self.stand_still()
        elif self.comes_between():
            await asyncio.sleep(0)
            if self.stopped:
                await self.stand_still()
        if self.house.model is not None and point.endswith("before"):
            self.house.model.step(self, words)
            if self.stopped:
                await self.stand_still()
        if self.house.faults.armed:
            for _ in range(self.house.faults.strike(self, point, words, story)):
                await asyncio.sleep(0)
            if self.stopped:
                await self.stand_still()
