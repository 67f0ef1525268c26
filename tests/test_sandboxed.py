"""The simulated channels play the outside world: they are there as long as a house is, and not much longer (D15)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

import aiohttp
import pytest

from services import sandboxed
from services.chassis.processes import alive, end, read_record
from services.sandboxed import GONE, Sandbox
from tests.journeys.doors import until
from tests.journeys.houses import House, Process, doors_of

ASK_EVERY_S, IDLE_S = 0.1, 2.0
SOON = f"""
import sys
from services import command, sandboxed
sandboxed.ASK_EVERY_S, sandboxed.IDLE_S = {ASK_EVERY_S}, {IDLE_S}
sys.argv = sys.argv[3:]
command.main()
"""
"""What follows is a `python -m services.command …`, whose channels are asked often and go home soon."""
NOON = "2026-11-23T12:00:00+00:00"


@pytest.fixture
async def sandbox(tmp_path, monkeypatch):
    monkeypatch.setattr(sandboxed, "ASK_EVERY_S", ASK_EVERY_S)
    monkeypatch.setattr(sandboxed, "IDLE_S", IDLE_S)
    async with Sandbox(tmp_path) as sandbox:
        yield sandbox


@contextlib.asynccontextmanager
async def kept(sandbox: Sandbox):
    """As a house keeps it, while it lives."""
    keeping = asyncio.create_task(sandbox.run())
    yield
    keeping.cancel()
    await asyncio.wait([keeping])


async def clock_of(sandbox: Sandbox, **told) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.request("PUT" if told else "GET", f"{sandbox.address}/sandbox/clock", json=told or None) as answer,
    ):
        return (await answer.json())["now"]


def where(sandbox: Sandbox) -> tuple[str, int]:
    host, _, port = sandbox.address.removeprefix("http://").rpartition(":")
    return host, int(port)


async def test_channels_that_nobody_uses_stay_for_as_long_as_the_house_does(sandbox, tmp_path):
    async with kept(sandbox):
        begun = read_record(tmp_path / "process.json")
        await asyncio.sleep(3 * IDLE_S)
        assert alive(begun)
    await until(lambda: not alive(begun), what="nobody keeps them, and they go home")


async def test_channels_that_died_come_back_at_their_address_with_their_books(sandbox, tmp_path):
    await clock_of(sandbox, now=NOON)
    address, died = sandbox.address, read_record(tmp_path / "process.json")
    async with kept(sandbox):
        os.kill(died.pid, signal.SIGKILL)
        await until(lambda: sandbox.trouble, what="it is said that they are away")
        await until(lambda: not sandbox.trouble, what="they are back")
        assert sandbox.address == address
        assert await clock_of(sandbox) == NOON
        assert read_record(tmp_path / "process.json") != died


async def test_channels_that_cannot_come_back_are_tried_again_until_they_can(sandbox, tmp_path):
    await end(read_record(tmp_path / "process.json"))
    taken = await asyncio.start_server(lambda reader, writer: writer.close(), *where(sandbox))
    async with kept(sandbox):
        async with taken:
            await until(lambda: "last words are in" in (sandbox.trouble or ""), what="their address is taken")
        await until(lambda: not sandbox.trouble, what="they are back")


async def test_a_house_says_that_its_channels_are_gone_and_outlives_them_as_they_outlive_it(tmp_path):
    house = House(tmp_path)
    house.process = Process(tmp_path, "up", within=(sys.executable, "-c", SOON), **house.settings)
    noted = house.data / "sandbox" / "process.json"
    try:
        await house.start()
        os.kill(read_record(noted).pid, signal.SIGKILL)
        async with doors_of(house) as doors:

            async def said() -> str:
                return str((await doors.ask("GET", "/readyz"))[1])

            async def they_are_gone() -> bool:
                return GONE in await said()

            async def they_are_back() -> bool:
                return GONE not in await said()

            await until(they_are_gone, what="the house says so")
            await until(they_are_back, what="it no longer does")
            assert (await doors.done("POST", "/v1/connections/demo.linkedin/check"))["works"]
        await house.kill()
        left = read_record(noted)
        assert alive(left)
        await until(lambda: not alive(left), what="no house keeps them, and they go home")
    finally:
        await house.leave()
