"""kill -9 of the whole house, ten times, in the middle of everything: nothing is sent twice and nothing is lost
(I1, I10, I12, G3, F1 to F3). The simulated channels are a process of their own and keep their own books."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.chassis.processes import read_record
from tests.journeys.doors import Doors, approved, until
from tests.journeys.houses import House, a_house, doors_of
from tests.journeys.logbook import Logbook, Said

SEED = 20261124
SPEED = 60
"""A second of ours is a minute of the house."""
CONNECTIONS = [(account, channel) for account in ("acme", "borealis") for channel in ("linkedin", "x", "blog")]
POSTS_EACH = 20
APART = timedelta(minutes=4)
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
    """How many attempts of this life were open when the house was killed, and how soon it acted afterwards."""

    born_at: int = 0
    open: list[int] = field(default_factory=list)
    created: int = 0
    first_action_s: list[float] = field(default_factory=list)

    def told(self) -> str:
        measured = ", ".join(f"{seconds:.1f}" for seconds in self.first_action_s)
        return f"open attempts {self.open}, objects already there {self.created}, first action after s: {measured}"


async def test_ten_kills_under_weather_and_every_post_stands_once(tmp_path):
    """Three times while the channel holds an answer back, twice while it is frozen, five times anywhere."""
    luck, kills = random.Random(SEED), Kills()
    moments = luck.sample(MOMENTS, len(MOMENTS))
    async with a_house(tmp_path, speed=SPEED) as house:
        log = Logbook(house.data)
        async with doors_of(house) as doors:
            await queue_up(doors)
        for moment in moments:
            async with doors_of(house) as doors:
                await turn_the_weather(doors, luck)
                await MOMENT[moment](house, doors, log, luck, kills)
            await restart(house, log, kills)
        async with doors_of(house) as doors:
            await judge(doors, log)
    print(kills.told())
    assert sum(map(bool, kills.open)) >= 3
    assert kills.created >= 1
    assert max(kills.first_action_s) <= FIRST_ACTION_S


async def queue_up(doors: Doors) -> None:
    """A post a connection every four minutes of the house; exactly at, so that it goes out at whatever hour it is."""
    for account in ("acme", "borealis"):
        await doors.opened(account, "linkedin", "x", "blog", tolerance="P1D")
    start = await doors.now() + timedelta(minutes=2)
    events = [
        approved(f"{channel}-{number:02}", account=account, channel=channel, title="A title",
                 text=f"{account} has {number} things to say on {channel}.",
                 exactly_at=(start + number * APART + timedelta(seconds=10 * place)).isoformat())
        for number in range(POSTS_EACH)
        for place, (account, channel) in enumerate(CONNECTIONS)
    ]  # fmt: skip
    await doors.approve(*events)
    await until(lambda: all_taken_in(doors, len(events)), what="all posts are taken in")


async def all_taken_in(doors: Doors, count: int) -> bool:
    return sum((await doors.get("/v1/posts/counts")).values()) == count


async def turn_the_weather(doors: Doors, luck: random.Random) -> None:
    account, channel = luck.choice(CONNECTIONS)
    kind, how = luck.choice(SKY)
    await doors.weather(channel, kind, account=account, **how)


# The moments.


async def while_a_call_is_held(house: House, doors: Doors, log: Logbook, luck: random.Random, kills: Kills) -> None:
    """The object is there, the answer is on its way, and nobody will ever read it (F3)."""
    account, channel = luck.choice(CONNECTIONS)
    await doors.weather(channel, "slow", account=account, hold_ms=60_000, times=1)

    async def created_and_open() -> list[Said] | None:
        there = {post["text"] for post in await doors.standing(channel)}
        mine = [each for each in log.open_attempts().values() if each.data["connection"] == f"{account}.{channel}"]
        return [each for each in mine if any(text_of(each.story) in text for text in there)] or None

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
        await until(lambda: log.open_attempts(), what="an attempt has started at a frozen channel")
        await kill(house, log, kills)
    finally:
        os.kill(sandbox.pid, signal.SIGCONT)


async def anywhere(house: House, doors: Doors, log: Logbook, luck: random.Random, kills: Kills) -> None:
    """After so many more facts, whatever they are."""
    end = log.head + luck.randint(1, 12)
    await until(lambda: log.head >= end, what="more has been said")
    await kill(house, log, kills)


MOMENT = {HELD: while_a_call_is_held, FROZEN: while_the_channel_is_frozen, ANYWHERE: anywhere}


async def kill(house: House, log: Logbook, kills: Kills) -> None:
    await house.kill()
    kills.open.append(sum(each.position > kills.born_at for each in log.open_attempts().values()))


async def restart(house: House, log: Logbook, kills: Kills) -> None:
    """The first right thing: a post whose time has come, an attempt, an outcome, or a look for a lost one."""
    kills.born_at, began = log.head, time.monotonic()
    await house.process.start()
    await until(lambda: acted(log, kills.born_at), what="the house acts again")
    kills.first_action_s.append(time.monotonic() - began - waited_for_a_core(house.process.pid))
    await house.told()


def acted(log: Logbook, head: int) -> bool:
    return any(fact.name == "post_due" or fact.service == "publisher" for fact in log.facts(head))


def waited_for_a_core(pid: int) -> float:
    """Seconds in which it could have run and others did: a busy machine is not the house's fault."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


# The end.


async def judge(doors: Doors, log: Logbook) -> None:
    """Every post is published, the channels' own books show each of them once, and no call went unannounced."""

    async def all_published() -> bool:
        return (await doors.get("/v1/posts/counts"))["published"] == POSTS_EACH * len(CONNECTIONS)

    await until(all_published, what="every post is published", within=180)
    calls = Counter(fact.data["connection"] for fact in log.facts() if fact.name == "attempt_started")
    for channel in ("linkedin", "x", "blog"):
        there = Counter(plain(post["text"]) for post in await doors.standing(channel))
        wanted = [f"{account} has {number} things to say on {channel}." for account in ("acme", "borealis")
                  for number in range(POSTS_EACH)]  # fmt: skip
        assert there == Counter(wanted)
        assert len((await doors.books(channel))["items"]) <= sum(
            calls[f"{account}.{channel}"] for account in ("acme", "borealis")
        )
    live = {post["id"] for channel in ("linkedin", "x", "blog") for post in await doors.standing(channel)}
    told = [fact.data["channel_post_id"] for fact in log.facts() if fact.name == "post_published"]
    assert Counter(told) == Counter(live)


def text_of(story: str) -> str:
    account, _, post = story.partition(".")
    channel, _, number = post.partition("-")
    return f"{account} has {int(number)} things to say on {channel}."


def plain(text: str) -> str:
    return text.replace("<p>", "").replace("</p>", "").strip()
