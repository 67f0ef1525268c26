"""Pulling from a JetStream consumer, patiently: one open request, and whatever has come is handed out at once.

FastStream's loop repeats at once whatever happened, and nats-py's `fetch` makes two tasks a message, waits for company
until its time is over (and then may raise a fault for which FastStream drops the whole batch, to come back after its
30 seconds to acknowledge), answers at once for ever when the consumer is gone, and without a turn for anybody else
when the connection is (D12). This has the same word `fetch`, and none of that.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import Header, StatusCode

from services.chassis.clock import still_wanted

OPEN_S = 5.0
"""So long one request stays open at the broker; nothing is said meanwhile when nothing comes."""
REST_S = 1.0
BYTES_MAX = 16 * 2**20
"""So much is on its way at once, however many messages that are (I39)."""
_OVER = (StatusCode.NO_MESSAGES, StatusCode.REQUEST_TIMEOUT)
_WELL = ("Message Size Exceeds MaxBytes", "Batch Completed")
"""How the broker ends a request that bounds its bytes: both are a 409, and neither is trouble."""


class Pull:
    """`batch` is the most that is fetched at once. `doubt` is set when the broker says the consumer is not well."""

    def __init__(self, client: Client, stream: str, consumer: str, *, batch: int) -> None:
        self._client, self._batch = client, batch
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._came = asyncio.Event()
        self._ready: deque[Msg] = deque()
        self._asked, self._asked_at = 0, 0.0
        self._subscription: Subscription | None = None
        self._inbox = client.new_inbox()
        self._rest_until = 0.0
        self.doubt = asyncio.Event()

    async def start(self) -> None:
        self._subscription = await self._client.subscribe(self._inbox, cb=self._take)

    async def unsubscribe(self) -> None:
        if self._subscription is not None:
            await self._subscription.unsubscribe()

    def rest(self, seconds: float) -> None:
        """Hand nothing out for a while."""
        self._rest_until = time.monotonic() + seconds

    async def fetch(self, batch: int = 1, timeout: float | None = None) -> list[Msg]:  # noqa: ASYNC109 - its word
        """What there is, at most `batch`; waits when there is nothing, however long, unless a batch is begun already.

        FastStream asks for the rest of a batch it has begun: there is no rest, whoever comes later is the next batch.
        """
        if batch < self._batch and not self._ready:
            raise nats.errors.TimeoutError
        await self._rested()
        while not self._ready:
            still_wanted()
            await self._wait()
            await self._rested()
        return [self._ready.popleft() for _ in range(min(batch, len(self._ready)))]

    async def _rested(self) -> None:
        while (left := self._rest_until - time.monotonic()) > 0:  # noqa: ASYNC110 - it may be longer by then
            await asyncio.sleep(left)

    async def _wait(self) -> None:
        """For the first to come; once a request is over, or should be, there is another one."""
        if not self._asked or time.monotonic() - self._asked_at > OPEN_S + REST_S:
            try:
                await self._ask()
            except nats.errors.Error:
                self._unwell()
                return
        self._came.clear()
        try:
            async with asyncio.timeout(OPEN_S + REST_S):
                await self._came.wait()
        except TimeoutError:
            self._asked = 0

    async def _ask(self) -> None:
        request = {"batch": self._batch, "expires": int(OPEN_S * 1e9), "max_bytes": BYTES_MAX}
        await self._client.publish(self._next, orjson.dumps(request), reply=self._inbox)
        self._asked, self._asked_at = self._batch, time.monotonic()

    async def _take(self, message: Msg) -> None:
        headers = message.headers or {}
        status = headers.get(Header.STATUS.value)
        if status is None:
            self._ready.append(message)
            self._asked = max(0, self._asked - 1)
        else:
            self._asked = 0
            if status not in _OVER and headers.get(Header.DESCRIPTION.value) not in _WELL:
                self._unwell()
        self._came.set()

    def _unwell(self) -> None:
        self.doubt.set()
        self.rest(REST_S)
