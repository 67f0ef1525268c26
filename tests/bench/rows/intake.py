"""Intake: Production's messages fetched, validated, planned, appended with their slots and alarms, acknowledged.

A campaign gives an account five posts on each of four channels; three campaigns of 40 accounts each lie in the queue.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nats

from events import AccountChanged, AccountDocument, ChannelConnected, ConnectionListed, Draft, Fact
from events.envelope import About
from events.subjects import POST_APPROVED, account_stream, connection_stream
from services.chassis.bells import BelledStore
from services.chassis.broker import Broker
from services.chassis.clock import RealClock
from services.chassis.incarnation import origin_of
from services.chassis.store import Append, Say, Store
from services.chassis.store_sqlite import SqliteStore
from services.chassis.topology import Topology
from services.scheduler.edge import BATCH, Edge
from services.scheduler.intake import Arrived, Intake
from services.system import new_id
from tests.bench.limits import intake as bare
from tests.bench.table import Row

ACCOUNTS, CHANNELS, POSTS, TURNS = 40, ("linkedin", "x", "facebook", "blog"), 5, 3
TEXT = "How Acme halved its returns: what the team changed, in which order, and what it would do again. " * 2


def bodies() -> list[bytes]:
    """2400 CloudEvents, campaign by campaign."""
    return [
        _body(f"account-{account}", channel, f"spring-{turn}-{post}-{channel}")
        for turn, account, channel, post in itertools.product(range(TURNS), range(ACCOUNTS), CHANNELS, range(POSTS))
    ]


def _body(account: str, channel: str, post: str) -> bytes:
    data = {"post": post, "account": account, "channel": channel, "connection": None, "bucket": "customer-stories",
            "campaign": "spring", "title": None, "text": TEXT, "link": "https://acme.example/stories/42", "media": [],
            "not_before": None, "exactly_at": None}  # fmt: skip
    return json.dumps({"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/production",
                       "type": "production.post_approved", "time": "2026-11-23T08:00:00Z",
                       "datacontenttype": "application/json", "data": data}).encode()  # fmt: skip


async def set_up(store: Store, clock: RealClock, accounts: int) -> None:
    """So many accounts, each connected to every channel."""
    for number in range(accounts):
        name = f"account-{number}"
        about = About("", "bench", clock.now(), None, name)
        connections = [f"{name}.{channel}" for channel in CHANNELS]
        listed = [AccountChanged(document=AccountDocument(id=name, zone="Europe/Berlin")),
                  *(ConnectionListed(connection=each) for each in connections)]  # fmt: skip
        says = [_say(account_stream(name), listed, about)] + [
            _say(connection_stream(each), [ChannelConnected(connection=each, credential_version=1, member="m")], about)
            for each in connections
        ]
        await store.append(Append(says))


def _say(stream: str, facts: Sequence[Fact], about: About) -> Say:
    return Say(stream, 0, [Draft(uuid.uuid4().hex, fact, about) for fact in facts])


class Timed:
    """The intake, with a watch: it starts when the first batch has been taken in, because the edge was starting."""

    def __init__(self, intake: Intake, wanted: int) -> None:
        self._intake, self._wanted = intake, wanted
        self._first = self._taken = 0
        self._started = self.rate = 0.0
        self.done = asyncio.Event()

    async def take(self, arrived: Sequence[Arrived]) -> None:
        await self._intake.take(arrived)
        self._taken += len(arrived)
        if not self._first:
            self._first, self._started = self._taken, time.perf_counter()
        if self._taken == self._wanted:
            self.rate = (self._taken - self._first) / (time.perf_counter() - self._started)
            self.done.set()


async def ours(place: Path) -> float:
    """Messages a second."""
    clock = RealClock()
    store = BelledStore(SqliteStore(place / "log.db", clock.now))
    await set_up(store, clock, ACCOUNTS)
    timed = Timed(Intake(store, clock=clock, new_id=new_id), len(bodies()))
    async with Broker(place / "nats", port=0) as broker:
        await _produce(broker.url, bodies())
        edge: Any = Edge(broker.url, timed, clock=clock, origin=lambda: origin_of(store))
        running = asyncio.create_task(edge.run())
        await asyncio.wait_for(timed.done.wait(), 120)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    slots = [told for told in await store.tail(0, 100_000) if told.fact.type == "scheduler.post_scheduled"]
    await store.close()
    if len(slots) != len(bodies()):
        raise RuntimeError(f"{len(slots)} posts got a slot")
    return timed.rate


async def _produce(address: str, made: Sequence[bytes]) -> None:
    client = await nats.connect(address)
    await Topology(client).ensure()
    for body in made[:-1]:
        await client.publish(POST_APPROVED, body)
    await client.jetstream().publish(POST_APPROVED, made[-1], timeout=60)
    await client.close()


async def bare_takes(place: Path) -> float:
    return await bare.takes(place, bodies(), BATCH)


ROWS = [Row("intake, x bare fetch + validate + executemany", ours, bare_takes, 0.4, "messages/s")]
