"""How many outcomes stay unknown: none without a fault, next to none under the model's (G8)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.progress import counted
from tests.simulation.model import faultless, modelled
from tests.simulation.plan import Plan
from tests.simulation.report import Tally, play_all
from tests.soak.row import Row, Tried

UNKNOWN_MAX = 0.001
"""Of the posts on channels that can be asked for them exactly (A) or well (B)."""
ALONE_MAX = 100
"""So few fortnights are not worth another process."""


async def without_a_fault(folder: Path, seeds: int) -> Sequence[Tried]:
    return _tried("fault-free", _played(seeds, faultless), most=0.0, faults=None)


async def under_the_model(folder: Path, seeds: int) -> Sequence[Tried]:
    tally = _played(seeds, modelled)
    return _tried("model faults", tally, most=UNKNOWN_MAX, faults=sum(tally.fired[kind] for kind in MODELLED))


MODELLED = ("killed", "paused for a while", "lost_answer", "outage_before", "outage_after")


def _played(seeds: int, drawn: Callable[[int], Plan]) -> Tally:
    workers = os.cpu_count() or 1 if seeds > ALONE_MAX else 1
    return Tally().add(counted(play_all(range(seeds), workers=workers, drawn=drawn), seeds))


def _tried(when: str, tally: Tally, *, most: float, faults: int | None) -> list[Tried]:
    """`reached` is how many posts were sent; a line for each tier, and one for everything else that must hold."""
    found = []
    for tier, posts in sorted(tally.sent.items()):
        unknown = tally.unknown[tier]
        too_many = [f"{unknown} of {posts:,} outcomes stayed unknown"] if unknown > most * posts else []
        found.append(Tried(f"G8 {when}, tier {tier}: {unknown} outcomes unknown", tally.seeds, posts, too_many))
    broken = [f"seed {outcome.seed}: {breach}" for outcome in tally.failed for breach in outcome.breaches]
    reached = sum(tally.sent.values()) if faults is None else faults
    return [*found, Tried(f"G8 {when}: every promise, no duplicate", tally.seeds, reached, broken)]


ROWS = [Row("fault-free", without_a_fault, 1_000), Row("model", under_the_model, 1_500)]
