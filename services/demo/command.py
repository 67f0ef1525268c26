"""`make demo`: a week of approved posts through the whole house on stepped time, and the verdict on it.

The clock stands still while anything is in flight and otherwise jumps to whatever comes next, so two weeks take a
minute or two and come out the same every time (D7).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from services.chassis import telemetry
from services.chassis.clock import SteppingClock
from services.chassis.pauses import search_seldom
from services.chassis.processes import end, read_record, record_of
from services.chassis.recorder_sqlite import locked
from services.chassis.settings import Settings, read_settings
from services.chassis.stepping import Stepper
from services.demo.play import Doors, gather, script
from services.demo.report import Verdict, judge
from services.demo.week import Line, read
from services.embedded import House
from services.serving import connected

LASTS = timedelta(days=7 + 8, hours=1)
"""A week of posts, the 8 days until the last measurement, and the hour in which weights are gathered (S42, S43)."""
BREATH_S = 0.0005
Said = Callable[[str], None]


async def run_demo(week: Path, *, keep: bool, said: Said) -> bool:
    """True when the file, the outside world and the house agree on everything."""
    lines = read(week)
    settings = _settings(keep)
    telemetry.start_logging("error")
    await _cleared(settings.data_dir)
    clock = SteppingClock(lines[0].at, elapsed=time.monotonic)
    _ended_by(signal.SIGTERM)
    said(f"playing {len(lines)} lines of {week}")
    async with House(settings, clock=clock, note=_note(settings)) as house:
        search_seldom()
        verdict = await _played(house, clock, lines, said)
        show(verdict)
        if keep:
            await _kept(house, clock, said)
    return verdict.good


def _settings(keep: bool) -> Settings:
    """Everything of a demo lies in a folder of its own, so that no week is played into somebody's log."""
    chosen = read_settings()
    chosen.only_loopback()
    free = {} if keep else {"port": 0, "nats_port": 0}
    return read_settings(data_dir=chosen.data_dir / "demo", sandbox="1", database_url=None, nats_url=None, speed=1,
                         vault_key_file=None, **free)  # fmt: skip


async def _cleared(folder: Path) -> None:
    """What an earlier demo has left; one that is kept running there keeps its folder, and this one is refused."""
    with locked(folder / "log.db"):
        for left in (folder / "sandbox" / "process.json", folder / "nats" / "broker.json"):
            if found := read_record(left):
                await end(found)
        shutil.rmtree(folder, ignore_errors=True)


def _ended_by(name: signal.Signals) -> None:
    """Ends as Ctrl-C does: everything that was started is ended first."""
    playing = asyncio.current_task()
    assert playing is not None  # noqa: S101 - a coroutine runs in a task
    asyncio.get_running_loop().add_signal_handler(name, playing.cancel)


def _note(settings: Settings) -> Path:
    """Where people look for a running house, unless one is running there."""
    note = settings.data_dir.parent / "up.json"
    try:
        taken = record_of(json.loads(note.read_text())["pid"]) is not None
    except (OSError, ValueError, KeyError):
        taken = False
    return settings.data_dir / "up.json" if taken else note


async def _played(house: House, clock: SteppingClock, lines: Sequence[Line], said: Said) -> Verdict:
    assert house.sandbox  # noqa: S101 - a demo never meets real channels
    async with (
        connected(house.nats) as broker,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
    ):
        doors = Doors(house.page, house.sandbox, house.api_key, broker, session)

        async def tell(moment: datetime) -> None:
            await doors.outside("PUT", "/sandbox/clock", {"now": moment.isoformat(), "speed": 0})

        async def breathe() -> None:
            await asyncio.sleep(BREATH_S)

        stepper = Stepper(clock, in_flight=house.in_flight, next_due=house.next_due, tell=tell, breathe=breathe)
        began = lines[0].at.astimezone(UTC)
        playing = asyncio.create_task(
            stepper.run(script(lines, doors, said=said), until=began + LASTS, on_step=Days(said).on_step)
        )
        watching = asyncio.create_task(house.until_broken())
        try:
            done, _ = await asyncio.wait([playing, watching], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (playing, watching):
                task.cancel()
            await asyncio.wait([playing, watching])
        await asyncio.gather(*done)
        await house.views.reached(await house.store.position(), 30)
        return judge(**await gather(doors, lines))


class Days:
    """One line of progress for each day that begins."""

    def __init__(self, said: Said) -> None:
        self._said, self._day = said, ""

    def on_step(self, moment: datetime) -> None:
        day = f"{moment:%a %Y-%m-%d}"
        if day != self._day:
            self._day = day
            self._said(f"── {day}")


def show(verdict: Verdict) -> None:
    out = Console()
    table = Table("channel", "published", "retried", "limited", "held", "failed", "objects there", box=None)
    for each in verdict.channels:
        failed = ", ".join(f"{code} × {count}" for code, count in sorted(each.failed.items())) or "0"
        table.add_row(each.channel, str(each.published), str(each.retried), str(each.limited), str(each.held), failed,
                      str(each.objects))  # fmt: skip
    out.print(table)
    out.print("ends      " + ", ".join(f"{count} {end}" for end, count in sorted(verdict.ends.items())))
    for account, weights in sorted(verdict.weights.items()):
        shares = ", ".join(f"{bucket} {weight:.3f}" for bucket, weight in sorted(weights.items()))
        out.print(f"weights   {account}: {shares or 'none yet'}")
    out.print(f"twice {len(verdict.twice)}, lost {len(verdict.lost)}, nobody's {len(verdict.stray)}")
    for complaint in (*verdict.twice, *verdict.lost, *verdict.stray, *verdict.wrong):
        out.print(f"WRONG     {complaint}", markup=False)
    out.print("[green]all as the file says[/]" if verdict.good else "[red]not as the file says[/]")


async def _kept(house: House, clock: SteppingClock, said: Said) -> None:
    """Goes on in real time from the last instant, until Ctrl-C."""
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with aiohttp.ClientSession() as session:
        now = {"now": clock.now().isoformat(), "speed": 1}
        async with session.put(f"{house.sandbox}/sandbox/clock", json=now) as answer:
            answer.raise_for_status()
    clock.turn_real()
    said(f"kept running: {house.login}")
    said(f"API {house.page}/v1, key in {house.note}; Ctrl-C stops it")
    await ended.wait()
