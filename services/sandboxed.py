"""The simulated channels as a detached process: it plays the outside world, so it must survive our death (D15).

    away -> up -> gone        up: asked something cheap all the time, since one left alone ends by itself
     ^-------------'          it died or went home: started again on the same port, with the books it left

A start adopts the one an earlier life has left, when it still answers; a clean stop ends it. The house knows it by its
address alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import structlog

from services.chassis.processes import Record, alive, end, read_record, spawn_detached, write_record

MODULE = "services.channels.sandbox"
READY_WITHIN_S = 20.0
LOOK_EVERY_S = 0.01
IDLE_S = 600.0
"""D15: so long after the last call it ends by itself; it must not outlive for ever a house that was killed."""
ASK_EVERY_S = 5.0
"""Well within that, and soon enough for whoever waits for channels that died."""
GONE = "the simulated channels are gone"
"""What is said of them in trouble, before their own words."""

log = structlog.get_logger("sandbox")


class SandboxFailed(OSError):
    """The simulated channels did not come up; names where their last words are."""


class Sandbox:
    """`address` is where the simulated channels answer, the same after every restart.

    `trouble` says why they do not, or None.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._record: Record | None = None
        self.address = ""
        self.trouble: str | None = None

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

    async def run(self) -> None:
        """Until cancelled: it is kept from going home, and started again once it has gone."""
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            if await self._answers():
                self.trouble = None
            elif self._record is None or not alive(self._record):
                await self._again()
            else:
                self.trouble = f"nothing answers at {self.address}, and its process is still there"

    async def _again(self) -> None:
        """On the address that everybody knows. The books are on disk, and its clock stands in them."""
        self.trouble = f"they are started again at {self.address}"
        log.warning("the simulated channels are gone and are started again", address=self.address)
        try:
            await self._start(urlsplit(self.address).port or 0)
            self.trouble = None
        except OSError as failed:
            self.trouble = str(failed)

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

    async def _start(self, port: int = 0) -> None:
        self._announced.unlink(missing_ok=True)
        words = self._folder / "sandbox.log"
        self._record = spawn_detached(
            *(sys.executable, "-m", MODULE, "--data", self._folder, "--announce", self._announced),
            *("--port", str(port), "--idle", str(IDLE_S)),
            log=words,
        )
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
