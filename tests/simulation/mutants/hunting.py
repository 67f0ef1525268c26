"""Which fortnight finds a mutant. It is found by a broken promise, by a fault nobody meant, or by going on for ever."""

from __future__ import annotations

import gc
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.simulation.loop import Spins
from tests.simulation.mutants.drawing import Mutant, alive, drawn
from tests.simulation.mutants.equivalent import EQUIVALENT
from tests.simulation.net import Caught
from tests.simulation.plan import plan_of
from tests.simulation.report import play

FILES = ("services/publisher/delivery.py", "services/chassis/store.py", "services/chassis/store_memory.py",
         "services/chassis/store_sqlite.py", "services/chassis/alarms.py", "services/chassis/relay.py")  # fmt: skip
"""PostgreSQL's store is none of them: a fortnight does not run on a server (`tests/chassis/test_store.py` does)."""
SEED, COUNT = "the first ten", 10
SEEDS_MAX = 2_000
SECONDS_MAX = 8.0


def first_ten() -> list[Mutant]:
    return drawn(FILES, COUNT, SEED)


def hunt(mutant: Mutant, seeds_max: int) -> Caught:
    """Through the seeds in order; only those are played in which its file is at work at all."""
    played = 0
    for seed in range(seeds_max):
        if not _at_work(mutant, seed):
            continue
        played += 1
        if how := _seen(mutant, seed):
            return Caught(mutant.name, f"{mutant.file}:{mutant.line}", seed, played, how)
    reason = EQUIVALENT.get(mutant.name, "")
    return Caught(mutant.name, f"{mutant.file}:{mutant.line}", None, played, "", reason)


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
        how = f"{type(broken).__name__}: {broken}"
    else:
        return breaches[0] if breaches else ""
    with warnings.catch_warnings():
        # What was begun and never had a turn is swept up here, and nobody need hear of it.
        warnings.simplefilter("ignore", RuntimeWarning)
        gc.collect()
    return how


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
