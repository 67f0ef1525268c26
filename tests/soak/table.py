"""All trials at their large size, one after the other, and the table of what became of each promise."""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.soak.row import Row, Tried

WIDTH = 120


async def run(rows: Sequence[Row]) -> list[tuple[Row, Tried, float]]:
    """What each trial found and how long all of the trial took, said as it goes on stderr."""
    found = []
    for row in rows:
        print(f"  {row.name}: {row.size:,} to try", file=sys.stderr, flush=True)
        began = time.monotonic()
        results = await _tried(row)
        seconds = time.monotonic() - began
        for tried in results:
            print(f"    {'kept' if tried.kept else 'BROKEN'}: {tried.promise}", file=sys.stderr, flush=True)
            for violation in tried.violations:
                print(f"        {violation}", file=sys.stderr, flush=True)
            found.append((row, tried, seconds))
    return found


async def _tried(row: Row) -> Sequence[Tried]:
    """One that breaks is a violation of its own, and the others are tried all the same: it has been an hour by then."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        try:
            return await row.trial(Path(folder), row.size)
        except Exception as broken:
            traceback.print_exception(broken)
            return [Tried(f"{row.name} could be tried", 0, 0, [f"{type(broken).__name__}: {broken}"])]


def show(found: Sequence[tuple[Row, Tried, float]]) -> None:
    """The table on stdout, and under it every violation in its own words."""
    table = Table("trial", "promise", "schedules", "reached", "violations", "seconds")
    for row, tried, seconds in found:
        numbers = (tried.schedules, tried.reached, len(tried.violations))
        table.add_row(row.name, tried.promise, *(f"{number:,}" for number in numbers), f"{seconds:.1f}",
                      style="" if tried.kept else "bold red")  # fmt: skip
    console = Console(width=WIDTH)
    console.print(table)
    for row, tried, _ in found:
        for violation in tried.violations:
            console.print(f"{row.name}: {violation}", highlight=False, markup=False)
