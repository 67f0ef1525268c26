"""A producer as a stranger writes it, from the document of the doors alone: nats-py, and nothing of ours.

It says `production.post_approved` on the stream PRODUCTION, a CloudEvent 1.0 in structured JSON, and waits for the
receipts a careful producer waits for: `scheduler.post_taken_in` on the feed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.js import JetStreamContext

RECEIPTS = "distribution.scheduler.post_taken_in.*"
PATIENCE_S = 60.0


def event(account: str, post: str, channel: str, text: str, **more: Any) -> dict[str, Any]:
    data = {"post": post, "account": account, "channel": channel, "text": text, **more}
    return {"specversion": "1.0", "id": f"{account}/{post}", "source": "/production",
            "type": "production.post_approved", "subject": post, "time": "2026-11-23T08:00:00Z",
            "datacontenttype": "application/json", "data": data}  # fmt: skip


class Producer:
    """`receipts` grows while it listens: the story of every post that was taken in, as often as it was told."""

    def __init__(self, stream: JetStreamContext) -> None:
        self._stream = stream
        self._heard = asyncio.Event()
        self.receipts: list[str] = []

    async def listen(self) -> None:
        await self._stream.subscribe(RECEIPTS, stream="DISTRIBUTION", ordered_consumer=True, cb=self._receipt)

    async def _receipt(self, message: Any) -> None:
        self.receipts.append(json.loads(message.data)["story"])
        self._heard.set()

    async def say(self, bodies: Sequence[bytes], at_once: int = 50) -> None:
        """Each is acknowledged by the stream before this returns."""
        for first in range(0, len(bodies), at_once):
            some = bodies[first : first + at_once]
            await asyncio.gather(
                *(self._stream.publish("production.post_approved", body, stream="PRODUCTION") for body in some)
            )

    async def received(self, stories: set[str]) -> None:
        """Until there is a receipt for every one of these."""
        async with asyncio.timeout(PATIENCE_S):
            while not stories <= set(self.receipts):
                self._heard.clear()
                await self._heard.wait()


@asynccontextmanager
async def a_producer(address: str) -> AsyncIterator[Producer]:
    client = await nats.connect(address)
    try:
        producer = Producer(client.jetstream(timeout=30))
        await producer.listen()
        yield producer
    finally:
        await client.close()
