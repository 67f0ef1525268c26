"""Handing approved posts to the house exactly as Production does: acknowledged messages on its stream."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import nats
import nats.errors
from nats.js.errors import APIError

from events.subjects import POST_APPROVED, PRODUCTION
from services.commands.client import fail


def nats_address() -> str:
    address = os.environ.get("DISTRIBUTION_NATS_URL")
    if address:
        return address
    note = Path(os.environ.get("DISTRIBUTION_DATA_DIR", "var")) / "up.json"
    try:
        return str(json.loads(note.read_text())["nats"])
    except (OSError, ValueError, KeyError):
        fail(f"no NATS found: {note} is not there. Start the house with `make up`, or set DISTRIBUTION_NATS_URL")


def hand_over(file: Path) -> tuple[int, int]:
    """Every non-empty line of `file` as one message; how many were acknowledged and how many were not."""
    try:
        lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    return asyncio.run(_hand_over(nats_address(), lines))


async def _hand_over(address: str, lines: list[bytes]) -> tuple[int, int]:
    client = await nats.connect(address, connect_timeout=5, max_reconnect_attempts=3)
    try:
        stream, done = client.jetstream(), 0
        for line in lines:
            try:
                await stream.publish(POST_APPROVED, line, timeout=10, stream=PRODUCTION)
                done += 1
            except (APIError, TimeoutError, nats.errors.Error):
                continue
        return done, len(lines) - done
    finally:
        await client.close()
