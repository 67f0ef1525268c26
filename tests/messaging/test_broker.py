"""The embedded broker: durable, on loopback alone, back by itself, and gone with us (D15, D16, A31)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import aiohttp
import nats.js.errors
import pytest

from events.subjects import POST_APPROVED, PRODUCTION
from services.chassis.broker import Broker, BrokerFailed, binary, configuration
from services.chassis.processes import alive, read_record, spawn_detached, write_record
from services.chassis.topology import Topology
from tests import absent
from tests.servers_nats import broker, client_of, kill, ready, until, wipe

HOUSE = """
import asyncio, sys
from pathlib import Path
from services.chassis.broker import Broker

async def main():
    async with Broker(Path(sys.argv[1]), port=0) as broker:
        print(broker.url, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def monitored(running: Broker, path: str) -> dict:
    async with aiohttp.ClientSession() as session, session.get(running.monitor + path) as answer:
        return await answer.json()


async def test_it_flushes_before_it_acknowledges_and_says_so_itself(nats):
    assert (await monitored(nats, "/varz"))["jetstream"]["config"]["sync_always"] is True


def test_all_it_listens_on_is_loopback_and_nothing_it_does_not_need_is_on(tmp_path):
    written = configuration(tmp_path, 4222)
    assert written["listen"] == "127.0.0.1:4222"
    assert written["http"].startswith("127.0.0.1:")
    assert set(written) == {"server_name", "listen", "http", "ports_file_dir", "max_payload", "jetstream"}


async def test_one_megabyte_passes_and_much_more_does_not(client):
    await ready(client)
    js = client.jetstream()
    await js.publish(POST_APPROVED, b"x" * 1_048_576, stream=PRODUCTION, headers={"Nats-Msg-Id": "x" * 64})
    assert client.max_payload < 1_100_000


async def test_killed_it_comes_back_on_the_same_port_with_what_it_had_acknowledged(nats, client):
    await ready(client)
    url = nats.url
    for number in range(20):
        await client.jetstream().publish(POST_APPROVED, b"%d" % number, stream=PRODUCTION)
    kill(nats)
    await until(lambda: nats.restarts == 1 and client.is_connected, what="the broker and its client are back")
    assert nats.url == url
    assert (await client.jetstream().stream_info(PRODUCTION)).state.messages == 20


async def test_wiped_it_comes_back_empty_and_the_topology_makes_everything_anew(nats, client, tmp_path):
    await ready(client)
    await wipe(nats, tmp_path)
    await until(lambda: client.is_connected, what="the client is back")
    assert [difference.field for difference in await Topology(client).diff()] == [""] * 4
    await Topology(client).apply()
    assert await Topology(client).diff() == []


async def test_it_comes_back_again_and_again(nats):
    for times in range(1, 4):
        kill(nats)
        await until(lambda times=times: nats.restarts == times, what="the broker is back")


async def test_what_a_killed_life_has_left_running_is_ended_first(tmp_path):
    folder = tmp_path / "nats"
    (folder / "ports").mkdir(parents=True)
    (folder / "nats.conf").write_text(json.dumps(configuration(folder, 0)))
    orphan = spawn_detached(binary(), "-c", folder / "nats.conf", log=folder / "nats.log")
    await until(lambda: list((folder / "ports").iterdir()), what="the orphan is up")
    write_record(folder / "broker.json", orphan)
    async with Broker(folder, port=0) as running:
        assert not alive(orphan)
        assert running.pid != orphan.pid


async def test_it_ends_with_a_house_that_is_killed(tmp_path):
    house = subprocess.Popen([sys.executable, "-c", HOUSE, str(tmp_path)], stdout=subprocess.PIPE)  # noqa: ASYNC220
    assert house.stdout is not None
    assert house.stdout.readline().startswith(b"nats://127.0.0.1:")
    record = read_record(tmp_path / "broker.json")
    assert record is not None
    assert alive(record)
    house.send_signal(signal.SIGKILL)
    house.wait()
    house.stdout.close()
    await until(lambda: not alive(record), what="the broker of a killed house has ended")


async def test_it_ends_with_a_house_that_stops(tmp_path):
    async with Broker(tmp_path, port=0) as running:
        record = read_record(tmp_path / "broker.json")
        assert record is not None
        assert record.pid == running.pid
    assert not alive(record)
    assert read_record(tmp_path / "broker.json") is None


async def test_a_taken_port_is_said_with_its_mend(nats, tmp_path):
    taken = int(nats.url.rpartition(":")[2])
    with pytest.raises(BrokerFailed, match=f"port {taken}.*DISTRIBUTION_NATS_PORT"):
        await Broker(tmp_path / "second", port=taken).start()


async def test_one_without_its_flushing_is_refused(tmp_path, monkeypatch):
    """A wheel that does not know the word would lose acknowledged messages in a power cut."""
    without = configuration(tmp_path, 0)
    del without["jetstream"]["sync_interval"]
    monkeypatch.setattr("services.chassis.broker.configuration", lambda folder, port: without)
    refused = Broker(tmp_path, port=0)
    with pytest.raises(BrokerFailed, match="sync_always"):
        await refused.start()
    assert refused.pid is None


@pytest.fixture
def small_disk(tmp_path):
    """Twenty megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        absent.needs("a small disk of its own, which root may mount", ["mount"])
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def test_one_whose_disk_was_full_is_started_again_when_there_is_room(small_disk, monkeypatch):
    """By itself it never writes again; what it had acknowledged is all there (F17)."""
    monkeypatch.setattr("services.chassis.broker.HEALTH_EVERY_S", 0.1)
    ballast = small_disk / "ballast"
    async with broker(small_disk) as running, client_of(running) as client:
        await ready(client)
        ballast.write_bytes(b"x" * 15_000_000)
        js, acknowledged = client.jetstream(timeout=1), 0
        with contextlib.suppress(TimeoutError):
            for _ in range(100):
                await js.publish(POST_APPROVED, b"x" * 200_000, stream=PRODUCTION)
                acknowledged += 1
        await until(lambda: running.trouble and "no space left" in running.trouble, what="it is unwell")
        assert running.restarts == 0  # without room it would be no better
        ballast.unlink()
        await until(lambda: running.restarts == 1 and client.is_connected, what="it is started again")
        assert running.trouble is None
        await js.publish(POST_APPROVED, b"after", stream=PRODUCTION)
        assert (await js.stream_info(PRODUCTION)).state.messages == acknowledged + 1


async def test_one_that_calls_itself_well_and_takes_nothing_more_is_started_again(small_disk, monkeypatch):
    """A purge that found no room leaves a stream that can no longer be written, while the monitor says *ok* (F17)."""
    monkeypatch.setattr("services.chassis.broker.HEALTH_EVERY_S", 0.1)
    ballast = small_disk / "ballast"
    async with broker(small_disk) as running, client_of(running) as client:
        await ready(client)
        js = client.jetstream(timeout=1)
        for number in range(8):
            await js.publish(POST_APPROVED, f"post {number}".encode() * 1000, stream=PRODUCTION)
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        with pytest.raises(nats.js.errors.APIError, match="no space left"):
            await js.purge_stream(PRODUCTION, seq=9, subject=POST_APPROVED)
        ballast.unlink()
        await until(lambda: running.restarts == 1 and client.is_connected, what="it is started again")
        assert running.trouble is None
        await js.purge_stream(PRODUCTION, seq=9, subject=POST_APPROVED)
        assert (await js.stream_info(PRODUCTION)).state.messages == 0


def test_the_binary_is_the_one_of_the_wheel():
    assert os.access(binary(), os.X_OK)
    assert binary().parent == binary().parent.parent / "bin"
