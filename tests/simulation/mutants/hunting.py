"""Which fortnight finds a mutant. It is found by a broken promise, by a fault nobody meant, or by going on for ever."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.simulation.loop import Spins
from tests.simulation.mutants.drawing import Mutant, alive, drawn
from tests.simulation.mutants.equivalent import EQUIVALENT
from tests.simulation.plan import plan_of
from tests.simulation.report import play

FILES = ("services/publisher/delivery.py", "services/chassis/store.py", "services/chassis/store_memory.py",
         "services/chassis/store_sqlite.py", "services/chassis/alarms.py", "services/chassis/relay.py")  # fmt: skip
"""PostgreSQL's store is none of them: a fortnight does not run on a server (`tests/chassis/test_store.py` does)."""
SEED, COUNT = "the first ten", 10
SEEDS_MAX = 2_000
SECONDS_MAX = 15.0


@dataclass(frozen=True, slots=True)
class Found:
    """`fortnights` were played until `seed` showed it; `how` says what was seen. Without a seed it got away."""

    mutant: Mutant
    seed: int | None
    fortnights: int
    how: str

    @property
    def equivalent(self) -> str:
        return EQUIVALENT.get(self.mutant.name, "")

    def __str__(self) -> str:
        if self.seed is not None:
            return f"{self.mutant}: found at seed {self.seed}, in fortnight {self.fortnights}: {self.how}"
        return f"{self.mutant}: {self.equivalent or f'got away, in {self.fortnights} fortnights'}"


def first_ten() -> list[Mutant]:
    return drawn(FILES, COUNT, SEED)


def hunt(mutant: Mutant, seeds_max: int) -> Found:
    """Through the seeds in order; only those are played in which its file is at work at all."""
    played = 0
    for seed in range(seeds_max):
        if not _at_work(mutant, seed):
            continue
        played += 1
        if how := _seen(mutant, seed):
            return Found(mutant, seed, played, how)
    return Found(mutant, None, played, "")


def _at_work(mutant: Mutant, seed: int) -> bool:
    plan = plan_of(seed)
    match mutant.file.rpartition("/")[2]:
        case "relay.py":
            return plan.relays
        case "store_sqlite.py":
            return plan.real_store
        case _:
            return True


def _seen(mutant: Mutant, seed: int) -> str:
    try:
        with alive(mutant), at_most(SECONDS_MAX):
            breaches = play(seed).breaches
    except (Exception, Spins) as broken:
        return f"{type(broken).__name__}: {broken}"
    return breaches[0] if breaches else ""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Of this process's own time: whoever goes on for longer never stops."""

    def enough(signum: int, frame: Any) -> None:
        raise Spins(f"it went on for {seconds:.0f} seconds")

    before = signal.signal(signal.SIGPROF, enough)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
