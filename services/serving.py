"""How a process of the house is reached, and how it reaches the broker: one address bound, one page on it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
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
MORE_BYTES = 64 * 1024
"""So much more of a request is worth as long again: a megabyte may take a slow line some minutes."""
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
    """Bound before anything else is told of the address; 0 takes a free port.

    The protocol is named, since asyncio lets small writes go at once only on a socket that says it is TCP; otherwise
    the second write of an answer waits for the acknowledgement of the first, *m* 40 ms a page.
    """
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as refused:
            raise OSError(f"{host}:{port} cannot be listened on ({refused.strerror}): {_mend(refused)}") from refused
        yield listener


def _mend(refused: OSError) -> str:
    if refused.errno == errno.EADDRNOTAVAIL or isinstance(refused, socket.gaierror):
        return "set DISTRIBUTION_HOST to an address of this machine"
    return "set DISTRIBUTION_PORT"


def page_on(listener: socket.socket, host: str) -> str:
    """Where a browser finds it; an address of IPv6 stands in brackets, as its colons are no port's."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


class Hurrying(H11Protocol):
    """A connection is given `within_s` to say its first request whole, and each later one from its first byte on; for
    every `MORE_BYTES` that have come, as long again.

    Whoever says nothing, or drop by drop, holds a place that others need (A24). Answers may take as long as they take.
    """

    within_s = 10.0
    _over: asyncio.TimerHandle | None = None
    _come = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_it()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._come += len(data)
        if self._come >= MORE_BYTES:
            self._in_time()
        self._look()

    def on_response_complete(self) -> None:
        """What is left of a body after its answer is waited for as well, and so is what came behind it."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def _look(self) -> None:
        said = self.conn.their_state
        if said not in (h11.IDLE, h11.SEND_BODY) or (said is h11.IDLE and self.timeout_keep_alive_task is not None):
            self._in_time()  # all of it is there, or uvicorn waits for the next one by its own clock
        elif self._over is None and not self.transport.is_closing():
            self._wait_for_it()

    def _wait_for_it(self) -> None:
        self._over = self.loop.call_later(self.within_s, self._too_late)

    def _too_late(self) -> None:
        self._over = None
        if self.flow.read_paused:
            self._wait_for_it()  # it is we who have not read on
        else:
            self.transport.abort()

    def _in_time(self) -> None:
        self._come = 0
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
