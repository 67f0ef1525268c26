"""Nothing is taken from a process of this machine before it has ended; one elsewhere cannot be asked (D11, F5)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from services.chassis import takeover
from services.chassis.processes import record_of
from services.chassis.takeover import OVERDUE_S, SEEN_AGAIN_S, Takeover, holder, process_of

MINE = holder("publisher")


class Time:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 0.0

    def elapsed(self) -> float:
        return self.at


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


def rows(*holders: str | None) -> list[dict]:
    return [{"connection": f"acme.{number}", "holder": each} for number, each in enumerate(holders)]


def stand_still(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)


async def test_one_that_stands_still_is_ended_and_only_then_its_lines_are_free(other, monkeypatch):
    monkeypatch.setattr(takeover, "PATIENCE_S", 0.05)
    time = Time()
    taking, named = Takeover(MINE, time.elapsed), holder("publisher", other.pid)
    stand_still(other.pid)
    while time.at < OVERDUE_S:
        assert taking.not_yet(rows(named, None)) == {named}
        assert record_of(other.pid), "it is given a moment to say that it lives"
        time.at += 1
    assert taking.not_yet(rows(named)) == {named}
    (ending,) = taking._ending.values()
    await ending
    assert other.wait() == -signal.SIGKILL
    assert taking.not_yet(rows(named)) == set()


async def test_one_that_was_overdue_for_everybody_is_not_ended(other):
    """The store was away: looks so far apart do not count as one, and by the next it has renewed."""
    time = Time()
    taking, named = Takeover(MINE, time.elapsed), holder("publisher", other.pid)
    for _ in range(3):
        assert taking.not_yet(rows(named)) == {named}
        time.at += max(OVERDUE_S, SEEN_AGAIN_S) + 1
    assert taking._ending == {}
    await taking.close()


async def test_who_is_gone_elsewhere_or_nobody_keeps_nothing(other):
    named = holder("publisher", other.pid)
    elsewhere = named.replace(f"@{named.partition('@')[2].split(':')[0]}:", "@elsewhere:")
    again = named.replace(f":{named.split(':')[2]}:", ":0123456789ab:")
    taking = Takeover(MINE, Time().elapsed)
    assert taking.not_yet(rows(elsewhere, again, MINE, None, "here", holder("publisher", 2**22))) == set()


def test_a_process_never_ends_itself():
    """Not even under the name of an earlier life with the same number."""
    assert process_of(MINE) is None


def test_a_holder_names_its_process(other):
    assert process_of(holder("publisher", other.pid)) == record_of(other.pid)
