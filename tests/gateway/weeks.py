"""The example week in a running gateway, over HTTP in this process or over a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from tests.gateway.examples import MONDAY, the_week
from tests.gateway.house import House, running
from tests.gateway.telling import Teller


class Week(House):
    """A house in which the example week has been told; `teller` goes on telling, `server` serves it if it is served."""

    teller: Teller
    server: uvicorn.Server


@asynccontextmanager
async def told(**how: Any) -> AsyncIterator[Week]:
    async with running(start=MONDAY, kind=Week, **how) as it:
        it.teller = Teller(MONDAY, it.store, it.clock)
        await the_week(it.teller)
        yield it


@pytest.fixture
async def week() -> AsyncIterator[Week]:
    async with told() as it:
        yield it


@pytest.fixture
async def week_owner(week):
    return await week.caller("owner")


@asynccontextmanager
async def served(port: int = 0) -> AsyncIterator[tuple[str, Week]]:
    """The week on loopback, on a free port if none is named, as a browser and any program reach it."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with told(public_url=address) as it:
            config = uvicorn.Config(it.gateway.asgi, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
            it.server = server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                yield address, it
            finally:
                server.should_exit = True
                await serving
