"""What goes wrong inside the house, and where: processes are killed and stopped, the disk forgets to answer, bells fall
silent. Each fault is armed at some instant and strikes at a point on the way; every strike is counted by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.house import House
    from tests.simulation.life import Life

LET_THROUGH_MAX = 16


@dataclass(slots=True)
class Armed:
    """Strikes at the `passed`-th point of this name from now on whose words hold one of `words` (none: any)."""

    kind: str
    point: str
    passed: int = 0
    words: frozenset[str] = frozenset()
    lasts: timedelta = timedelta()
    do: Callable[[str], None] | None = field(default=None, compare=False)


class DiskFull(OSError):
    """Nothing was written."""


class AnswerLost(OSError):
    """It was written, and whoever asked will never know (I4)."""


class Faults:
    def __init__(self, house: House) -> None:
        self._house = house
        self._random = Random(f"{house.plan.seed} the faults")
        self.armed: list[Armed] = []
        self.fired: Counter[str] = Counter()
        self._silent = 0
        self._full_until: datetime | None = None

    def arm(self, armed: Armed) -> None:
        self.armed.append(armed)

    def disarm(self) -> None:
        """The weather clears up for good."""
        self.armed.clear()
        self._silent, self._full_until = 0, None

    def bell_lost(self) -> bool:
        if not self._silent:
            return False
        self._silent -= 1
        self.fired["bell_lost"] += 1
        return True

    def full(self) -> None:
        """While the disk is full, nothing can be written (I28)."""
        if self._full_until is not None and self._house.clock.now() < self._full_until:
            raise DiskFull("no space left on the device")

    def was_full(self, since: datetime) -> bool:
        return self._full_until is not None and self._full_until >= since

    def silence(self, bells: int) -> None:
        self._silent += bells

    def strike(self, life: Life, point: str, words: tuple[str, ...], story: str) -> int:
        """At most one fault a point, so that each is told apart. So many turns others are let through before it."""
        for armed in self.armed:
            if armed.point != point or (armed.words and armed.words.isdisjoint(words)):
                continue
            if armed.passed > 0:
                armed.passed -= 1
                continue
            self.armed.remove(armed)
            if armed.do:
                armed.do(story)
                return self._random.randrange(LET_THROUGH_MAX)
            self._fire(life, armed, words)
            break
        return 0

    def _fire(self, life: Life, armed: Armed, words: tuple[str, ...]) -> None:
        self.fired[armed.kind] += 1
        self._house.note(f"{armed.kind} strikes {life.name} at {armed.point} {' '.join(words)}")
        match armed.kind.split("_")[0]:
            case "crash":
                life.kill()
                self._house.passing.after(armed.lasts, self._house.begin_life)
            case "pause":
                life.pause(armed.lasts)
            case "disk":
                self._full_until = self._house.clock.now() + armed.lasts
                self.full()
            case "answer":
                raise AnswerLost("the store did not answer")
