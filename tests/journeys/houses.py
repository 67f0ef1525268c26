"""A house as people start it: `distribution up` as a process, on loopback and free ports, its data in a folder.

It is ended by its own pid, and what it has left behind (the detached sandbox) by the record it keeps of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.chassis.processes import end, read_record, record_of
from tests.journeys.doors import Doors, opened_doors, until

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "services.command")
STOP_S = 30.0
"""I29: a clean stop takes at most 25 seconds."""


def environment(**settings: Any) -> dict[str, str]:
    """Ours without whatever the tests themselves were started with, and these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DISTRIBUTION_")}
    return kept | {f"DISTRIBUTION_{name.upper()}": str(value) for name, value in settings.items()}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def command(*words: str | Path, within: float = 120, **settings: Any) -> Ended:
    """`distribution …`, to its end."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *map(str, words), cwd=ROOT, env=environment(**settings),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), within)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"`distribution {' '.join(map(str, words))}` did not end: {err.decode()}") from None
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


class Process:
    """One long-running command of ours, with its words in a file. `within` is what it is started by, if anything."""

    def __init__(self, folder: Path, *words: str, within: Sequence[str] = (), **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._words, self._within, self._settings = words, within, settings
        self.log = folder / f"{'-'.join(word for word in words if '/' not in word)}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def code(self) -> int | None:
        assert self._process is not None
        return self._process.returncode

    async def start(self) -> None:
        with self.log.open("wb") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self._within, *COMMAND, *self._words, cwd=ROOT, env=environment(**self._settings),
                start_new_session=True, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip

    async def until(self, said: str) -> None:
        """It has said this since it was started last."""

        def come() -> bool:
            assert self.code is None, f"`distribution {' '.join(self._words)}` ended with {self.code}: {self.words}"
            return said in self.words

        await until(come, what=f"`distribution {' '.join(self._words)}` says {said!r}")

    @property
    def words(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ended by its pid; what its exit code was."""
        assert self._process is not None
        if self._process.returncode is None:
            os.kill(self._process.pid, how)
        try:
            return await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise AssertionError(f"{' '.join(self._words)} did not end in {STOP_S:.0f} s: {self.words}") from None


class House:
    """`distribution up`. `doors` is the way in, anew after every start; `settings` are those of the command."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.settings = {"data_dir": self.data, "port": 0, "nats_port": 0} | settings
        self.process = Process(folder, "up", **self.settings)
        self.up: dict[str, Any] = {}

    async def start(self) -> None:
        """Up when it returns."""
        await self.process.start()
        await self.told()

    async def told(self) -> None:
        """It has told by its note that it is up."""
        self.up = await until(self._noted, what="the house has written up.json")

    def _noted(self) -> dict[str, Any] | None:
        assert self.process.code is None, f"the house did not start ({self.process.code}): {self.process.words}"
        try:
            up = json.loads((self.data / "up.json").read_text())
        except (OSError, ValueError):
            return None
        return up if up["pid"] == self.process.pid else None

    async def kill(self) -> None:
        """As a power cut does, between two instructions."""
        await self.process.end(signal.SIGKILL)

    @property
    def broker(self) -> Path:
        return self.data / "nats"

    async def leave(self) -> None:
        """A clean stop leaves nothing behind; what a dead house has left is ended here."""
        if self.process.code is None:
            assert await self.process.end() == 0, self.process.words
            assert self.running() == []
            assert not (self.data / "up.json").exists()
        for left in (self.data / "sandbox" / "process.json", self.broker / "broker.json"):
            if found := read_record(left):
                await end(found)

    def running(self) -> list[int]:
        """The pids of what it has recorded that are still there."""
        records = [read_record(self.data / name) for name in ("sandbox/process.json", "nats/broker.json")]
        return [each.pid for each in records if each and record_of(each.pid) == each]


@asynccontextmanager
async def a_house(folder: Path, **settings: Any) -> AsyncIterator[House]:
    house = House(folder, **settings)
    try:
        await house.start()
        yield house
    finally:
        await house.leave()


@asynccontextmanager
async def doors_of(house: House) -> AsyncIterator[Doors]:
    async with opened_doors(house.up) as doors:
        yield doors
