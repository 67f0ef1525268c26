"""`make bench`: every row, ours and the limit in turn; a table and `var/bench.json`. Names pick the files of rows.

The long ones run only by name, and once each: `python -m tests.bench minute flood`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog

from services.chassis.pauses import search_seldom
from tests.bench.rows import (
    alarms,
    append,
    append_postgres,
    claims,
    flood,
    http,
    idle,
    intake,
    minute,
    planning,
    rebuild,
    relay,
    whole,
)
from tests.bench.table import ROUNDS, measure, show, write

FILES = {
    each.__name__.rpartition(".")[2]: each.ROWS
    for each in (append, append_postgres, intake, planning, relay, http, alarms, claims, rebuild, whole, idle)
}
LONG = {each.__name__.rpartition(".")[2]: each.ROWS for each in (minute, flood)}
"""Minutes a round: the nightly goals G14 and G15 (promises.md)."""


async def main(wanted: list[str]) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    search_seldom()  # as every process of the house does; it is good for both sides
    started = time.monotonic()
    results = []
    for name in wanted or FILES:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rows, rounds = (LONG[name], 1) if name in LONG else (FILES[name], ROUNDS)
            results += await measure(rows, Path(folder), rounds)
    show(results, started)
    if not wanted:
        write(results, Path("var/bench.json"))
    return 0 if all(result.held for result in results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
