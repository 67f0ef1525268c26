"""Moving a stepping clock: it stands still while anything is in flight, and then jumps to whatever comes next (D7).

The demo and the simulation run on it: a week in a minute, and twice the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

CALM_ROUNDS = 3
"""How many turns of the event loop in a row must find nothing in flight: a task may wake another that looked idle."""


class Steps(Protocol):
    """The part of a stepping clock that the stepper moves."""

    def now(self) -> datetime: ...

    def step_to(self, moment: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Scripted:
    """Something the outside does at an instant, such as a message of Production or a change of weather."""

    at: datetime
    do: Callable[[], Awaitable[None]]


class Stepper:
    """`in_flight` names what is still going on (None: nothing); `next_due` is the earliest instant anything waits for.

    `tell` is told each new instant before the house is, because the outside world keeps its own clock.
    """

    def __init__(
        self,
        clock: Steps,
        *,
        in_flight: Callable[[], Awaitable[str | None]],
        next_due: Callable[[], Awaitable[datetime | None]],
        tell: Callable[[datetime], Awaitable[None]],
        breathe: Callable[[], Awaitable[None]],
    ) -> None:
        self._clock, self._in_flight, self._next_due = clock, in_flight, next_due
        self._tell, self._breathe = tell, breathe
        self.steps = 0

    async def calm(self) -> None:
        """Wait until nothing is in flight, seen several turns in a row."""
        quiet = 0
        while quiet < CALM_ROUNDS:
            quiet = 0 if await self._in_flight() else quiet + 1
            await self._breathe()

    async def run(self, script: Sequence[Scripted], *, until: datetime, on_step: Callable[[datetime], None]) -> None:
        """Play the script and everything the house waits for, up to and including `until`."""
        waiting = sorted(script, key=lambda line: line.at)
        while True:
            await self.calm()
            due = await self._next_due()
            candidates = [moment for moment in (due, waiting[0].at if waiting else None) if moment is not None]
            if not candidates or min(candidates) > until:
                break
            moment = max(min(candidates), self._clock.now())
            await self._move(moment)
            on_step(moment)
            while waiting and waiting[0].at <= moment:
                await waiting.pop(0).do()
                await self.calm()
        await self._move(max(until, self._clock.now()))
        await self.calm()

    async def _move(self, moment: datetime) -> None:
        await self._tell(moment)
        self._clock.step_to(moment)
        self.steps += 1


async def breathe() -> None:
    """Give every other task one turn of the event loop."""
    await asyncio.sleep(0)
