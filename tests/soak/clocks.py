"""A wall clock that jumps, steps and stands still under a running house (I22, G13): while wall and house part by more
than five seconds no attempt starts, readiness says both times, and afterwards each post goes out once."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.chassis.clock import ScaledClock
from services.chassis.rows import READY, Pick
from services.chassis.settings import read_settings
from services.embedded import House
from services.publisher.lanes import Lanes
from tests.journeys.doors import Doors, approved, opened_doors, until
from tests.journeys.logbook import Logbook
from tests.soak.row import Row, Tried

SEED = 20261128
SPEED = 60
JUMPS = tuple(timedelta(seconds=each) for each in (24 * 3600, -24 * 3600, 3600, -3600, 6, -6))
ACCEPTED = (timedelta(seconds=6), timedelta(seconds=-6))
"""What an operator accepts: house time moves along, sixty times as far."""
NO_JUMP = (timedelta(seconds=4), timedelta(seconds=-4))
CHANNELS = ("linkedin", "x", "blog")


@dataclass
class Wall:
    """What the machine shows: right, off by so much, or standing still."""

    off: timedelta = timedelta()
    stands_at: datetime | None = None

    def __call__(self) -> datetime:
        return self.stands_at or datetime.now(UTC) + self.off


@dataclass
class Jumps:
    calls: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    waited: int = 0
    wanted: set[str] = field(default_factory=set)


async def clocks(folder: Path, rounds: int) -> Sequence[Tried]:
    wall, jumps, luck = Wall(), Jumps(), random.Random(SEED)
    settings = read_settings(data_dir=folder / "data", port=0, nats_port=0)
    async with House(settings, clock=ScaledClock(SPEED, wall=wall)) as house:
        up = {"page": house.page, "nats": house.nats, "sandbox": house.sandbox, "api_key": house.api_key}
        async with opened_doors(up) as doors:
            await doors.opened("acme", *CHANNELS, tolerance="P7D")
            log = Logbook(folder / "data")
            for number in range(rounds):
                kind = ("jump", "accepted", "frozen", "no jump")[number % 4]
                await one_round(house, doors, log, wall, jumps, luck, kind, number)
            return [
                Tried("I22 no attempt starts while wall and house have parted", rounds, jumps.waited, jumps.calls),
                Tried("I22 readiness says what both of them show", rounds, rounds, jumps.silent),
                Tried("I22 afterwards the work goes on", rounds, rounds, jumps.stuck),
                *await judged(doors, jumps),
            ]


async def one_round(
    house: House, doors: Doors, log: Logbook, wall: Wall, jumps: Jumps, luck: random.Random, kind: str, number: int
) -> None:
    after = log.head
    await queue_up(house, doors, jumps, number)
    part(wall, kind, luck)
    if kind != "no jump":
        await parted(house, doors, jumps, number)
        head = log.head
        await until(lambda: lanes_had_their_look(house, log, after), what="posts come due meanwhile", within=30)
        jumps.waited += len(due(log, after))
        jumps.calls += [f"round {number}: {fact.story} was sent while the clocks had parted"
                        for fact in log.facts(head) if fact.name == "attempt_started"]  # fmt: skip
    if kind == "accepted":
        await doors.done("POST", "/v1/house/clock/accept")
    elif kind != "no jump":
        wall.off, wall.stands_at = settled(house), None

    async def all_published() -> bool:
        return (await doors.get("/v1/posts/counts"))["published"] == len(jumps.wanted)

    try:
        await until(all_published, what="everything has gone out")
    except AssertionError as stuck:
        jumps.stuck.append(f"round {number} ({kind}): {stuck}")


def settled(house: House) -> timedelta:
    """So far off is a wall that agrees with the house again: an operator has set it right."""
    assert isinstance(house.clock, ScaledClock)
    return house.clock.walls()[1] - datetime.now(UTC)


def part(wall: Wall, kind: str, luck: random.Random) -> None:
    match kind:
        case "jump":
            wall.off += luck.choice(JUMPS)
        case "accepted":
            wall.off += luck.choice(ACCEPTED)
        case "frozen":
            wall.stands_at = wall()
        case _:
            wall.off += luck.choice(NO_JUMP)


async def parted(house: House, doors: Doors, jumps: Jumps, number: int) -> None:
    """Readiness is red, and says what the wall shows and what the house goes by."""
    said = ""

    async def red() -> bool:
        nonlocal said
        status, body = await doors.ask("GET", "/readyz")
        said = body["detail"] if status == 503 else ""
        return "the wall shows" in said and "the house goes by" in said

    with contextlib.suppress(AssertionError):
        await until(red, what="readiness is red", within=20)
    assert isinstance(house.clock, ScaledClock)
    shown, taken = house.clock.walls()
    if f"{shown:%F %H}" not in said or f"{taken:%F %H}" not in said:
        jumps.silent.append(f"round {number}: readiness said {said!r}, the wall shows {shown}, the house {taken}")


async def queue_up(house: House, doors: Doors, jumps: Jumps, number: int) -> None:
    """Due in eight seconds of ours, by when a wall that stands still has parted as well."""
    at = (house.clock.now() + timedelta(seconds=8 * SPEED)).isoformat()
    events = [
        approved(f"{channel}-{number}", channel=channel, title="A title", text=f"Round {number} on {channel}.",
                 exactly_at=at)
        for channel in CHANNELS
    ]  # fmt: skip
    await doors.approve(*events)
    jumps.wanted |= {event["data"]["text"] for event in events}
    for channel in CHANNELS:
        await doors.in_status(f"acme.{channel}-{number}", "scheduled", "queued", "published")


async def lanes_had_their_look(house: House, log: Logbook, after: int) -> bool:
    """Every post that is due waits in its line, and the lanes have looked for work; or something was sent."""
    came = len(due(log, after))
    waiting = await house.store.pick(Pick(READY))
    lanes = next(part for part in house.services["publisher"].parts if isinstance(part, Lanes))
    await lanes.step()
    return came == len(CHANNELS) and (len(waiting) == came or bool(lanes.busy or not waiting))


def due(log: Logbook, after: int) -> list[str]:
    return [fact.story for fact in log.facts(after) if fact.name == "post_due"]


async def judged(doors: Doors, jumps: Jumps) -> list[Tried]:
    there = Counter([plain(post["text"]) for channel in CHANNELS for post in await doors.standing(channel)])
    wrong = [f"{text!r} stands {there[text]} times" for text in {*jumps.wanted, *there} if there[text] != 1]
    return [Tried("I10 every post stands once", len(jumps.wanted), there.total(), wrong)]


def plain(text: str) -> str:
    return text.replace("<p>", "").replace("</p>", "").strip()


ROWS = [Row("clocks", clocks, 12)]
