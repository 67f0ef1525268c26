"""The net itself: bugs planted by hand, mutants drawn by a seed, and whether they were caught (G2)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.progress import counted
from tests.simulation.bugs import BUGS
from tests.simulation.mutants.hunting import first_ten, hunt
from tests.simulation.net import Caught, bug_caught, table
from tests.soak.row import Row, Tried


async def bugs(folder: Path, seeds_max: int) -> Sequence[Tried]:
    return [_tried("G2 planted bugs found", _caught(partial(bug_caught, seeds_max=seeds_max), list(BUGS)))]


async def mutants(folder: Path, seeds_max: int) -> Sequence[Tried]:
    return [_tried("G2 drawn mutants found", _caught(partial(hunt, seeds_max=seeds_max), first_ten()))]


def _caught(hunting: Callable[[Any], Caught], mistakes: Sequence[Any]) -> list[Caught]:
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
        return list(counted(pool.map(hunting, mistakes), len(mistakes)))


def _tried(promise: str, caught: Sequence[Caught]) -> Tried:
    """`schedules` are the fortnights that were played, `reached` is how many mistakes there were to find."""
    print(table(caught), file=sys.stderr)
    played = sum(each.fortnights for each in caught)
    return Tried(promise, played, len(caught), [str(each) for each in caught if not each.fine])


ROWS = [Row("bugs", bugs, 2_000), Row("mutants", mutants, 2_000)]
