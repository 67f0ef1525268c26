"""`make soak`: every promise at its large size, one table. Names pick the trials: `python -m tests.soak fortnights`."""

from __future__ import annotations

import asyncio
import sys

from tests.soak import (
    clocks,
    crash_points,
    disks,
    drains,
    fortnights,
    kills,
    model,
    net,
    pauses,
    power,
    promotions,
    restores,
    switch,
    writers,
)
from tests.soak.table import run, show

TRIALS = (
    fortnights,
    model,
    crash_points,
    net,
    writers,
    drains,
    disks,
    power,
    pauses,
    switch,
    kills,
    restores,
    promotions,
    clocks,
)
ROWS = {row.name: row for each in TRIALS for row in each.ROWS}


def main(wanted: list[str]) -> int:
    if unknown := [name for name in wanted if name not in ROWS]:
        print(f"no trial is called {', '.join(unknown)}; choose from {', '.join(ROWS)}", file=sys.stderr)
        return 2
    found = asyncio.run(run([ROWS[name] for name in wanted or ROWS]))
    show(found)
    return 0 if all(tried.kept for _, tried, _ in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
