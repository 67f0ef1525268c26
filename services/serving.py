"""How a process of the house is reached, and how it reaches the broker: one address bound, one page on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import nats
import uvicorn
from nats.aio.client import Client as Nats

from services.gateway.app import Gateway


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Nats]:
    client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.2, allow_reconnect=True)
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # a broker that has gone already closes no connection
            await client.close()


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Bound before anything else is told of the address; 0 takes a free port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as taken:
            raise OSError(f"{host}:{port} cannot be listened on ({taken.strerror}): set DISTRIBUTION_PORT") from taken
        yield listener


class Server(uvicorn.Server):
    """Signals are the house's own business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(gateway: Gateway, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(gateway.asgi, lifespan="off", log_config=None, access_log=False, server_header=False,
                            timeout_graceful_shutdown=2)  # fmt: skip
    server = Server(config)
    running = asyncio.create_task(server.serve([listener]), name="page")
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([running], timeout=5)
