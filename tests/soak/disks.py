"""Disks that are full, and heal: nothing is acknowledged that is not durable, and work goes on by itself (I28, G12).

Everything a house keeps lies on one small disk: its log, its views, its broker's files. The channels live elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nats.errors
import nats.js.errors

from services.sandboxed import Sandbox
from tests.disks import Disk, small_disk
from tests.journeys.doors import PATIENCE_S, Doors, approved, until
from tests.journeys.houses import House, a_house, doors_of
from tests.journeys.logbook import Logbook
from tests.soak.row import Row, Tried

SPEED = 60
DISK_MB = 120
RECOVERED_S = 30.0
"""G12: so soon after there is room everything works again."""
HELD_MS = 4000
CHANNELS = ("x", "linkedin", "blog")


@dataclass
class Fills:
    refused: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    recovered_s: list[float] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)


async def full(folder: Path, rounds: int) -> Sequence[Tried]:
    fills = Fills()
    with small_disk(folder / "disk", DISK_MB) as disk:
        async with (
            Sandbox(folder / "sandbox") as sandbox,
            a_house(disk.place, speed=SPEED, sandbox=sandbox.address) as house,
            doors_of(house) as doors,
        ):
            log = Logbook(house.data)
            await doors.opened("acme", *CHANNELS, tolerance="P1D")
            for number in range(rounds):
                await one_fill(disk, house, doors, log, fills, number)
            return await judged(doors, log, fills, rounds)


async def one_fill(disk: Disk, house: House, doors: Doors, log: Logbook, fills: Fills, number: int) -> None:
    """A call is open and posts are waiting when the room is gone; later somebody makes room."""
    await doors.weather("x", "slow", hold_ms=HELD_MS, times=1)
    later = await queue_up(doors, number)
    await until(lambda: any(fact.data["connection"] == "acme.x" for fact in log.open_attempts().values()),
                what="a call is open")  # fmt: skip
    other = disk.fill()
    await ask_until_refused(doors, fills, number)
    await ask_anyway(doors, fills, later, number)
    sent = f"acme.x-{number}"
    await until(lambda: sent not in log.open_attempts(), what="the open call has its outcome")
    if not any(fact.name == "post_published" for fact in log.facts() if fact.story == sent):
        fills.outcomes.append(f"round {number}: the outcome of the open call was not written while the disk was full")
    other.unlink()
    began = time.monotonic()
    try:
        await until(lambda: is_ready(doors), what="the house is ready again", within=RECOVERED_S)
        await taken_in(doors, far_off(f"after-{number}", await doors.now()))
        await doors.in_status(f"acme.after-{number}", "scheduled")
    except AssertionError:
        fills.slow.append(f"round {number}: still {await not_ready(doors)}; its words: {house.process.words[-500:]}")
    fills.recovered_s.append(time.monotonic() - began)
    if fills.recovered_s[-1] > RECOVERED_S:
        fills.slow.append(f"round {number}: it took {fills.recovered_s[-1]:.1f} s")


async def queue_up(doors: Doors, number: int) -> str:
    """A post for later, which is cancelled while there is no room; then one for now on each channel."""
    later = f"later-{number}"
    await taken_in(doors, far_off(later, await doors.now()))
    await doors.in_status(f"acme.{later}", "scheduled")
    soon = (await doors.now() + timedelta(seconds=30)).isoformat()
    await taken_in(doors, *(
        approved(f"{channel}-{number}", channel=channel, title="A title", text=f"Round {number} on {channel}.",
                 exactly_at=soon)
        for channel in CHANNELS
    ))  # fmt: skip
    return f"acme.{later}"


def far_off(post: str, now: datetime) -> dict[str, Any]:
    return approved(post, channel="x", exactly_at=(now + timedelta(days=2)).isoformat())


async def taken_in(doors: Doors, *events: dict[str, Any]) -> None:
    """A careful producer: what the broker has not acknowledged is said again, and a repeat is silence (S1).

    A broker whose disk was full finds out about a stream of its own only when it is written to next (F17).
    """
    left = {event["id"]: json.dumps(event).encode() for event in events}
    async with asyncio.timeout(PATIENCE_S):
        while left:
            with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError):
                async with doors.broker() as client:
                    stream = client.jetstream(timeout=2)
                    for ident, body in list(left.items()):
                        await stream.publish("production.post_approved", body)
                        del left[ident]


async def not_ready(doors: Doors) -> str | None:
    """What is missing, in its own words."""
    status, said = await doors.ask("GET", "/readyz")
    return said["detail"] if status == 503 else None


async def is_ready(doors: Doors) -> bool:
    return not await not_ready(doors)


async def ask_until_refused(doors: Doors, fills: Fills, number: int) -> None:
    """What begins something is acknowledged while it still fits, and then refused in words."""
    for turn in itertools.count():
        account = f"round-{number}-{turn}"
        status, said = await doors.ask("PUT", f"/v1/accounts/{account}", {"id": account, "zone": "UTC"})
        if status == 200:
            fills.wanted.add(account)
            continue
        if status == 503 and "make room" in said["detail"] and await not_ready(doors):
            return
        fills.refused.append(f"round {number}: a new account was answered {status}: {said}")
        return


async def ask_anyway(doors: Doors, fills: Fills, later: str, number: int) -> None:
    """Reading works, and a cancel."""
    status, _ = await doors.ask("GET", "/v1/posts?limit=5")
    if status != 200:
        fills.refused.append(f"round {number}: reading was answered {status}")
    status, said = await doors.ask("POST", f"/v1/posts/{later}/cancel")
    if status == 200:
        fills.cancelled.add(later)
    else:
        fills.refused.append(f"round {number}: a cancel was answered {status}: {said}")


async def judged(doors: Doors, log: Logbook, fills: Fills, rounds: int) -> list[Tried]:
    expected = Counter(f"Round {number} on {channel}." for number in range(rounds) for channel in CHANNELS)

    async def all_published() -> bool:
        counts = await doors.get("/v1/posts/counts")
        return counts["published"] == expected.total()

    await until(all_published, what="every post is published", within=120)
    there = Counter([plain(post["text"]) for channel in CHANNELS for post in await doors.standing(channel)])
    books = [f"{text!r} stands {there[text]} times" for text in {*there, *expected} if there[text] != 1]
    facts = log.facts()
    cancelled = {fact.story for fact in facts if fact.name == "post_cancelled"}
    accounts = {fact.data["document"]["id"] for fact in facts if fact.name == "account_changed"}
    lost = [f"{name} was acknowledged and is not in the log"
            for name in sorted((fills.cancelled - cancelled) | (fills.wanted - accounts))]  # fmt: skip
    longest = max(fills.recovered_s)
    return [
        Tried("I28 reading and cancelling work", rounds, len(fills.cancelled), fills.refused),
        Tried("I28 nothing acknowledged is lost", rounds, len(fills.cancelled) + len(fills.wanted), lost),
        Tried("F18 the outcome of an open call is written", rounds, rounds, fills.outcomes),
        Tried(f"G12 work goes on within {RECOVERED_S:.0f} s (the longest took {longest:.1f} s)", rounds,
              len(fills.recovered_s), fills.slow),
        Tried("I10 every post stands once", expected.total(), there.total(), books),
    ]  # fmt: skip


def plain(text: str) -> str:
    return text.replace("<p>", "").replace("</p>", "").strip()


ROWS = [Row("full", full, 6)]
