"""`python -m services.channels.sandbox --data DIR --port 0 --announce FILE` serves the world as a process of its own.

It is detached, since it plays the outside and must survive our death; it ends after 10 minutes without a call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from services.channels.sandbox.books import SqliteBooks
from services.channels.sandbox.clock import SandboxClock
from services.channels.sandbox.server import application
from services.channels.sandbox.world import World

IDLE_SECONDS = 600.0
SEED = "distribution"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description="Simulated channels over HTTP.")
    parser.add_argument("--data", type=Path, required=True, help="where sandbox.db lies")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--announce", type=Path, required=True, help="the file that gets the address and the pid")
    parser.add_argument("--seed", default=SEED)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds without a call until it ends")
    return parser.parse_args()


def announce(file: Path, address: str) -> None:
    """Whole or not at all: a reader never meets half a line. One line on stdout wakes whoever waits for it."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"address": address, "pid": os.getpid()}))
    part.replace(file)
    print(address, flush=True)


async def serve(asked: argparse.Namespace) -> None:
    asked.data.mkdir(parents=True, exist_ok=True)
    books = SqliteBooks(asked.data / "sandbox.db")
    clock = SandboxClock(books, lambda: datetime.now(UTC))
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    silence = loop.call_later(asked.idle, ended.set)

    def heard() -> None:
        nonlocal silence
        silence.cancel()
        silence = loop.call_later(asked.idle, ended.set)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    world = World(books, seed=asked.seed, now=clock.now)
    runner = web.AppRunner(application(world, clock, heard=heard), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, asked.host, asked.port)
    await site.start()
    host, port = runner.addresses[0][:2]
    announce(asked.announce, f"http://{host}:{port}")
    await ended.wait()
    await runner.cleanup()
    books.close()
    asked.announce.unlink(missing_ok=True)


if __name__ == "__main__":
    asyncio.run(serve(arguments()))
