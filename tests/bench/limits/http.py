"""Bare HTTP: one aiohttp session, so many requests in flight, the same request each time."""

from __future__ import annotations

import asyncio
import time

import aiohttp


async def posts(address: str, body: bytes, headers: dict[str, str], count: int, in_flight: int) -> float:
    """Requests a second."""
    turns = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:

        async def caller() -> None:
            for _ in turns:
                async with session.post(address, data=body, headers=headers) as answer:
                    if answer.status != 201 or not await answer.read():
                        raise RuntimeError(f"the stub answered {answer.status}")

        started = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(in_flight)))
        return count / (time.perf_counter() - started)
