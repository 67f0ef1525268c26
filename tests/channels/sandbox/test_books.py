"""What is in the books outlives the process, even one that was killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from services.channels.sandbox.books import MemoryBooks, SqliteBooks
from services.channels.sandbox.clock import SandboxClock, Setting
from tests.channels.sandbox.far_side import MONDAY_NINE, FarSide, LinkedIn, WordPress, X, read


def test_a_world_reopened_from_its_books_is_the_same_world(tmp_path):
    first = FarSide(SqliteBooks(tmp_path / "sandbox.db"))
    x, linkedin, wordpress = X(first).connect(), LinkedIn(first).connect(), WordPress(first).connect()
    for client in (x, linkedin, wordpress):
        assert client.post().status == 201
    first.weather("x", "limit", times=1)
    first.books.close()

    again = FarSide(SqliteBooks(tmp_path / "sandbox.db"))
    for client in (x, linkedin, wordpress):
        client.far = again
    assert x.call("GET", "/users/me").status == 429
    assert x.post().status == 403, "it remembers the words"
    assert linkedin.post().status == 422
    assert read(wordpress.post())["slug"] == "how-acme-grew-2"
    assert again.world.calls["x"] == first.world.calls["x"] + 2
    assert read(x.post("Other words"))["data"]["id"] != x.listed()["data"][-1]["id"]
    again.books.close()


def test_a_clock_goes_on_where_it_was_set(tmp_path):
    wall = [datetime(2026, 1, 1, tzinfo=UTC)]
    books = MemoryBooks()
    SandboxClock(books, lambda: wall[0]).set(Setting(now=MONDAY_NINE, speed=60))
    wall[0] = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert SandboxClock(books, lambda: wall[0]).now() == MONDAY_NINE.replace(hour=10)


def test_a_clock_nobody_set_is_the_walls():
    assert SandboxClock(MemoryBooks(), lambda: MONDAY_NINE).now() == MONDAY_NINE


def test_one_answer_is_kept_whole_or_not_at_all(tmp_path):
    books = SqliteBooks(tmp_path / "sandbox.db")
    books.keep("shelf", "a", {"n": 1})
    assert SqliteBooks(tmp_path / "sandbox.db").shelf("shelf") == {}
    books.commit()
    books.keep("shelf", "a", {"n": 2})
    books.commit()
    assert SqliteBooks(tmp_path / "sandbox.db").shelf("shelf") == {"a": {"n": 2}}
    books.close()


class Process:
    """The sandbox as a process of its own; it is there once it has said where."""

    def __init__(self, data: Path, *more: str) -> None:
        told = ["--data", str(data), "--announce", str(data / "sandbox.json"), *more]
        command = [sys.executable, "-m", "services.channels.sandbox", *told]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    async def address(self) -> str:
        assert self.process.stdout
        return (await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), 30)).strip()


async def test_a_killed_sandbox_comes_back_with_every_answer_that_could_have_been_seen(tmp_path):
    first = Process(tmp_path)
    async with aiohttp.ClientSession() as session:
        address = await first.address()
        async with session.get(f"{address}/sandbox/blog/key?account=acme") as answer:
            assert answer.status == 200
        async with session.put(f"{address}/sandbox/clock", json={"now": "2026-11-23T09:00:00Z"}) as answer:
            assert answer.status == 200
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(30)
        (tmp_path / "sandbox.json").unlink()
        again = Process(tmp_path)
        async with session.get(f"{await again.address()}/sandbox/clock") as answer:
            assert (await answer.json())["now"].startswith("2026-11-23T09:00:00")
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(30) == 0
    assert not (tmp_path / "sandbox.json").exists(), "a clean end takes its announcement along"


async def test_a_sandbox_nobody_speaks_to_goes_home(tmp_path):
    alone = Process(tmp_path, "--idle", "0.2")
    assert await asyncio.to_thread(alone.process.wait, 30) == 0
