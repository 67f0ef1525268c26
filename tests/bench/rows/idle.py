"""How much memory an idle house keeps resident: `distribution up` and the broker it started, without the sandbox."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.chassis.processes import read_record
from tests.bench.table import Row
from tests.journeys.houses import House

CALM_S = 3
MB = 1024


async def resident(place: Path) -> float:
    """Megabytes, once it has been up for a few seconds."""
    house = House(place)
    await house.start()
    try:
        await asyncio.sleep(CALM_S)
        sandbox = read_record(house.data / "sandbox" / "process.json")
        own = _family(house.process.pid) - {sandbox.pid if sandbox else 0}
        return sum(_resident_kb(pid) for pid in own) / MB
    finally:
        await house.leave()


def _family(pid: int) -> set[int]:
    """A process and all it has started."""
    started = {
        int(each) for task in Path(f"/proc/{pid}/task").iterdir() for each in (task / "children").read_text().split()
    }
    return {pid}.union(*(_family(each) for each in started))


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


ROWS = [Row("idle `up` without the sandbox", resident, None, 200, "MB resident", "lower")]
