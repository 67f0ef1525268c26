"""A connection to the broker: whoever works over it hears at once when it is gone, and comes again.

    connecting -> working -> gone -> (a pause that grows while nothing comes of it) -> connecting

nats-py's own reconnecting is off. It keeps what was said while nobody listened and says it later, all at once, when we
have long decided anew; and after some errors it closes for good all the same. A fresh connection has no past.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn

import nats
import nats.errors
import structlog
from nats.aio.client import Client

from services.chassis.clock import Clock
from services.chassis.store import StoreError

CONNECT_S = 3
CLOSE_S = 2.0
LOOK_EVERY_S = 0.2
ANSWER_S = 5.0
"""JetStream answers within; otherwise whether it did as asked is unknown."""
AGAIN_FIRST_S, AGAIN_MAX_S = 0.1, 5.0

log = structlog.get_logger("link")


class LinkLost(Exception):
    """The connection ended in the middle of the work."""


AWAY = (nats.errors.Error, OSError, TimeoutError, LinkLost, StoreError)
"""What passes by itself: the broker or the store is away, or answers that it cannot now."""


async def _silent(_: Exception) -> None:
    """Every fault also reaches whoever works over the connection, and is logged there."""


def options(address: str, name: str, lost: asyncio.Event) -> dict[str, Any]:
    """How nats-py connects, for us and for FastStream; `address` may name several servers, comma between."""

    async def closed() -> None:
        lost.set()

    return {
        "servers": [each.strip() for each in address.split(",")],
        "name": f"distribution {name}",
        "allow_reconnect": False,
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0,
        "connect_timeout": CONNECT_S,
        "ping_interval": 5,
        "max_outstanding_pings": 2,
        "flush_timeout": ANSWER_S,
        "error_cb": _silent,
        "closed_cb": closed,
    }


async def over(address: str, name: str, work: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    """Connect, work, close; raises `LinkLost` when the connection ends first."""
    lost = asyncio.Event()
    client = await nats.connect(**options(address, name, lost))
    try:
        await while_open(client, lost, work(client))
    finally:
        await close(client)


async def while_open(client: Client, lost: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """nats-py leaves who waits for an answer waiting when the connection is closed; here they are let go.

    It does not even always say that it closed: what it still had to send then is a fault, and the word is forgotten.
    """
    working, losing = asyncio.ensure_future(work), asyncio.ensure_future(lost.wait())
    try:
        while not working.done():
            await asyncio.wait({working, losing}, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            if client.is_closed and not working.done():
                raise LinkLost("the broker has closed the connection, or is gone")
        await working
    finally:
        losing.cancel()
        working.cancel()
        await asyncio.gather(working, losing, return_exceptions=True)


async def close(client: Client) -> None:
    """At once, without draining: a pull subscription's queue never joins, and a stopped server never reads."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CLOSE_S):
            await client.close()


async def again_and_again(
    attempt: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    failed: Callable[[Exception], Awaitable[bool]],
    passing: tuple[type[Exception], ...] = AWAY,
) -> NoReturn:
    """Until cancelled. `failed` says whether all had been well before; then the next attempt comes soon."""
    pause = AGAIN_FIRST_S
    while True:
        try:
            await attempt()
        except passing as broken:
            if await failed(broken):
                pause = AGAIN_FIRST_S
        await clock.nap(pause)
        pause = min(pause * 2, AGAIN_MAX_S)
