"""The settings a story is told in: the house in one process on a clock that is stepped, or four processes on
PostgreSQL that are sent to a later day. A story sees a house by its doors alone, and asks for time to pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import orjson

from services.chassis.clock import SteppingClock
from services.chassis.opening import migrate, open_store
from services.chassis.rows import HOUSE, Put
from services.chassis.settings import read_settings
from services.chassis.stepping import Stepper
from services.chassis.store import Append
from services.embedded import House
from services.sandboxed import Sandbox
from services.system import SERVICES
from tests.journeys.doors import Doors, opened_doors
from tests.journeys.houses import Process, command
from tests.servers_nats import broker

MONDAY = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
"""Half past eight in Berlin, on the morning the stories begin."""


class Place(Protocol):
    """A running house. `name` is the setting's, for whoever counts."""

    name: str
    doors: Doors

    async def until(self, moment: datetime) -> None:
        """Time passes until then."""
        ...


class OneProcess:
    """Everything in this very process. The clock stands still while anything is in flight (D7)."""

    name = "one process"

    def __init__(self, house: House, clock: SteppingClock, doors: Doors) -> None:
        self.house, self.clock, self.doors = house, clock, doors
        self._stepper = Stepper(clock, in_flight=house.in_flight, next_due=house.next_due, tell=self._tell,
                                breathe=self._breathe)  # fmt: skip

    async def until(self, moment: datetime) -> None:
        await self._stepper.run([], until=moment, on_step=lambda at: None)

    async def _tell(self, moment: datetime) -> None:
        await self.doors.outside("PUT", "/sandbox/clock", {"now": moment.isoformat(), "speed": 0})

    async def _breathe(self) -> None:
        await asyncio.sleep(0.0005)


@asynccontextmanager
async def one_process(folder: Path, *, start: datetime = MONDAY, **settings: Any) -> AsyncIterator[OneProcess]:
    clock = SteppingClock(start, elapsed=time.monotonic)
    chosen = read_settings(data_dir=folder / "data", port=0, nats_port=0, **settings)
    async with House(chosen, clock=clock) as house:
        up = {"page": house.page, "nats": house.nats, "sandbox": house.sandbox, "api_key": house.api_key}
        async with opened_doors(up) as doors:
            yield OneProcess(house, clock, doors)


class FourProcesses:
    """`distribution run` four times, PostgreSQL, a broker and the simulated channels, each a process of its own."""

    name = "four processes on PostgreSQL"
    SPEED = 10

    def __init__(self, folder: Path, database: str, doors: Doors) -> None:
        self.doors, self._database = doors, database
        self.settings = {"database_url": database, "nats_url": doors.up["nats"], "sandbox": doors.up["sandbox"],
                         "data_dir": folder, "port": 0, "speed": self.SPEED}  # fmt: skip
        self.processes = {name: Process(folder, "run", name, **self.settings) for name in SERVICES}

    async def migrate(self) -> None:
        """The tables, and the first key: what an operator does."""
        done = await command("migrate", "--output", "json", **self.settings)
        assert done.code == 0, done.err
        self.doors.up["api_key"] = done.json["api_key"]

    async def start(self) -> None:
        for process in self.processes.values():
            await process.start()
        for name in self.processes:
            await self._runs(name)

    async def again(self, name: str) -> None:
        """One of them is started again."""
        await self.processes[name].start()
        await self._runs(name)

    async def _runs(self, name: str) -> None:
        await self.processes[name].until(f"the {name} runs")
        if name == "gateway":  # which may answer elsewhere than before
            self.doors.up["page"] = self.processes[name].words.rsplit("page and API at ", 1)[1].split()[0]

    async def end(self) -> None:
        await asyncio.gather(*(process.end() for process in self.processes.values()))

    async def until(self, moment: datetime) -> None:
        """A week is too long to wait for: all processes are stopped, and started again at that moment."""
        await self.end()
        await self.set_clock(moment)
        await self.start()

    async def set_clock(self, moment: datetime) -> None:
        """What time it is stands with the log, so that all processes agree (D7); and the outside lives in it too."""
        await self.doors.outside("PUT", "/sandbox/clock", {"now": moment.isoformat(), "speed": self.SPEED})
        store = open_store(self._database, lambda: moment)
        body = {"speed": self.SPEED, "start": moment.isoformat(), "origin": datetime.now(UTC).isoformat()}
        try:
            await store.append(Append(rows=[Put(HOUSE, {"name": "clock", "body": orjson.dumps(body).decode()})]))
        finally:
            await store.close()


@asynccontextmanager
async def four_processes(folder: Path, database: str, *, start: datetime = MONDAY) -> AsyncIterator[FourProcesses]:
    migrate(database)
    async with (
        broker(folder) as running,
        Sandbox(folder / "sandbox") as sandbox,
        opened_doors({"nats": running.url, "sandbox": sandbox.address}) as doors,
    ):
        place = FourProcesses(folder, database, doors)
        await place.set_clock(start)
        await place.migrate()
        try:
            await place.start()
            yield place
        finally:
            await place.end()


def after(moment: str, **passed: float) -> datetime:
    """An instant of the API, and so much later."""
    return datetime.fromisoformat(moment) + timedelta(**passed)
