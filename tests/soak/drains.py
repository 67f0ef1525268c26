"""Every service restarted, one after the other and again and again, in a busy hour (I29, F36).

Four processes on PostgreSQL; channels hold answers back, so that calls are open when a process is asked to leave.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.journeys.doors import Doors, approved, until
from tests.journeys.logbook import Logbook, ServersLogbook
from tests.journeys.places import FourProcesses, four_processes
from tests.servers_postgres import postgres
from tests.soak.row import Row, Tried

SEED = 20261125
ORDER = ("publisher", "scheduler", "gateway", "collector")
ACCOUNTS, CHANNELS = ("acme", "borealis"), ("linkedin", "x", "blog")
POSTS_EACH = 3
APART = timedelta(seconds=15)
"""Of the house, which runs ten times as fast as the wall."""
HELD_MS = (2000, 5000)
STOP_MAX_S = 25.0
CALLED_OFF = {"post_failed", "outcome_unknown", "attempt_failed", "post_parked", "fact_parked"}
"""What nobody asked for in weather like this."""


@dataclass
class Stops:
    late: list[str] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    with_calls_open: int = 0
    seconds: list[float] = field(default_factory=list)


async def drains(folder: Path, restarts: int) -> Sequence[Tried]:
    luck, stops = random.Random(SEED), Stops()
    with postgres() as server:
        database = server.address()
        async with four_processes(folder, database) as house:
            log, wanted = ServersLogbook(database), set[str]()
            for account in ACCOUNTS:
                await house.doors.opened(account, *CHANNELS, tolerance="P1D")
            for number in range(restarts):
                wanted |= await queue_up(house.doors, number)
                slow = await turn_the_weather(house.doors, luck)
                await until(lambda slow=slow: held(log, slow), what="a call is open, and its answer held back")
                await restart(house, ORDER[number % len(ORDER)], log, stops, number)
            return [*told(stops, restarts), *await judged(house.doors, log, wanted)]


async def queue_up(doors: Doors, number: int) -> set[str]:
    now = await doors.now()
    events = [
        approved(f"{channel}-{number}-{turn}", account=account, channel=channel, title="A title",
                 text=f"{account} says {number}.{turn} on {channel}.", exactly_at=(now + turn * APART).isoformat())
        for turn in range(1, POSTS_EACH + 1) for account in ACCOUNTS for channel in CHANNELS
    ]  # fmt: skip
    await doors.approve(*events)
    return {event["data"]["text"] for event in events}


async def turn_the_weather(doors: Doors, luck: random.Random) -> set[str]:
    """The connections that answer slowly, one on each channel."""
    slow = {channel: luck.choice(ACCOUNTS) for channel in CHANNELS}
    for channel, account in slow.items():
        await doors.weather(channel, "slow", account=account, hold_ms=luck.randint(*HELD_MS), times=2)
    return {f"{account}.{channel}" for channel, account in slow.items()}


def held(log: Logbook, slow: set[str]) -> bool:
    return any(fact.data["connection"] in slow for fact in log.open_attempts().values())


async def restart(house: FourProcesses, name: str, log: Logbook, stops: Stops, number: int) -> None:
    open_before = len(log.open_attempts())
    began = time.monotonic()
    code = await house.processes[name].end(signal.SIGTERM)
    took = time.monotonic() - began
    stops.seconds.append(took)
    stops.with_calls_open += bool(open_before)
    if code != 0 or took > STOP_MAX_S:
        stops.late.append(f"restart {number}: the {name} ended with {code} after {took:.1f} s")
    if name == "publisher":
        stops.left_open += [f"restart {number}: {story} has an attempt without an outcome"
                            for story in log.open_attempts()]  # fmt: skip
    await house.again(name)


def told(stops: Stops, restarts: int) -> list[Tried]:
    longest = max(stops.seconds, default=0.0)
    return [
        Tried(f"I29 a clean stop within {STOP_MAX_S:.0f} s (the longest took {longest:.1f} s)", restarts,
              len(stops.seconds), stops.late),
        Tried("I29 no attempt without an outcome", restarts, stops.with_calls_open, stops.left_open),
    ]  # fmt: skip


async def judged(doors: Doors, log: Logbook, wanted: set[str]) -> list[Tried]:
    """The channels' own books, once everything has come to an end."""

    async def all_ended() -> bool:
        status, counts = await doors.ask("GET", "/v1/posts/counts")
        return status == 200 and counts["published"] + counts["failed"] == len(wanted)

    await until(all_ended, what="every post has ended", within=180)
    there = Counter([plain(post["text"]) for channel in CHANNELS for post in await doors.standing(channel)])
    twice = [f"{text!r} stands {count} times" for text, count in there.items() if count > 1]
    lost = [f"{text!r} stands nowhere" for text in wanted - set(there)]
    called_off = [f"{fact.name} of {fact.story} at {fact.position}" for fact in log.facts() if fact.name in CALLED_OFF]
    return [
        Tried("I10 no post stands twice", len(wanted), len(there), twice),
        Tried("I14 no post is lost", len(wanted), len(there), lost),
        Tried("I29 nothing failed because of it", len(wanted), len(there), called_off),
    ]


def plain(text: str) -> str:
    return text.replace("<p>", "").replace("</p>", "").strip()


ROWS = [Row("drains", drains, 16)]
