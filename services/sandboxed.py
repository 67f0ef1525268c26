"""The simulated channels as a detached process: it plays the outside world, so it must survive our death (D15).

A start adopts the one an earlier life has left, when it still answers; a clean stop ends it. Left alone it goes home by
itself. The house knows it by its address alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Self

import aiohttp

from services.chassis.processes import Record, alive, end, read_record, spawn_detached, write_record

MODULE = "services.channels.sandbox"
READY_WITHIN_S = 20.0
LOOK_EVERY_S = 0.01


class SandboxFailed(OSError):
    """The simulated channels did not come up; names where their last words are."""


class Sandbox:
    """`address` is where the simulated channels answer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._record: Record | None = None
        self.address = ""

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        found = read_record(self._noted)
        if found is not None and alive(found) and await self._answers():
            self._record = found
            return self
        if found is not None:
            await end(found)
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._record is not None:
            await end(self._record)
        self._noted.unlink(missing_ok=True)

    @property
    def _noted(self) -> Path:
        return self._folder / "process.json"

    @property
    def _announced(self) -> Path:
        return self._folder / "sandbox.json"

    async def _answers(self) -> bool:
        """Whether the address that was announced last is still one of a sandbox."""
        try:
            self.address = str(json.loads(self._announced.read_text())["address"])
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session,
                session.get(f"{self.address}/sandbox/clock") as answer,
            ):
                return answer.status == 200
        except (OSError, ValueError, KeyError, aiohttp.ClientError):
            return False

    async def _start(self) -> None:
        self._announced.unlink(missing_ok=True)
        words = self._folder / "sandbox.log"
        command = (sys.executable, "-m", MODULE, "--data", self._folder, "--announce", self._announced)
        self._record = spawn_detached(*command, log=words)
        write_record(self._noted, self._record)
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                # It announces itself by a file, whole or not at all, because it is no child that could tell us.
                while not await self._answers():
                    if not alive(self._record):
                        raise SandboxFailed(f"the simulated channels ended at once; their last words are in {words}")
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError as late:
            await end(self._record)
            raise SandboxFailed(f"the simulated channels did not come up; their words are in {words}") from late
        except BaseException:  # Ctrl-C while they come up: they would outlive us
            await end(self._record)
            raise
