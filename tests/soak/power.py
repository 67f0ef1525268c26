"""Power cuts: the log and the broker lie on a disk that forgets whatever was not flushed (G4), and on one whose flush
fails (F19). What a house had acknowledged before is there afterwards, and each post stands once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import nats.errors

from services.sandboxed import Sandbox
from tests.journeys.doors import Doors, approved, until
from tests.journeys.houses import House, doors_of
from tests.journeys.logbook import Logbook
from tests.soak.row import Row, Tried
from tests.volatile import ForgetfulDisk, forgetful_disk

SEED = 20261126
SPEED = 60
ACKNOWLEDGED = (5, 120)
"""The power goes after so many answers of the API."""
POSTS_MAX = 4
"""In each life; a channel takes only so many a day at once."""


@dataclass
class Acknowledged:
    """What somebody was told is done, and by which life."""

    accounts: set[str] = field(default_factory=set)
    posts: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    lives: int = 0


async def power(folder: Path, cuts: int) -> Sequence[Tried]:
    """Half of them while the broker's own files are being written as well."""
    luck, told = random.Random(SEED), Acknowledged()
    with forgetful_disk(folder) as disk:
        async with Sandbox(folder / "sandbox") as sandbox:
            house = House(disk.place, speed=SPEED, sandbox=sandbox.address)
            house.process.log = folder / "up.log"
            try:
                await house.start()
                async with doors_of(house) as doors:
                    await doors.opened("acme", "x", tolerance="P1D")
                for number in range(cuts):
                    async with doors_of(house) as doors:
                        await one_cut(disk, house, doors, told, luck, number)
                    await house.start()
                    look(Logbook(house.data), told, number)
                async with doors_of(house) as doors:
                    return [*kept(told, cuts), *await judged(doors, told)]
            finally:
                await house.leave()


async def one_cut(
    disk: ForgetfulDisk, house: House, doors: Doors, told: Acknowledged, luck: random.Random, number: int
) -> None:
    enough, after = asyncio.Event(), len(told.accounts) + luck.randint(*ACKNOWLEDGED)
    asking = [
        asyncio.create_task(ask(doors, told, f"cut-{number}-{writer}", enough, after)) for writer in range(4)
    ]  # fmt: skip
    approving = asyncio.create_task(approve(doors, told, number))
    await enough.wait()
    disk.power_lost()
    await house.process.end(signal.SIGKILL)
    await asyncio.gather(*asking, approving, return_exceptions=True)
    disk.power_on()


async def ask(doors: Doors, told: Acknowledged, name: str, enough: asyncio.Event, after: int) -> None:
    """One change after the other, each written down here once it is answered as done."""
    turn = 0
    while True:
        account = f"{name}-{turn}"
        try:
            status, _ = await doors.ask("PUT", f"/v1/accounts/{account}", {"id": account, "zone": "UTC"})
        except (aiohttp.ClientError, OSError, TimeoutError):
            return
        if status == 200:
            told.accounts.add(account)
            turn += 1
        if len(told.accounts) >= after:
            enough.set()


async def approve(doors: Doors, told: Acknowledged, number: int) -> None:
    """Production's messages: acknowledged by the broker, which lies on the same disk."""
    try:
        async with doors.broker() as client:
            stream = client.jetstream(timeout=5)
            for turn in range(POSTS_MAX):
                event = approved(f"{number}-{turn}", channel="x", text=f"Post {number}.{turn}.",
                                 exactly_at=(await doors.now()).isoformat())  # fmt: skip
                await stream.publish("production.post_approved", json.dumps(event).encode(), stream="PRODUCTION")
                told.posts[f"acme.{number}-{turn}"] = event["data"]["text"]
    except (nats.errors.Error, aiohttp.ClientError, OSError, TimeoutError):
        return


def look(log: Logbook, told: Acknowledged, number: int) -> None:
    """Is everything that was ever acknowledged in the log?"""
    there = {fact.data["document"]["id"] for fact in log.facts() if fact.name == "account_changed"}
    told.lost += [f"cut {number}: {account} was acknowledged and is gone" for account in sorted(told.accounts - there)]
    told.accounts &= there
    told.lives += 1


def kept(told: Acknowledged, cuts: int) -> list[Tried]:
    return [Tried("I1 nothing acknowledged is lost to a power cut", cuts, len(told.accounts), told.lost)]


async def judged(doors: Doors, told: Acknowledged) -> list[Tried]:
    """The posts the broker had acknowledged: each is in the queue, comes to its end, and stands once."""

    async def all_published() -> bool:
        counts = await doors.get("/v1/posts/counts")
        return counts["published"] >= len(told.posts)

    with contextlib.suppress(AssertionError):  # which ones are missing is said below
        await until(all_published, what="every post is published", within=180)
    there = Counter([post["text"] for post in await doors.standing("x")])
    lost = [f"{story} was acknowledged and stands nowhere" for story, text in told.posts.items() if not there[text]]
    twice = [f"{text!r} stands {count} times" for text, count in there.items() if count > 1]
    return [
        Tried("I1 no post the broker took is lost to a power cut", len(told.posts), len(told.posts), lost),
        Tried("I10 no post stands twice", there.total(), len(there), twice),
    ]


async def flush(folder: Path, rounds: int) -> Sequence[Tried]:
    """The log's flush fails once: the process stops, and nothing it had not flushed was acknowledged."""
    told, stayed = Acknowledged(), list[str]()
    with forgetful_disk(folder) as disk:
        async with Sandbox(folder / "sandbox") as sandbox:
            house = House(disk.place, speed=SPEED, sandbox=sandbox.address)
            house.process.log = folder / "up.log"
            try:
                for number in range(rounds):
                    await house.start()
                    async with doors_of(house) as doors:
                        stayed += await one_failure(disk, house, doors, told, number)
                    disk.power_lost()
                    disk.power_on()
                await house.start()
                look(Logbook(house.data), told, rounds)
            finally:
                await house.leave()
    return [
        Tried("F19 a log that cannot be flushed stops its process", rounds, rounds, stayed),
        Tried("I1 nothing acknowledged is lost to it", rounds, len(told.accounts), told.lost),
    ]


async def one_failure(disk: ForgetfulDisk, house: House, doors: Doors, told: Acknowledged, number: int) -> list[str]:
    asking = asyncio.create_task(ask(doors, told, f"flush-{number}-{uuid.uuid4().hex[:4]}", asyncio.Event(), 10**9))
    before = len(told.accounts)
    await until(lambda: len(told.accounts) >= before + 5, what="some changes are answered")
    disk.fail_the_next_flush()
    try:
        await until(lambda: house.process.code is not None, what="the process has stopped", within=30)
    except AssertionError as stayed:
        return [f"round {number}: {stayed}"]
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    if house.process.code != 1 or "look after its disk" not in house.process.words:
        return [f"round {number}: it ended with {house.process.code}: {house.process.words[-300:]}"]
    return []


ROWS = [Row("power", power, 12), Row("flush", flush, 4)]
