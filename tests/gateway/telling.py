"""Saying facts by hand into a store, as the services would: each in its owner's stream, at an instant, in a story."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from events import AccountDocument, Content, Draft, Fact, Slot, Told, Why
from events.channels import account_of, channel_of
from events.envelope import About
from events.gateway import AccountChanged, ChannelConnected, ConnectionListed
from events.publisher import AttemptStarted, PostPublished
from events.scheduler import PostDue, PostScheduled, PostTakenIn
from events.subjects import account_stream, connection_stream, delivery_stream, post_stream
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.store import Append, Say
from services.chassis.store_memory import MemoryStore

HASH = "c0ffee"
OWNERS = {"post": "scheduler", "posting_day": "scheduler", "parked": "scheduler", "stuck": "scheduler",
          "delivery": "publisher", "measurement": "collector", "weights": "collector",
          "engagement": "collector"}  # fmt: skip


class Teller:
    """A store with a voice; whatever is said happens at the clock's now. Without a house it has both to itself."""

    def __init__(self, at: datetime, store: BelledStore | None = None, clock: SteppingClock | None = None) -> None:
        self.clock = clock or SteppingClock(at)
        self.store = store or BelledStore(MemoryStore(self.clock.now))
        self._ids = itertools.count(1)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def new_id(self) -> str:
        return f"told-{next(self._ids)}"

    def wait(self, **time: float) -> datetime:
        self.clock.step_to(self.now + timedelta(**time))
        return self.now

    def until(self, moment: datetime) -> datetime:
        self.clock.step_to(moment)
        return self.now

    async def say(self, stream: str, *facts: Fact, story: str = "", account: str | None = None,
                  channel: str | None = None, actor: str = "", cause: Told | None = None) -> Told:  # fmt: skip
        after = len(await self.store.read(stream))
        actor = actor or OWNERS.get(stream.split("-", 1)[0], "gateway")
        about = About(story, actor, self.now, cause.id if cause else None, account, channel)
        drafts = [Draft(self.new_id(), fact, about) for fact in facts]
        return (await self.store.append(Append([Say(stream, after, drafts)])))[-1]

    async def of_post(self, kind: str, story: str, *facts: Fact, **more: Any) -> Told:
        """Facts of one of a post's own streams."""
        taken_in = (await self.store.read(post_stream(story)) or [None])[0]
        channel = more.pop("channel", None) or (taken_in.about.channel if taken_in else None)
        return await self.say(
            f"{kind}-{story}", *facts, story=story, account=account_of(story), channel=channel, **more
        )

    async def account(self, account: str, zone: str, **choices: Any) -> Told:
        document = AccountDocument(id=account, zone=zone, **choices)
        return await self.say(
            account_stream(account), AccountChanged(document=document), story=account, account=account
        )

    async def connect(self, name: str, **more: Any) -> Told:
        account, channel = account_of(name), channel_of(name)
        about = {"story": name, "account": account, "channel": channel}
        await self.say(account_stream(account), ConnectionListed(connection=name), **about)
        fact = ChannelConnected(connection=name, **{"credential_version": 1, "member": f"urn:{name}", **more})
        return await self.say(connection_stream(name), fact, **about)

    async def take_in(self, story: str, connection: str, text: str = "How it went", **more: Any) -> Told:
        content = Content(text=text, title=more.pop("title", None), link=more.pop("link", None),
                          media=more.pop("media", ()))  # fmt: skip
        fact = PostTakenIn(post=story.split(".")[1], connection=connection, content=content, content_hash=HASH, **more)
        return await self.of_post("post", story, fact, channel=channel_of(connection))

    async def schedule(self, story: str, connection: str, slot: Slot, why: Why | None = None) -> Told:
        why = why or Why(mode="best_practice", window="09:00-12:00", weight=3)
        return await self.of_post("post", story, PostScheduled(connection=connection, slot=slot, why=why))

    async def come_due(self, story: str, *, round: int = 1, tries: int = 0) -> PostDue:
        """As the post stands: the scheduler hands it to the publisher."""
        told = await self.store.read(post_stream(story))
        first = next(each.fact for each in told if isinstance(each.fact, PostTakenIn))
        slot = next((each.fact for each in reversed(told) if isinstance(each.fact, PostScheduled)), None)
        due = PostDue(round=round, connection=first.connection, content=first.content, content_hash=HASH,
                      bucket=first.bucket, campaign=first.campaign, slot_at=slot.slot.at if slot else self.now,
                      tries=tries)  # fmt: skip
        await self.of_post("post", story, due)
        return due

    async def start(self, story: str, due: PostDue, attempt: int, tries: int = 0) -> Told:
        started = AttemptStarted(round=due.round, attempt=attempt, epoch=1, connection=due.connection,
                                 deadline=self.now + timedelta(seconds=20), look_at=self.now + timedelta(seconds=60),
                                 content_hash=HASH, marker=f"dx-{attempt}", tier="B", credential_version=1,
                                 tries=tries)  # fmt: skip
        return await self.of_post("delivery", story, started)

    async def publish(self, story: str, due: PostDue, attempt: int = 1, tries: int = 1, **more: Any) -> Told:
        live = {"channel_post_id": f"urn:li:share:{attempt}{story[-2:]}", "url": f"https://social.example/{story}"}
        fact = PostPublished(round=due.round, attempt=attempt, connection=due.connection, published_at=self.now,
                             content_hash=HASH, marker="dx", bucket=due.bucket, campaign=due.campaign, tries=tries,
                             **{**live, **more})  # fmt: skip
        return await self.of_post("delivery", story, fact)

    async def hear(self, stream: str) -> list[Told]:
        return list(await self.store.read(stream))


def slot(at: datetime, zone: str = "UTC", hours: int = 0, **more: Any) -> Slot:
    """`hours` is the zone's offset at that instant."""
    return Slot(at=at, local=(at + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M"), zone=zone, **more)


__all__ = ["HASH", "Teller", "delivery_stream", "slot"]
