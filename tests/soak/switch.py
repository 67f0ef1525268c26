"""The kill switch, thrown under load and lifted by its command: for everything, a channel, an account (G29, S49).

What counts is the order of the log: after the pause is said no attempt starts within its reach, not even in the next
life of the house; outside of it the work goes on; and when it is resumed everything goes out, one at a time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.journeys.doors import Doors, approved, until
from tests.journeys.houses import House, a_house, command, doors_of
from tests.journeys.logbook import Logbook, Said
from tests.soak.row import Row, Tried

SPEED = 60
STOPPED_S = 2.0
"""G29: the switch has worked so soon after it was asked for."""
ACCOUNTS, CHANNELS = ("acme", "borealis"), ("linkedin", "x", "blog")
SCOPES = ("all", "x", "acme")
TURNS = 4
APART = timedelta(seconds=90)
WAITING = 2
"""So many posts have come due within the reach before it is lifted again."""


@dataclass
class Thrown:
    slow: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    stood_still: list[str] = field(default_factory=list)
    bursts: list[str] = field(default_factory=list)
    waited: int = 0
    wanted: set[str] = field(default_factory=set)


async def switch(folder: Path, rounds: int) -> Sequence[Tried]:
    thrown = Thrown()
    async with a_house(folder, speed=SPEED) as house:
        async with doors_of(house) as doors:
            for account in ACCOUNTS:
                await doors.opened(account, *CHANNELS, tolerance="P1D")
        for number in range(rounds):
            await one_throw(house, thrown, SCOPES[number % len(SCOPES)], number)
        async with doors_of(house) as doors:
            books = await judged(doors, thrown)
    return [
        Tried(f"G29 a pause is in force within {STOPPED_S:.0f} s", rounds, rounds, thrown.slow),
        Tried("G29 no call starts within its reach, nor in the next life", thrown.waited, thrown.waited, thrown.calls),
        Tried("G29 outside of it the work goes on", rounds, rounds, thrown.stood_still),
        Tried("G29 resuming sends one at a time", rounds, rounds, thrown.bursts),
        *books,
    ]


async def one_throw(house: House, thrown: Thrown, scope: str, number: int) -> None:
    log = Logbook(house.data)
    async with doors_of(house) as doors:
        await queue_up(doors, thrown, number)
        before = log.head
        await until(lambda: starts(log, "all", before), what="calls are made")
        began = time.monotonic()
        await doors.done("POST", "/v1/house/pause", {"scope": scope, "reason": "a test"})
        if (took := time.monotonic() - began) > STOPPED_S:
            thrown.slow.append(f"round {number}: it took {took:.1f} s")
        pause = next(fact for fact in reversed(log.facts()) if fact.name == "publishing_paused").position
        await until(lambda: due(log, scope, pause), what="a post waits within its reach while the house lives on")
    await house.kill()
    await house.start()
    async with doors_of(house) as doors:
        await until(lambda: len(due(log, scope, pause)) >= WAITING, what="posts wait within its reach")
        if scope != "all":
            life = log.head
            try:
                await until(lambda: others(log, scope, life) or all_out(log, scope, number), what="others go on")
            except AssertionError as still:
                thrown.stood_still.append(f"round {number}: {still}")
        thrown.waited += len(due(log, scope, pause))
        thrown.calls += [f"round {number}: {fact.story} was sent at {fact.position}, {scope} was paused at {pause}"
                         for fact in starts(log, scope, pause)]  # fmt: skip
    done = await command("resume", "--scope", scope, data_dir=house.data)
    assert done.code == 0, done.err
    resumed = log.head
    async with doors_of(house) as doors:

        async def all_published() -> bool:
            status, counts = await doors.ask("GET", "/v1/posts/counts")
            return status == 200 and counts["published"] == len(thrown.wanted)

        await until(all_published, what="everything has gone out", within=120)
    thrown.bursts += [f"round {number}: {each}" for each in overlapping(log, resumed)]


async def queue_up(doors: Doors, thrown: Thrown, number: int) -> None:
    """Spread over six minutes of the house, which are six seconds."""
    now = await doors.now()
    events = [
        approved(f"{channel}-{number}-{turn}", account=account, channel=channel, title="A title",
                 text=f"{account} says {number}.{turn} on {channel}.", exactly_at=(now + turn * APART).isoformat())
        for turn in range(TURNS) for account in ACCOUNTS for channel in CHANNELS
    ]  # fmt: skip
    await doors.approve(*events)
    thrown.wanted |= {event["data"]["text"] for event in events}


def reached(connection: str, scope: str) -> bool:
    return scope == "all" or scope in connection.split(".")[:2]


def starts(log: Logbook, scope: str, after: int) -> list[Said]:
    return [fact for fact in log.facts(after)
            if fact.name == "attempt_started" and reached(fact.data["connection"], scope)]  # fmt: skip


def due(log: Logbook, scope: str, after: int) -> list[Said]:
    return [fact for fact in log.facts(after) if fact.name == "post_due" and reached(fact.data["connection"], scope)]


def others(log: Logbook, scope: str, after: int) -> list[Said]:
    return [fact for fact in log.facts(after)
            if fact.name == "attempt_started" and not reached(fact.data["connection"], scope)]  # fmt: skip


def all_out(log: Logbook, scope: str, number: int) -> bool:
    """Nothing of this round is left to be sent outside the reach."""
    mine = [fact for fact in log.facts() if f"-{number}-" in fact.story]
    outside = [fact for fact in mine if fact.name == "post_taken_in" and not reached(fact.data["connection"], scope)]
    sent = {fact.story for fact in mine if fact.name == "post_published"}
    return bool(outside) and {fact.story for fact in outside} <= sent


def overlapping(log: Logbook, after: int) -> list[str]:
    """Attempts of one connection that were open at the same time."""
    opened: dict[str, str] = {}
    found = []
    for fact in log.facts(after):
        if fact.name == "attempt_started":
            connection = fact.data["connection"]
            if connection in opened:
                found.append(f"{fact.story} was begun while {opened[connection]} was open")
            opened[connection] = fact.story
        elif fact.service == "publisher":
            opened = {connection: story for connection, story in opened.items() if story != fact.story}
    return found


async def judged(doors: Doors, thrown: Thrown) -> list[Tried]:
    there = Counter([plain(post["text"]) for channel in CHANNELS for post in await doors.standing(channel)])
    wrong = [f"{text!r} stands {there[text]} times" for text in {*thrown.wanted, *there} if there[text] != 1]
    return [Tried("I10 every post stands once", len(thrown.wanted), there.total(), wrong)]


def plain(text: str) -> str:
    return text.replace("<p>", "").replace("</p>", "").strip()


ROWS = [Row("switch", switch, 6)]
