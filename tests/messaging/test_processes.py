"""Processes of ours are known by pid and start time: a child dies with us, and nobody else's is ever ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from services.chassis.processes import (
    ProcessIsOurs,
    alive,
    end,
    gone,
    read_record,
    record_of,
    spawn_child,
    spawn_detached,
    write_record,
)
from tests.servers_nats import until

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")
STUBBORN = (
    sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
)  # fmt: skip
PARENT = """
import asyncio, sys
from pathlib import Path
from services.chassis.processes import record_of, spawn_child, spawn_detached, write_record

async def main(folder, kind):
    command = (sys.executable, "-c", "import time; time.sleep(600)")
    if kind == "child":
        record = record_of((await spawn_child(*command, log=folder / "log")).pid)
    else:
        record = spawn_detached(*command, log=folder / "log")
    write_record(folder / "record", record)
    await asyncio.sleep(600)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


@pytest.fixture
async def sleeper():
    process = await asyncio.create_subprocess_exec(*SLEEPER)
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def killed_parent(folder, kind):
    """A parent that started one process and was killed; that process's record."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(folder), kind])  # noqa: ASYNC220
    await until(lambda: read_record(folder / "record"), what="the parent has started its process")
    record = read_record(folder / "record")
    assert record is not None
    assert alive(record)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    return record


async def test_a_record_comes_back_from_its_file(tmp_path, sleeper):
    record = record_of(sleeper.pid)
    assert record is not None
    write_record(tmp_path / "it.json", record)
    assert read_record(tmp_path / "it.json") == record
    assert alive(record)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "started": "y"}', '{"pid": 7}', "null"])
def test_a_broken_record_is_none(tmp_path, text):
    (tmp_path / "it.json").write_text(text)
    assert read_record(tmp_path / "it.json") is None


async def test_one_that_is_told_to_end_ends(sleeper):
    record = record_of(sleeper.pid)
    assert record is not None
    await end(record)
    assert await sleeper.wait() == -signal.SIGTERM
    assert not alive(record)
    await end(record)  # and once more is silence


async def test_one_that_does_not_listen_is_killed():
    process = await asyncio.create_subprocess_exec(*STUBBORN, stdout=subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    record = record_of(process.pid)
    assert record is not None
    await end(record, patience=0.1)
    assert await process.wait() == -signal.SIGKILL


async def test_another_process_with_the_same_pid_is_left_alone(sleeper):
    """Pids are given out again: a record of an earlier process must not end its successor."""
    record = record_of(sleeper.pid)
    assert record is not None
    earlier = replace(record, started="another-boot/12345")
    assert not alive(earlier)
    await end(earlier)
    assert alive(record)


async def test_nobody_ends_itself():
    record = record_of(os.getpid())
    assert record is not None
    with pytest.raises(ProcessIsOurs, match="remove the record"):
        await end(record)


async def test_what_has_ended_and_was_not_looked_at_is_not_alive(sleeper):
    record = record_of(sleeper.pid)
    assert record is not None
    os.kill(sleeper.pid, signal.SIGKILL)
    await until(lambda: not alive(record), what="it is only a name in the table")


async def test_a_child_dies_with_its_parent_however_that_dies(tmp_path):
    record = await killed_parent(tmp_path, "child")
    await until(lambda: not alive(record), what="the child of a killed parent has ended")


async def test_a_detached_one_survives_its_parent_and_is_found_by_its_record(tmp_path):
    record = await killed_parent(tmp_path, "detached")
    assert alive(record)
    await end(record)
    assert not alive(record)


async def test_what_a_child_says_is_in_its_log(tmp_path):
    process = await spawn_child(sys.executable, "-c", "print('its words')", log=tmp_path / "log")
    assert await process.wait() == 0
    assert (tmp_path / "log").read_text() == "its words\n"


async def test_a_child_of_ours_is_gone_when_we_say_so(tmp_path):
    process = await spawn_child(*STUBBORN, log=tmp_path / "log")
    await until(lambda: (tmp_path / "log").read_text(), what="it listens no more")
    await gone(process, patience=0.1)
    assert process.returncode == -signal.SIGKILL


async def test_one_that_cannot_be_started_is_said(tmp_path):
    with pytest.raises(OSError, match="no-such-command"):
        spawn_detached(tmp_path / "no-such-command", log=tmp_path / "log")
