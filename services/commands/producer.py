"""Handing approved posts to the house exactly as Production does: acknowledged messages on its stream."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import nats.errors
from nats.aio.client import Client
from nats.js.errors import APIError

from events.subjects import POST_APPROVED, PRODUCTION
from services.commands.client import fail, noted

ACKNOWLEDGED_S = 10
_SIGNED = re.compile(r"//[^@,]*@")


def nats_address() -> str:
    return os.environ.get("DISTRIBUTION_NATS_URL") or noted("nats", "set DISTRIBUTION_NATS_URL")


@asynccontextmanager
async def broker_at(address: str) -> AsyncIterator[Client]:
    """Asked twice and in silence: left to itself the library prints a trace of every server that does not answer."""
    try:
        client = await nats.connect(address.split(","), connect_timeout=5, max_reconnect_attempts=1, error_cb=_silent)
    except (nats.errors.Error, OSError, ValueError) as error:
        fail(f"no broker answers at {_SIGNED.sub('//', address)} ({str(error) or type(error).__name__}): start it, or "
             "set DISTRIBUTION_NATS_URL to where it is")  # fmt: skip
    try:
        yield client
    finally:
        await client.close()


async def _silent(error: Exception) -> None:
    """Whatever comes of it is told by the command."""


def hand_over(written: bytes) -> tuple[int, dict[int, str]]:
    """Every non-empty line as one message: how many were acknowledged, and which were not and why."""
    lines = {number: line for number, line in enumerate(written.splitlines(), 1) if line.strip()}
    return asyncio.run(_hand_over(nats_address(), lines))


async def _hand_over(address: str, lines: dict[int, bytes]) -> tuple[int, dict[int, str]]:
    async with broker_at(address) as client:
        stream, refused = client.jetstream(), dict[int, str]()
        for number, line in lines.items():
            try:
                await stream.publish(POST_APPROVED, line, timeout=ACKNOWLEDGED_S, stream=PRODUCTION)
            except nats.errors.MaxPayloadError:
                refused[number] = f"it has {len(line):,} bytes, and the broker takes {client.max_payload:,} at most"
            except TimeoutError:
                refused[number] = f"the broker has not acknowledged it in {ACKNOWLEDGED_S} seconds"
            except (APIError, nats.errors.Error) as error:
                refused[number] = str(error)
        return len(lines) - len(refused), refused
