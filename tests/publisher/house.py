"""A publisher alone with its store: the scheduler and the gateway speak by hand, the channels by script."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from events import AccountChanged, AccountDocument, ChannelConnected, Draft, Fact, PostTakenIn, Told
from events.channels import account_of, channel_of
from events.envelope import About
from events.subjects import account_stream, connection_stream, delivery_stream, post_stream
from services.channels.adapter import Credential
from services.channels.outcome import Absent, Delivered
from services.chassis.drain import Drain
from services.chassis.rows import ALARM, Drop, Pick
from services.chassis.store import Append, Conflict, Say
from services.chassis.store_memory import MemoryStore
from services.publisher.lanes import Lanes
from services.publisher.reactions import reactions, rings
from tests.publisher.posts import LINKEDIN, MARKER, NINE, STORY, due


class HandClock:
    """A clock that stands until it is moved; a lease runs with it."""

    def __init__(self, at: datetime) -> None:
        self.at, self._began = at, at

    def now(self) -> datetime:
        return self.at

    def elapsed(self) -> float:
        return (self.at - self._began).total_seconds()

    async def nap(self, seconds: float, *wakes: asyncio.Event) -> None:
        """It stands, so nobody sleeps."""
        await asyncio.sleep(0)


class Channel:
    """Answers in the order of its script, then says yes; `gate` holds every publish until it is opened."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.answers: deque = deque()
        self.looks: deque = deque()
        self.sent: list = []
        self.found: list = []
        self.back_to: list = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.called = asyncio.Event()
        self.in_flight, self.in_flight_max = 0, 0

    async def publish(self, http, credential, wish, *, now):
        self.sent.append((http, wish.text, now))
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        self.called.set()
        try:
            await self.gate.wait()
        finally:
            self.in_flight -= 1
        answer = self.answers.popleft() if self.answers else Delivered(f"{self.name}-{len(self.sent)}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def find(self, http, credential, wish, *, now):
        self.found.append((wish.marker, now))
        self.back_to.append(wish.started_at)
        return self.looks.popleft() if self.looks else Absent()


class House:
    def __init__(self, *connections: str, lanes_max: int = 64) -> None:
        self.clock = HandClock(NINE)
        self.store = MemoryStore(self.clock.now)
        self._ids, self._read = itertools.count(1), 0
        self.locked = False
        self.drain = Drain()
        self.versions: dict[str, int] = {}
        self.channels = {name: Channel(name) for name in map(channel_of, connections)}
        self.http_for: Callable[[str], Any] = lambda name: name
        wiring = {"clock": self.clock, "new_id": self.new_id}
        self.reactions, self.rings = reactions(self.store, **wiring), rings(self.store, **wiring)
        self.lanes = self.more_lanes(lanes_max=lanes_max)
        self.connections = connections

    def more_lanes(self, *, lanes_max: int = 64, holder: str = "here") -> Lanes:
        self.drain = Drain()
        return Lanes(
            self.store, clock=self.clock, new_id=self.new_id, adapters=self.channels,
            http_for=lambda name: self.http_for(name),
            open_credential=self._open, dress=lambda case: (case.due.content.text, None, MARKER),
            lanes_max=lanes_max, holder=holder, drain=self.drain,
        )  # fmt: skip

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    async def _open(self, connection: str) -> Credential | None:
        if self.locked:
            return None
        return Credential(connection, self.versions.get(connection, 3), {"token": "t"})

    async def connected(self) -> House:
        for account in sorted({account_of(each) for each in self.connections}):
            await self.say(account_stream(account), AccountChanged(document=AccountDocument(id=account, zone="UTC")))
        for each in self.connections:
            await self.say(connection_stream(each), ChannelConnected(connection=each, credential_version=3, member="m"))
        return self

    async def say(self, stream: str, *facts: Fact, story: str = "") -> Told:
        after = len(await self.store.read(stream))
        about = About(story=story, actor="test", happened_at=self.clock.now())
        told = await self.store.append(
            Append([Say(stream, after, [Draft(self.new_id(), fact, about) for fact in facts])])
        )
        return told[-1]

    async def due(self, story: str = STORY, connection: str = LINKEDIN, *, round: int = 1, **more: object) -> None:
        """The scheduler took a post in, and its slot has come."""
        fact = due(connection, round=round).model_copy(update={"slot_at": self.clock.now(), **more})
        facts: list[Fact] = [fact]
        if round == 1:
            facts.insert(0, PostTakenIn(post=story.split(".")[1], connection=connection, content=fact.content,
                                        content_hash="a1"))  # fmt: skip
        await self.say(post_stream(story), *facts, story=story)

    async def hear(self) -> None:
        """The inbox: every new fact, in order, each decided again on a conflict."""
        for told in await self.store.tail(self._read):
            reaction = self.reactions.get(type(told.fact))
            while reaction:
                try:
                    if append := await reaction(told):
                        await self.store.append(append)
                    break
                except Conflict:
                    continue
            self._read = told.position

    def has_heard(self, position: int) -> None:
        """Up to here the test has played the inbox itself."""
        self._read = position

    def interrupt(self, before: type[Fact], say: Callable[[], Awaitable[object]]) -> None:
        """Just before the next append that carries such a fact, somebody else is quicker."""
        append = self.store.append

        async def interrupted(asked: Append) -> Sequence[Told]:
            if any(isinstance(each.fact, before) for say in asked.says for each in say.facts):
                self.store.append = append
                await say()
            return await append(asked)

        self.store.append = interrupted

    async def settle(self) -> None:
        """Until nobody has anything to do at this instant."""
        while True:
            before = await self.store.position()
            await self.hear()
            await self.lanes.quiet()
            if await self.store.position() == before and self._read == before and not await self.lanes.in_flight():
                return

    async def until(self, moment: datetime) -> None:
        """Let time pass, ringing each alarm at its instant."""
        await self.settle()
        while alarms := await self.store.pick(Pick(ALARM, upto={"due_at": moment}, order=("due_at",), limit=1)):
            alarm = alarms[0]
            self.clock.at = max(self.clock.at, alarm["due_at"])
            ring = json.loads(alarm["ring"])
            append = await self.rings[ring["ring"]](ring, alarm) or Append()
            gone = Drop(ALARM, {key: alarm[key] for key in ("service", "name", "due_at")})
            await self.store.append(Append(append.says, append.still, append.fence, [*append.rows, gone]))
            await self.settle()
        self.clock.at = moment
        await self.settle()

    async def after(self, passed: timedelta) -> None:
        await self.until(self.clock.at + passed)

    async def story(self, story: str = STORY) -> list[str]:
        """What was said of a post's delivery, by name."""
        return [type(told.fact).__name__ for told in await self.store.read(delivery_stream(story))]

    async def facts(self, story: str = STORY) -> list[Fact]:
        return [told.fact for told in await self.store.read(delivery_stream(story))]

    async def last(self, story: str = STORY) -> Fact:
        return (await self.store.read(delivery_stream(story)))[-1].fact
