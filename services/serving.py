"""How a process of the house is reached, and how it reaches the broker: one address bound, one page on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import h11
import nats
import nats.errors
import uvicorn
from nats.aio.client import Client as Nats
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.chassis.broker import BrokerFailed

if TYPE_CHECKING:
    from services.gateway.app import Gateway

LOOK_EVERY_S = 0.1
FIRST_ANSWER_S = 5.0
"""A broker that has not answered by then is not there, and a start says so."""


async def _silent(_: Exception) -> None:
    """Whoever asks over the connection is told of every fault; nobody else need be."""


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Nats]:
    """Comes back by itself for as long as it is held; `url` may name several servers, comma between."""
    client = await _first_answer(url)
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # a broker that has gone already closes no connection
            await client.close()


async def _first_answer(url: str) -> Nats:
    """It asks for ever, and may not hear a cancellation (`still_wanted` says why): so it is told until it does."""
    asking = asyncio.ensure_future(
        nats.connect(url.split(","), max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=_silent)
    )
    try:
        await asyncio.wait({asking}, timeout=FIRST_ANSWER_S)
        if asking.done():
            return await asking
        raise TimeoutError
    except (TimeoutError, nats.errors.Error, OSError) as failed:
        raise BrokerFailed(
            f"no broker answers at {url}: start it, or set DISTRIBUTION_NATS_URL to where it is"
        ) from failed
    finally:
        while not asking.done():
            asking.cancel()
            await asyncio.wait({asking}, timeout=LOOK_EVERY_S)


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


class Hurrying(H11Protocol):
    """A connection is given `within_s` to say its first request whole, and each later one from its first byte on.

    Whoever says nothing, or drop by drop, holds a place that others need (A24). Answers may take as long as they take.
    """

    within_s = 10.0
    _over: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._over = self.loop.call_later(self.within_s, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._in_time()
        elif self._over is None:
            self._over = self.loop.call_later(self.within_s, self.transport.abort)

    def on_response_complete(self) -> None:
        """What is left of a body after its answer is not waited for."""
        self._in_time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def _in_time(self) -> None:
        if self._over is not None:
            self._over.cancel()
            self._over = None


class Server(uvicorn.Server):
    """Signals are the house's own business; `answers` is set once it does."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(gateway: Gateway, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(gateway.asgi, lifespan="off", log_config=None, access_log=False, server_header=False,
                            timeout_graceful_shutdown=2, http=Hurrying)  # fmt: skip
    server = Server(config)
    running = asyncio.create_task(server.serve([listener]), name="page")
    try:
        answering = asyncio.create_task(server.answers.wait())
        await asyncio.wait([running, answering], return_when=asyncio.FIRST_COMPLETED)
        answering.cancel()
        if running.done():
            await running
        yield
    finally:
        gateway.hang_up()
        server.should_exit = True
        await asyncio.wait([running], timeout=5)
