"""JetStream's atomic batches: many messages, one flush to disk, all of them or none (D14).

nats-py has names for the headers and no more: all but the last message go out unanswered, and the answer to the last
one speaks for all.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import orjson
from nats.aio.client import Client
from nats.js.api import Header
from nats.js.errors import APIError

BATCH_MAX: Final = 1000
"""The broker takes no more messages in one batch."""
BATCH_BYTES_MAX: Final = 8 * 2**20
ANSWER_S = 5.0
BREATHE_EVERY = 100
_WRONG_LAST_SEQUENCE = 10071

Message = tuple[str, bytes]
"""Subject and body."""


class SequenceMoved(Exception):
    """The stream does not end where the batch expected it: somebody else has written, or it was wiped."""


def in_batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """In order, none of them larger than the broker takes at once."""
    first, size = 0, 0
    for number, (_, body) in enumerate(messages):
        if number > first and (number - first >= BATCH_MAX or size + len(body) > BATCH_BYTES_MAX):
            yield messages[first:number]
            first, size = number, 0
        size += len(body)
    if messages[first:]:
        yield messages[first:]


async def publish_batch(
    client: Client,
    stream: str,
    messages: Sequence[Message],
    *,
    after: int | None = None,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """The stream's last sequence now that all of them are in it; `meanwhile` is done while the broker flushes.

    With `after`, only if the stream ended there (else `SequenceMoved`). Any other fault says nothing about whether they
    are in: look.
    """
    batch, headers = uuid.uuid4().hex, {}
    for number, (subject, body) in enumerate(messages, 1):
        headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
        if number == 1:
            headers[Header.EXPECTED_STREAM.value] = stream
            if after is not None:
                headers[Header.EXPECTED_LAST_SEQUENCE.value] = str(after)
        if number < len(messages):
            await client.publish(subject, body, headers=headers)
        if number % BREATHE_EVERY == 0:
            await _breathe()
    headers["Nats-Batch-Commit"] = "1"
    subject, body = messages[-1]
    asking = asyncio.ensure_future(client.request(subject, body, timeout=ANSWER_S, headers=headers))
    try:
        if meanwhile is not None:
            await meanwhile()
        return _sequence((await asking).data, stream, len(messages))
    finally:
        asking.cancel()


def _sequence(answered: bytes, stream: str, count: int) -> int:
    answer = orjson.loads(answered)
    if "error" in answer:
        if answer["error"].get("err_code") == _WRONG_LAST_SEQUENCE:
            raise SequenceMoved(answer["error"]["description"])
        APIError.from_error(answer["error"])
    if answer.get("stream") != stream or answer.get("count") != count:
        raise APIError(description=f"{count} messages for {stream} were answered with {answer}")
    return int(answer["seq"])


async def _breathe() -> None:
    """Let others run. nats-py swallows a cancellation that comes while it flushes; it is said again here."""
    await asyncio.sleep(0)
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
