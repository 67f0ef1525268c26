"""One table of all trials: what happens in one of them keeps no other from being tried."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.simulation.report import play
from tests.soak.row import Row, Tried
from tests.soak.table import run


async def breaks(folder: Path, size: int) -> Sequence[Tried]:
    raise OSError("no nats-server here")


async def plays(folder: Path, size: int) -> Sequence[Tried]:
    """In this very process, as the drawing of mutants does."""
    return [Tried("played", size, size, play(0).breaches)]


async def starts_a_process(folder: Path, size: int) -> Sequence[Tried]:
    process = await asyncio.create_subprocess_exec("true")
    return [Tried("started", size, size, [] if await process.wait() == 0 else ["it failed"])]


async def test_a_trial_that_breaks_is_a_violation_and_those_after_it_are_tried():
    rows = [Row(trial.__name__, trial, 1) for trial in (breaks, plays, starts_a_process)]
    found = [(tried.promise, tried.kept, list(tried.violations)) for _, tried, _ in await run(rows)]
    assert found == [
        ("breaks could be tried", False, ["OSError: no nats-server here"]), ("played", True, []), ("started", True, []),
    ]  # fmt: skip
