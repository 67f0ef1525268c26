"""How time passes: never while anybody can go on, and then to the very next instant at which anybody could.

An idle house is jumped over in one step. Where work lies about that nobody has noticed, as after a lost bell, or a call
is still out, time goes on from one look to the next, as it does in a house of the real world.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation.clock import HouseClock
from tests.simulation.loop import Loop, Spins

if TYPE_CHECKING:
    from tests.simulation.house import House

LOOKS_MAX = 4_000
"""So many looks in a row without a word said mean that nobody will ever do the work that lies there."""


ASKED_MAX = 30_000


class Passing:
    def __init__(self, house: House, loop: Loop, clock: HouseClock) -> None:
        self._house, self._loop, self._clock = house, loop, clock
        self._script: list[tuple[datetime, int, Callable[[], Any]]] = []
        self._numbers = itertools.count()
        self._looks, self._heard = 0, 0
        self._asked = 0
        self.stuck = ""
        self.steps = 0
        loop.idle = self.idle

    def at(self, moment: datetime, do: Callable[[], Any]) -> None:
        """`do` happens outside the house, or to it, at that instant."""
        heapq.heappush(self._script, (moment, next(self._numbers), do))

    def after(self, lasts: timedelta, do: Callable[[], Any]) -> None:
        self.at(self._clock.now() + lasts, do)

    def asked(self) -> None:
        """Somebody has asked the store something. Whoever never stops asking never lets time pass."""
        self._asked += 1
        if self._asked > ASKED_MAX:
            raise Spins(f"{ASKED_MAX} questions to the store at one instant")

    def idle(self) -> bool:
        """Nobody can go on at this instant: let time pass. False when nothing will ever happen again."""
        self.steps += 1
        self._asked = 0
        scripted = self._script[0][0] if self._script else None
        if self._work_lies_about():
            timer = self._loop.next_timer()
            look = None if timer is None else max(timer - self._loop.time(), 0.0)
            step = [each for each in (look, self._seconds_to(scripted)) if each is not None]
            if not step or self._tired():
                return False
            self._loop.pass_to(self._loop.time() + min(step))
            self._clock.step_to(self._clock.now() + timedelta(seconds=min(step)))
        else:
            self._looks = 0
            coming = [each for each in (scripted, *self._next_instants()) if each is not None]
            if not coming:
                return False
            self._clock.step_to(min(coming))
        while self._script and self._script[0][0] <= self._clock.now():
            heapq.heappop(self._script)[2]()
        return True

    def _seconds_to(self, moment: datetime | None) -> float | None:
        return None if moment is None else max((moment - self._clock.now()).total_seconds(), 0.0)

    def _tired(self) -> bool:
        heard = self._house.position
        self._looks = self._looks + 1 if heard == self._heard else 0
        self._heard = heard
        if self._looks > LOOKS_MAX:
            self.stuck = self._what_lies_about() or "a call that never comes back"
        return bool(self.stuck)

    def _work_lies_about(self) -> bool:
        awake = [life for life in self._house.lives if life.awake]
        if not awake:
            return False
        return any(life.calls or life.unsaid or life.drain.begun.is_set() for life in awake) or bool(
            self._what_lies_about()
        )

    def _what_lies_about(self) -> str:
        """Work that somebody awake could do at this very instant, and has not noticed."""
        last = self._house.position
        for life in self._house.lives:
            if life.awake:
                for service in life.services:
                    if (service.inbox.position or 0) < last:
                        return f"a fact unread by the {service.name} of {life.name}"
        if self._house.plan.relays and self._house.feed.lacks():
            return "a fact the feed does not have"
        now, alive = self._clock.now(), self._lease_now()
        for row in self._house.rows("alarm"):
            if row["due_at"] <= now and _free(row, alive):
                return f"the alarm {row['name']}"
        for row in () if self._clock.parted else self._house.rows("line"):
            if row["head_turn"] is not None and (row["not_before"] or now) <= now and _free(row, alive):
                return f"the line of {row['connection']}"
        for row in self._house.rows("looking"):
            if _free(row, alive):
                return f"the look at {row['story']}"
        return ""

    def _next_instants(self) -> Iterator[datetime]:
        """When rows come due, and when the leases of those who no longer speak run out."""
        now, alive = self._clock.now(), self._lease_now()
        for row in self._house.rows("alarm"):
            if row["due_at"] > now:
                yield row["due_at"]
            elif not _free(row, alive):
                yield now + (row["lease_until"] - alive)
        for row in self._house.rows("line"):
            if row["head_turn"] is not None:
                if (row["not_before"] or now) > now:
                    yield row["not_before"]
                if not _free(row, alive):
                    yield now + (row["lease_until"] - alive)
        for row in self._house.rows("looking"):
            if not _free(row, alive):
                yield now + (row["lease_until"] - alive)

    def _lease_now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.elapsed(), UTC)


def _free(row: dict[str, Any], alive: datetime) -> bool:
    return row["lease_until"] is None or row["lease_until"] <= alive
