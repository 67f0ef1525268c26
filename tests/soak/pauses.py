"""Publishers that stand still in the middle of a call, and go on when others have taken over (G9, F5).

Three publishers share one PostgreSQL: two on this machine and one that says it is on another. On the same machine the
one that stands still is ended before its line is taken; elsewhere it goes on as a zombie, and the epoch refuses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.journeys.doors import Doors, approved, until
from tests.journeys.houses import Process
from tests.journeys.logbook import ServersLogbook
from tests.journeys.places import FourProcesses, four_processes
from tests.servers_postgres import postgres
from tests.soak.row import Row, Tried

SEED = 20261127
ACCOUNTS, CHANNELS = ("acme", "borealis"), ("linkedin", "x", "blog")
TURNS, HELD_MS = 2, 2500
ELSEWHERE = ("unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh")
HERE, AWAY, SHORT = "ended here", "a zombie elsewhere", "a short pause"
KINDS = (HERE, AWAY, SHORT)
MAY_STAND = ("delivered", "unclear")
"""The late answers that may mean a second post; our own word for it, so that the product's may be wrong."""
WITHIN_S = 40.0
"""A lease of ten seconds, the moment after it, and the patience of whoever ends the holder."""


@dataclass
class Pauses:
    wrong: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    tried: Counter[str] = field(default_factory=Counter)
    wanted: set[str] = field(default_factory=set)
    late: dict[str, bool] = field(default_factory=dict)
    """Whose answer came late, and whether it may have made a second post: one that was stopped before its bytes had
    left is recorded, and made nothing to show."""


@dataclass
class Crowd:
    """The house with its publishers, and its log and lines as the database has them."""

    house: FourProcesses
    here: dict[str, Process]
    away: Process
    database: str

    async def come_back(self) -> None:
        """Whoever of those here has ended is started again."""
        gone = [process for process in self.here.values() if process.code is not None]
        for process in gone:
            await process.start()
        for process in gone:
            await process.until("the publisher runs")

    @property
    def log(self) -> ServersLogbook:
        return ServersLogbook(self.database)

    def lines(self) -> dict[str, tuple[int | None, int]]:
        """By connection: the pid of whoever has its line, and the line's epoch."""
        with psycopg.connect(self.database) as db:
            rows = db.execute("SELECT connection, holder, epoch FROM line WHERE epoch IS NOT NULL").fetchall()
        return {connection: (int(holder.partition("@")[2].split(":")[1]) if holder else None, epoch)
                for connection, holder, epoch in rows}  # fmt: skip

    def calling(self, pids: set[int | None]) -> tuple[str, str, int | None] | None:
        """An open call of one of these processes: its connection, its story, the process."""
        lines = self.lines()
        for story, fact in self.log.open_attempts().items():
            connection = fact.data["connection"]
            pid, epoch = lines.get(connection, (None, 0))
            if pid in pids and epoch == fact.data["epoch"]:
                return connection, story, pid
        return None


def missing() -> list[str]:
    """What this machine lacks for a process that says it is on another one."""
    return [] if shutil.which("unshare") and os.geteuid() == 0 else ["util-linux, and run as root"]


@asynccontextmanager
async def a_crowd(folder: Path) -> AsyncIterator[Crowd]:
    with postgres() as server:
        async with four_processes(folder, server.address()) as house:
            sister = Process(folder / "sister", "run", "publisher", **house.settings)
            away = Process(folder / "away", "run", "publisher", within=ELSEWHERE, **house.settings)
            try:
                await sister.start()
                await sister.until("the publisher runs")
                here = {"first": house.processes["publisher"], "sister": sister}
                yield Crowd(house, here, away, server.address())
            finally:
                await sister.end()


async def pauses(folder: Path, rounds: int) -> Sequence[Tried]:
    luck, found = random.Random(SEED), Pauses()
    async with a_crowd(folder) as crowd:
        for account in ACCOUNTS:
            await crowd.house.doors.opened(account, *CHANNELS, tolerance="P1D")
        for number in range(rounds):
            kind = KINDS[number % len(KINDS)]
            found.tried[kind] += 1
            try:
                await ROUND[kind](crowd, found, luck, number)
            except AssertionError as wrong:
                found.wrong[kind].append(f"round {number}: {wrong}")
        return [*(Tried(f"G9 {kind}", found.tried[kind], found.tried[kind], found.wrong[kind])
                  for kind in KINDS if found.tried[kind]),
                *await judged(crowd, found)]  # fmt: skip


async def queue_up(doors: Doors, found: Pauses, number: int) -> None:
    now = (await doors.now()).isoformat()
    for channel in CHANNELS:
        await doors.weather(channel, "slow", hold_ms=HELD_MS, publishing=True, times=len(ACCOUNTS) * TURNS)
    events = [
        approved(f"{channel}-{number}-{turn}", account=account, channel=channel, title="A title",
                 text=f"{account} says {number}.{turn} on {channel}.", exactly_at=now)
        for turn in range(TURNS) for account in ACCOUNTS for channel in CHANNELS
    ]  # fmt: skip
    await doors.approve(*events)
    found.wanted |= {event["data"]["text"] for event in events}


async def ended_here(crowd: Crowd, found: Pauses, luck: random.Random, number: int) -> None:
    """It stands still for good; a sister on the same machine ends it, and only then takes its line."""
    pids = {process.pid: process for process in crowd.here.values()}
    await queue_up(crowd.house.doors, found, number)
    _, story, pid = await until(lambda: crowd.calling(set(pids)), what="a call is open here")
    victim = pids[pid]
    os.kill(pid, signal.SIGSTOP)
    try:
        await until(lambda: victim.code is not None, what="whoever stood still was ended", within=WITHIN_S)
        starts = [fact for fact in crowd.log.facts() if fact.story == story and fact.name == "attempt_started"]
        assert len(starts) == 1, f"{story} was sent again before its first sender was ended"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    await crowd.come_back()


async def a_zombie_elsewhere(crowd: Crowd, found: Pauses, luck: random.Random, number: int) -> None:
    """Nobody can end it from here: it goes on when its line is another's, and is refused and recorded.

    Every other one sleeps through the settling too, and wakes when its post has been looked up and ended without it.
    """
    await crowd.away.start()
    await crowd.away.until("the publisher runs")
    await asyncio.gather(*(process.end() for process in crowd.here.values()))
    try:
        await queue_up(crowd.house.doors, found, number)
        pid = crowd.away.pid
        connection, story, _ = await until(lambda: crowd.calling({pid}), what="a call is open elsewhere")
        epoch = crowd.lines()[connection][1]
        os.kill(pid, signal.SIGSTOP)
        try:
            await crowd.come_back()
            await until(lambda: crowd.lines()[connection][1] > epoch, what="its line has been taken", within=WITHIN_S)
            if number // len(KINDS) % 2:
                await until(lambda: story not in crowd.log.open_attempts(), what="it was looked up", within=WITHIN_S)
        finally:
            os.kill(pid, signal.SIGCONT)
        await until(lambda: story in late_sends(crowd), what=f"the late send of {story} is recorded", within=WITHIN_S)
        assert crowd.away.code is None, "it was ended by somebody who could not see it"
        found.late[story] = late_sends(crowd)[story] in MAY_STAND
    finally:
        await crowd.come_back()
        await crowd.away.end()


async def a_short_pause(crowd: Crowd, found: Pauses, luck: random.Random, number: int) -> None:
    """It goes on while its line is still its own, after others have said this much."""
    await queue_up(crowd.house.doors, found, number)
    pids: set[int | None] = {process.pid for process in crowd.here.values()}
    _, story, pid = await until(lambda: crowd.calling(pids), what="a call is open")
    after = crowd.log.head + luck.randint(1, 10)
    os.kill(pid, signal.SIGSTOP)
    try:
        with contextlib.suppress(AssertionError):  # nobody else had anything to say
            await until(lambda: crowd.log.head >= after, what="others have gone on", within=6)
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: story not in crowd.log.open_attempts(), what="the call has its outcome")


ROUND = {HERE: ended_here, AWAY: a_zombie_elsewhere, SHORT: a_short_pause}


def late_sends(crowd: Crowd) -> dict[str, str]:
    """What the answer was, by story."""
    return {fact.story: fact.data["outcome"] for fact in crowd.log.facts() if fact.name == "late_send_seen"}


async def judged(crowd: Crowd, found: Pauses) -> list[Tried]:
    doors = crowd.house.doors

    async def all_published() -> bool:
        status, counts = await doors.ask("GET", "/v1/posts/counts")
        return status == 200 and counts["published"] == len(found.wanted)

    with contextlib.suppress(AssertionError):  # which ones are missing is said below
        await until(all_published, what="every post is published", within=120)
    there = Counter([plain(post["text"]) for channel in CHANNELS for post in await doors.standing(channel)])
    twice = [f"{text!r} stands {count} times" for text, count in there.items() if count > 1]
    lost = [f"{text!r} stands nowhere" for text in found.wanted - set(there)]
    unseen = [f"{story} {'does not show its' if may_stand else 'shows a'} late send"
              for story, may_stand in found.late.items()
              if (await doors.post(story) or {}).get("late_send", False) is not may_stand]  # fmt: skip
    shown = [Tried("F5 a late send is shown", len(found.late), len(found.late), unseen)] if found.late else []
    return [
        Tried("I10 no post stands twice", len(found.wanted), len(there), twice),
        Tried("I14 no post is lost", len(found.wanted), len(there), lost),
        *shown,
    ]


def plain(text: str) -> str:
    return text.replace("<p>", "").replace("</p>", "").strip()


ROWS = [Row("pauses", pauses, 9)]
