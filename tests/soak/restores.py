"""Houses lost at random points of their fortnights and restored from older copies, channels moved on since (I27, G20).

Half of them are lost twice. Whether anything stands twice is asked of the channels' own books; and the log must end
every post it knows of.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.progress import counted
from tests.simulation.plan import plan_of
from tests.simulation.report import AT_A_TIME, calm, played
from tests.simulation.restored import RestoredHouse
from tests.soak.row import Row, Tried

SIDE_BY_SIDE_FROM = 50
"""Fewer are played sooner than other processes have started."""


@dataclass(frozen=True, slots=True)
class Lost:
    """How many posts were live without the restored log knowing, how many of them in words it could not know, how many
    it suspected, and what was broken."""

    forgotten: int
    disguised: int
    suspected: int
    wrong: Sequence[str]


def lose(seed: int) -> Lost:
    with calm():
        house = RestoredHouse(plan_of(seed))
        broken = played(house)
        # In here, so that nobody holds the house any more when garbage is looked for again: a thousand fill a memory.
        wrong = [f"seed {seed}: {each}" for each in [*broken, *house.judged()]]
        return Lost(house.forgotten, len(house.disguised), house.suspected, wrong)


async def restores(folder: Path, seeds: int) -> Sequence[Tried]:
    if seeds < SIDE_BY_SIDE_FROM:
        outcomes = [lose(seed) for seed in range(seeds)]
    else:
        with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
            outcomes = list(counted(pool.map(lose, range(seeds), chunksize=AT_A_TIME), seeds))
    broken = [each for one in outcomes for each in one.wrong]
    disguised = sum(one.disguised for one in outcomes)
    endless = [each for each in broken if "quarantine" in each]
    return [
        Tried(f"I27 nothing a restored house had forgotten goes out twice ({disguised} have other words now)", seeds,
              sum(one.forgotten for one in outcomes), [each for each in broken if each not in endless]),
        Tried("I27 a quarantine ends by itself", seeds, sum(one.suspected for one in outcomes), endless),
    ]  # fmt: skip


ROWS = [Row("restores", restores, 1_000)]
