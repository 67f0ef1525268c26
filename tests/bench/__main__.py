"""`make bench`: every row, ours and the limit in turn; a table and `var/bench.json`. Names pick the files of rows."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog

from services.chassis.pauses import search_seldom
from tests.bench.rows import alarms, append, append_postgres, claims, http, idle, intake, rebuild, relay, whole
from tests.bench.table import measure, show, write

FILES = {
    each.__name__.rpartition(".")[2]: each.ROWS
    for each in (append, append_postgres, intake, relay, http, alarms, claims, rebuild, whole, idle)
}


async def main(wanted: list[str]) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    search_seldom()  # as every process of the house does; it is good for both sides
    started = time.monotonic()
    results = []
    for name in wanted or FILES:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            results += await measure(FILES[name], Path(folder))
    show(results, started)
    if not wanted:
        write(results, Path("var/bench.json"))
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
