"""`make bench`: every row, ours and the limit in turn; a table and `var/bench.json`. A name picks rows by a part."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.rows import alarms, append
from tests.bench.table import measure, show, write

ROWS = [*append.ROWS, *alarms.ROWS]


async def main(wanted: str) -> int:
    started = time.monotonic()
    results = []
    for row in ROWS:
        if wanted in row.name:
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                results.append(await measure(row, Path(folder)))
    show(results, started)
    write(results, Path("var/bench.json"))
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "")))
