"""Processes of ours, known by pid *and* start time, so that nobody else's is ever ended.

A pid is given out again after its process has gone; together with the moment it started it names one process for ever.
A child dies with us, also when we are killed; a detached process outlives us and is found again by its record.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

PATIENCE_S = 5.0
LOOK_EVERY_S = 0.01
_PROC, _BOOT = Path("/proc"), Path("/proc/sys/kernel/random/boot_id")
_SET_DEATH_SIGNAL = 1
OURS = str(Path(__file__).resolve().parents[2])
"""Where this very code lies: a child of ours runs no other."""
_detached: list[subprocess.Popen[bytes]] = []
"""Kept, so that whoever has ended is reaped and nobody is warned about."""


class ProcessIsOurs(Exception):
    """A record names this very process, which does not end itself."""


@dataclass(frozen=True, slots=True)
class Record:
    """One process: `started` is told by the kernel, and is another one after every boot."""

    pid: int
    started: str


def record_of(pid: int) -> Record | None:
    """None when there is no such process, or only what is left of it until its parent has looked."""
    if not _PROC.exists():
        told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()  # noqa: S603, S607
        return Record(pid, told) if told else None
    try:
        # The second field is the name, in brackets, and may hold anything: what matters comes after the last one.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else Record(pid, f"{_BOOT.read_text().strip()}/{fields[19]}")
    except (OSError, IndexError):
        return None


def alive(record: Record) -> bool:
    return record_of(record.pid) == record


def write_record(file: Path, record: Record) -> None:
    """Whole or not at all: a reader never meets half a line."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(asdict(record)))
    part.replace(file)


def read_record(file: Path) -> Record | None:
    try:
        written = json.loads(file.read_text())
        return Record(int(written["pid"]), str(written["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


async def end(record: Record, *, patience: float = PATIENCE_S) -> None:
    """Ask it to go, and after `patience` seconds end it. Nothing happens when it is gone already."""
    if record.pid == os.getpid():
        raise ProcessIsOurs(f"the record names process {record.pid}, which is this one: remove the record")
    for name in (signal.SIGTERM, signal.SIGKILL):
        if not _signal(record, name):
            return
        deadline = time.monotonic() + patience
        while alive(record) and time.monotonic() < deadline:  # noqa: ASYNC110 - it is no child of ours to wait for
            await asyncio.sleep(LOOK_EVERY_S)


def _signal(record: Record, name: signal.Signals) -> bool:
    """False when it has gone. A handle taken before the look keeps a reused pid safe."""
    try:
        if not hasattr(os, "pidfd_open"):
            if alive(record):
                os.kill(record.pid, name)
                return True
            return False
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(record):
            return False
        signal.pidfd_send_signal(handle, name)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


async def spawn_child(*command: str | Path, log: Path) -> asyncio.subprocess.Process:
    """A child that dies with us, however we die. It must be spawned from the thread that lives as long as we do."""
    with log.open("wb") as out:
        return await asyncio.create_subprocess_exec(
            *map(str, command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us: we end it when we have drained
            preexec_fn=_tied_to(os.getpid()),
        )


async def spawn_asked(module: str, asked: bytes) -> asyncio.subprocess.Process:
    """A child that runs a module of ours, is asked one thing on stdin and answers on stdout, tied to us as any other;
    what else it has to say stands among our own words, on stderr."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module),  # -P: not what happens to lie in the working directory
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (OURS, os.environ.get("PYTHONPATH"))))},
        preexec_fn=_tied_to(os.getpid()),
    )
    assert child.stdin is not None  # noqa: S101 - it was asked for
    child.stdin.write(asked)
    child.stdin.close()  # once it is written; to wait for that could be cancelled, and the child be nobody's
    return child


def spawn_detached(*command: str | Path, log: Path) -> Record:
    """A process that outlives us; whoever comes later finds it by the record."""
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - a command of ours
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    for each in list(_detached):
        if each.poll() is not None:
            _detached.remove(each)
    _detached.append(process)
    record = record_of(process.pid)
    if record is None:
        raise OSError(f"{command[0]} ended as soon as it was started; its last words are in {log}")
    return record


def _tied_to(parent: int) -> Callable[[], None] | None:
    """What the child does before it becomes the command. Where Linux is not, the next start ends an orphan."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def tie() -> None:
        prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it died between the fork and this line
            os._exit(1)

    return tie


async def gone(process: asyncio.subprocess.Process, *, patience: float = PATIENCE_S) -> None:
    """End a child of ours and wait until it is."""
    for stop in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await process.wait()
