"""kill -9 of the whole house, ten times, in the middle of everything: nothing is sent twice and nothing is lost
(I1, I10, I12, G3, F1 to F3). The simulated channels are a process of their own and keep their own books."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from services.chassis.processes import read_record
from tests.journeys.doors import Doors, approved, until
from tests.journeys.houses import House, a_house, doors_of
from tests.journeys.logbook import Logbook, Said

SEED = 20261124
SPEED = 60
"""A second of ours is a minute of the house."""
CONNECTIONS = [(account, channel) for account in ("acme", "borealis") for channel in ("linkedin", "x", "blog")]
DUE_AFTER = (timedelta(seconds=30), timedelta(minutes=2))
"""In each life every connection has a post that goes out now, and one that comes due while the house is dead.

It is back after two seconds, two minutes of its own, and then has something to do at once."""
FIRST_ACTION_S = 5.0
"""G3: so soon after a restart the house does the next right thing."""
HELD, FROZEN, ANYWHERE = "while a call is held", "while the channel is frozen", "anywhere"
MOMENTS = [HELD] * 3 + [FROZEN] * 2 + [ANYWHERE] * 5
SKY = [
    ("outage_before", {"times": 1}),
    ("outage_after", {"times": 1}),
    ("lost_answer", {"times": 1}),
    ("limit", {"times": 1, "retry_after": 120}),
    ("slow", {"times": 2, "hold_ms": 300}),
]
"""What the weather may be. Each outage strikes once a connection and round, so that no post is given up on."""


@dataclass
class Kills:
    """How many attempts of each life were open when it was killed, and how soon the next one acted."""

    born_at: int = 0
    open: list[int] = field(default_factory=list)
    created: int = 0
    first_action_s: list[float] = field(default_factory=list)

    def open_now(self, log: Logbook) -> list[Said]:
        """Those of this life; what earlier ones have left open is settling."""
        return [each for each in log.open_attempts().values() if each.position > self.born_at]

    def told(self) -> str:
        soon = ", ".join(f"{seconds:.1f}" for seconds in self.first_action_s)
        return f"ten kills: attempts open {self.open}, objects already there {self.created}, acted again after s {soon}"


async def killed(folder: Path, seed: int, moments: Sequence[str]) -> Kills:
    """One house, killed at each of these moments in an order drawn by the seed, and judged at the end."""
    luck, kills = random.Random(seed), Kills()
    drawn = luck.sample(moments, len(moments))
    async with a_house(folder, speed=SPEED) as house:
        log = Logbook(house.data)
        async with doors_of(house) as doors:
            for account in ("acme", "borealis"):
                await doors.opened(account, "linkedin", "x", "blog", tolerance="P1D")
        for life, moment in enumerate(drawn):
            async with doors_of(house) as doors:
                await turn_the_weather(doors, luck)
                await queue_up(doors, life)
                await MOMENT[moment](house, doors, log, luck, kills)
            await restart(house, log, kills)
        async with doors_of(house) as doors:
            await judge(doors, log, len(drawn))
    return kills


@pytest.mark.alone
async def test_ten_kills_under_weather_and_every_post_stands_once(tmp_path, tell):
    """Three times while the channel holds an answer back, twice while it is frozen, five times anywhere."""
    kills = await killed(tmp_path, SEED, MOMENTS)
    tell("measured on the way", kills.told())
    assert sum(map(bool, kills.open)) >= 3
    assert kills.created >= 1
    assert max(kills.first_action_s) <= FIRST_ACTION_S


async def queue_up(doors: Doors, life: int) -> None:
    """Exactly at, so that they go out at whatever hour it is. Production has been told that they are there, no more."""
    now = await doors.now()
    await doors.approve(*(
        approved(f"{channel}-{number:02}", account=account, channel=channel, title="A title",
                 text=words(account, channel, number), exactly_at=(now + later).isoformat())
        for number, later in enumerate(DUE_AFTER, life * len(DUE_AFTER))
        for account, channel in CONNECTIONS
    ))  # fmt: skip


async def turn_the_weather(doors: Doors, luck: random.Random) -> None:
    account, channel = luck.choice(CONNECTIONS)
    kind, how = luck.choice(SKY)
    await doors.weather(channel, kind, account=account, **how)


# The moments.


async def while_a_call_is_held(house: House, doors: Doors, log: Logbook, luck: random.Random, kills: Kills) -> None:
    """The object is there, the answer is on its way, and nobody will ever read it (F3)."""
    account, channel = luck.choice(CONNECTIONS)
    await doors.weather(channel, "slow", account=account, hold_ms=60_000, times=1, publishing=True)

    async def created_and_open() -> list[Said]:
        there = {plain(post["text"]) for post in await doors.standing(channel)}
        mine = [each for each in kills.open_now(log) if each.data["connection"] == f"{account}.{channel}"]
        return [each for each in mine if text_of(each.story) in there]

    await until(created_and_open, what="a call is held whose object is there")
    kills.created += 1
    await kill(house, log, kills)


async def while_the_channel_is_frozen(house: House, doors: Doors, log: Logbook, luck: random.Random,
                                      kills: Kills) -> None:  # fmt: skip
    """The attempt has started, and the channel reads the request only after we are dead, if at all (F2)."""
    sandbox = read_record(house.data / "sandbox" / "process.json")
    assert sandbox is not None
    os.kill(sandbox.pid, signal.SIGSTOP)
    try:
        await until(lambda: kills.open_now(log), what="an attempt has started at a frozen channel")
        await kill(house, log, kills)
    finally:
        os.kill(sandbox.pid, signal.SIGCONT)


async def anywhere(house: House, doors: Doors, log: Logbook, luck: random.Random, kills: Kills) -> None:
    """After so many more facts, whatever they are."""
    end = log.head + luck.randint(1, 50)
    await until(lambda: log.head >= end, what="more has been said")
    await kill(house, log, kills)


MOMENT = {HELD: while_a_call_is_held, FROZEN: while_the_channel_is_frozen, ANYWHERE: anywhere}


async def kill(house: House, log: Logbook, kills: Kills) -> None:
    await house.kill()
    kills.open.append(len(kills.open_now(log)))


async def restart(house: House, log: Logbook, kills: Kills) -> None:
    """The first right thing: a post whose time has come, an attempt, an outcome, or a look for a lost one."""
    kills.born_at, began = log.head, time.monotonic()
    await house.process.start()
    await until(lambda: acted(log, kills.born_at), what="the house acts again")
    kills.first_action_s.append(time.monotonic() - began)
    await house.told()


def acted(log: Logbook, head: int) -> bool:
    return any(fact.name == "post_due" or fact.service == "publisher" for fact in log.facts(head))


# The end.


async def judge(doors: Doors, log: Logbook, lives: int) -> None:
    """Every post is published, the channels' own books show each of them once, and no call went unannounced."""
    each = range(lives * len(DUE_AFTER))
    wanted = {
        channel: Counter(words(account, channel, number) for account in ("acme", "borealis") for number in each)
        for channel in ("linkedin", "x", "blog")
    }

    async def all_published() -> bool:
        counts = await doors.get("/v1/posts/counts")
        assert counts["failed"] == 0, await doors.all_of("/v1/posts?status=failed")
        return counts["published"] == sum(map(Counter.total, wanted.values()))

    await until(all_published, what="every post is published", within=180)
    attempts = Counter(fact.data["connection"].split(".")[1] for fact in log.facts() if fact.name == "attempt_started")
    live: set[str] = set()
    for channel, posts in wanted.items():
        there = await doors.standing(channel)
        assert Counter(plain(post["text"]) for post in there) == posts
        assert len((await doors.books(channel))["items"]) <= attempts[channel]
        live |= {post["id"] for post in there}
    assert Counter(fact.data["channel_post_id"] for fact in log.facts() if fact.name == "post_published") == Counter(
        live
    )


def words(account: str, channel: str, number: int) -> str:
    return f"{account} has {number} things to say on {channel}."


def text_of(story: str) -> str:
    account, _, post = story.partition(".")
    channel, _, number = post.partition("-")
    return words(account, channel, int(number))


def plain(text: str) -> str:
    return text.replace("<p>", "").replace("</p>", "").strip()
