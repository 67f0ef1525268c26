"""The HTTP step: the door an adapter is handed, 64 requests in flight, against bare aiohttp on the same stub."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

from services.chassis.clock import RealClock
from services.chassis.egress import Egress
from tests.bench.limits import http
from tests.bench.stub import a_stub
from tests.bench.table import Row

COUNT, IN_FLIGHT = 4_000, 64
HOST, PATH = "api.x.com", "/2/tweets"
BODY = b'{"text":"' + b"x" * 280 + b'"}'
HEADERS = {"authorization": "Bearer " + "t" * 90, "content-type": "application/json"}


async def ours(place: Path) -> float:
    clock = RealClock()
    async with a_stub() as address:
        egress = Egress(clock, {"x": (HOST,)}, sandbox=address)
        door, turns = egress.door("x"), iter(range(COUNT))

        async def caller() -> None:
            for _ in turns:
                deadline = clock.now() + timedelta(seconds=20)
                given = await door.send("POST", f"https://{HOST}{PATH}", headers=HEADERS, body=BODY, deadline=deadline)
                if given.status != 201 or not given.body:
                    raise RuntimeError(f"the stub answered {given}")

        started = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
        rate = COUNT / (time.perf_counter() - started)
        await egress.close()
    return rate


async def bare(place: Path) -> float:
    async with a_stub() as address:
        return await http.posts(f"{address}/{HOST}{PATH}", BODY, HEADERS, COUNT, IN_FLIGHT)


ROWS = [Row("HTTP step, 64 in flight, x bare aiohttp", ours, bare, 0.15, "requests/s")]
