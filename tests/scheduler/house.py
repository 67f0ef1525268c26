"""A scheduler alone with its store: Production, the gateway and the publisher speak by hand, time is stepped."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from events import (
    AccountChanged,
    AccountDocument,
    ChannelConnected,
    ChannelDisconnected,
    ConnectionListed,
    Draft,
    Fact,
    PostScheduled,
    Told,
)
from events.channels import account_of
from events.envelope import About
from events.subjects import (
    account_stream,
    answer_stream,
    connection_stream,
    delivery_stream,
    post_stream,
    story_of,
)
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.rows import ALARM, WAITING, Pick, Row
from services.chassis.service import Chassis
from services.chassis.store import Append, Say
from services.chassis.store_memory import MemoryStore
from services.scheduler import app
from services.scheduler.intake import Arrived, Intake
from tests.scheduler.posts import ACME, LINKEDIN, MONDAY


def message(post: str = "spring-042", account: str = ACME, channel: str = "linkedin", **data: Any) -> dict[str, Any]:
    """Production's CloudEvent, as interfaces.md shows it."""
    content = {"post": post, "account": account, "channel": channel, "text": "How Acme halved its returns", **data}
    return {"specversion": "1.0", "id": f"event-{account}-{post}", "source": "/production",
            "type": "production.post_approved", "data": content}  # fmt: skip


class ByHand:
    """In NATS's place: the test hands messages in itself."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    async def run(self) -> None:
        return None

    async def in_flight(self) -> str | None:
        return None


class House:
    """With `before` it is the same house started anew: the store has stayed, whatever was in memory has not."""

    def __init__(self, at: datetime = MONDAY, *, before: House | None = None) -> None:
        self.clock = before.clock if before else SteppingClock(at)
        self.store = before.store if before else BelledStore(MemoryStore(self.clock.now))
        self._ids = before._ids if before else itertools.count(1)
        self.service = app.build(Chassis(self.store, self.clock, self.new_id), edge=ByHand)
        *_, edge = self.service.parts
        assert isinstance(edge, ByHand)
        self.intake = edge.intake

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    # What others say.

    async def account(self, name: str = ACME, **choices: Any) -> None:
        document = AccountDocument(id=name, **{"zone": "UTC", **choices})
        await self.say(account_stream(name), AccountChanged(document=document), account=name)

    async def connect(self, *connections: str, **more: Any) -> None:
        """The gateway lists a connection with its first grant."""
        for name in connections:
            listed = [told.fact for told in await self.store.read(account_stream(account_of(name)))]
            if ConnectionListed(connection=name) not in listed:
                await self.say(account_stream(account_of(name)), ConnectionListed(connection=name))
            fact = ChannelConnected(connection=name, credential_version=1, member="m", **more)
            await self.say(connection_stream(name), fact, account=account_of(name))

    async def disconnect(self, connection: str = LINKEDIN) -> None:
        fact = ChannelDisconnected(connections=(connection,), reason="expired")
        await self.say(connection_stream(connection), fact, account=account_of(connection))

    async def say(self, stream: str, *facts: Fact, story: str = "", account: str | None = None) -> Told:
        after = len(await self.store.read(stream))
        about = About(story, "test", self.clock.now(), None, account)
        told = await self.store.append(
            Append([Say(stream, after, [Draft(self.new_id(), fact, about) for fact in facts])])
        )
        return told[-1]

    async def deliver(self, post: str, *facts: Fact) -> None:
        """The publisher says something of a delivery, and the scheduler hears it."""
        story = story_of(ACME, post)
        await self.say(delivery_stream(story), *facts, story=story, account=ACME)
        await self.settle()

    async def ask(self, fact: Any) -> Told:
        """A person asks; the answer is whatever has the ask as its cause."""
        told = await self.say(f"asking-{self.new_id()}", fact, story=story_of(ACME, fact.post), account=ACME)
        await self.settle()
        return told

    async def send(self, *messages: dict[str, Any]) -> None:
        await self.intake.take([Arrived(json.dumps(each).encode()) for each in messages])
        await self.settle()

    async def take(self, *posts: str) -> None:
        """They are taken in, and nobody has heard yet what was said before."""
        await self.intake.take([Arrived(json.dumps(message(each)).encode()) for each in posts])

    def interrupt(self, before: type[Fact], say: Callable[[], Awaitable[object]]) -> None:
        """Just before the next append that carries such a fact, somebody else is quicker."""
        append = self.store.append

        async def interrupted(asked: Append) -> Sequence[Told]:
            if any(isinstance(each.fact, before) for said in asked.says for each in said.facts):
                self.store.append = append
                await say()
            return await append(asked)

        self.store.append = interrupted

    # Time.

    async def settle(self) -> None:
        """Until nobody has anything to do at this instant."""
        while await self.service.in_flight():
            await self.service.inbox.catch_up()
            await self.service.alarms.quiet()

    async def until(self, moment: datetime) -> None:
        """Let time pass, stopping at each alarm."""
        await self.settle()
        while (due := await self.service.alarms.next_due()) and due <= moment:
            self.clock.step_to(due)
            await self.settle()
        self.clock.step_to(moment)
        await self.settle()

    async def after(self, passed: timedelta) -> None:
        await self.until(self.clock.now() + passed)

    # What became of it.

    async def post(self, post: str = "spring-042", account: str = ACME) -> list[Fact]:
        return [told.fact for told in await self.store.read(post_stream(story_of(account, post)))]

    async def story(self, post: str = "spring-042", account: str = ACME) -> list[str]:
        """What was said of a post, by name."""
        return [type(fact).__name__ for fact in await self.post(post, account)]

    async def last(self, post: str = "spring-042", account: str = ACME) -> Any:
        return (await self.post(post, account))[-1]

    async def decided(self, post: str = "spring-042", account: str = ACME) -> PostScheduled:
        """The slot a post was given last, and why."""
        return [fact for fact in await self.post(post, account) if isinstance(fact, PostScheduled)][-1]

    async def slots(self, *posts: str) -> list[str]:
        return [(await self.decided(post)).slot.local for post in posts]

    async def answer(self, ask: Told) -> Any:
        """The no to an ask, if there is one."""
        told = await self.store.read(answer_stream(ask.id))
        return told[0].fact if told else None

    async def caused_by(self, ask: Told) -> list[str]:
        return [type(told.fact).__name__ for told in await self.everything() if told.about.cause == ask.id]

    async def everything(self) -> Sequence[Told]:
        return await self.store.tail(0, 1_000_000)

    async def said(self, kind: type[Fact]) -> list[Any]:
        return [told.fact for told in await self.everything() if type(told.fact) is kind]

    async def alarms(self) -> list[str]:
        return sorted(str(row["name"]) for row in await self.store.pick(Pick(ALARM)))

    async def waiting(self) -> Sequence[Row]:
        return await self.store.pick(Pick(WAITING, order=("turn",)))
