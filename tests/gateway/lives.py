"""Whole logs from one seed: many posts living side by side, so that a view can be folded in many ways and compared.

Every step is one that facts.md allows for a post that stands like that; the interleaving is what the seed decides.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from events import (
    ApprovalAsked,
    ApprovalGiven,
    AttemptFailed,
    AttemptUnclear,
    CancelAsked,
    DeliveryReturned,
    LookedUp,
    MeasurementClosed,
    MeasurementPlanned,
    MessageParked,
    Metrics,
    MetricsCollected,
    OutcomeUnknown,
    PostCancelled,
    PostEdited,
    PostFailed,
    PostHeld,
    RateLimited,
    RetryAsked,
)
from events.production import Content
from events.subjects import asking_stream, parked_stream
from tests.gateway.telling import HASH, Teller, slot

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CONNECTIONS = ("acme.linkedin", "acme.x", "bistro.blog", "bistro.linkedin")
BUCKETS = ("customer-stories", "product", "culture", None)


class Life:
    """One post: each `step` says what comes next, or nothing when it has ended."""

    def __init__(self, teller: Teller, dice: random.Random, story: str, connection: str) -> None:
        self._teller, self._dice, self._story, self._connection = teller, dice, story, connection
        self._phase, self._last, self._attempt, self._tries = "new", None, 0, 0

    async def step(self) -> bool:
        await getattr(self, f"_{self._phase}")()
        return self._phase != "over"

    async def _say(self, kind: str, *facts: Any) -> None:
        await self._teller.of_post(kind, self._story, *facts)

    async def _new(self) -> None:
        gated = self._dice.random() < 0.2
        await self._teller.take_in(self._story, self._connection, f"Text {self._dice.random()} – Grüße\0",
                                   bucket=self._dice.choice(BUCKETS), approval_required=gated)  # fmt: skip
        if gated:
            await self._say("approval", ApprovalAsked(content_hash=HASH))
        self._phase = "gated" if gated else "waiting"

    async def _gated(self) -> None:
        await self._say("approval", ApprovalGiven(content_hash=HASH))
        self._phase = "waiting"

    async def _waiting(self) -> None:
        roll = self._dice.random()
        if roll < 0.1:
            await self._say("post", PostHeld(connection=self._connection, reason="disconnected"))
        elif roll < 0.15:
            await self._say("post", PostCancelled())
            self._phase = "over"
        elif roll < 0.2:
            await self._say("post", PostEdited(content=Content(text="Better words"), content_hash="beef"))
        else:
            at = self._teller.now + timedelta(minutes=self._dice.randint(1, 5000))
            await self._teller.schedule(self._story, self._connection, slot(at))
            self._phase = "scheduled"

    async def _scheduled(self) -> None:
        ask = CancelAsked(post=self._story, body_hash="h")
        if self._dice.random() < 0.1:
            stream = asking_stream("key:anna", self._teller.new_id())
            await self._teller.say(stream, ask, story=self._story, account=self._story.split(".")[0])
        number = self._last.round + 1 if self._last else 1
        self._last = await self._teller.come_due(self._story, round=number, tries=self._tries)
        self._phase = "due"

    async def _due(self) -> None:
        self._attempt += 1
        await self._teller.start(self._story, self._last, self._attempt, self._tries)
        self._phase = "open"

    async def _open(self) -> None:
        here = {"round": self._last.round, "attempt": self._attempt}
        now, roll = self._teller.now, self._dice.random()
        if roll < 0.5:
            await self._published()
        elif roll < 0.65:
            until = now + timedelta(minutes=15)
            await self._say("delivery", RateLimited(**here, connection=self._connection, until=until, code="429",
                                                    told=False))  # fmt: skip
            self._phase = "due"
        elif roll < 0.8:
            self._tries += 1
            again = now + timedelta(minutes=5)
            await self._say("delivery", AttemptFailed(**here, code="503", http_status=503, detail="down",
                                                      tries=self._tries, retry_at=again))  # fmt: skip
            self._phase = "due"
        elif roll < 0.9:
            await self._say("delivery", AttemptUnclear(**here, code="timeout", detail="", answered_at=now, look_at=now))
            self._phase = "unclear"
        else:
            await self._say("delivery", PostFailed(round=self._last.round, kind="content", code="DUP", http_status=422,
                                                   sentence="No.", action="edit", tries=self._tries + 1))  # fmt: skip
            self._phase = "failed"

    async def _unclear(self) -> None:
        here = {"round": self._last.round, "attempt": self._attempt}
        if self._dice.random() < 0.5:
            await self._say("delivery", LookedUp(**here, look=1, found=False, look_again_at=self._teller.now))
        elif self._dice.random() < 0.5:
            await self._published()
        else:
            await self._say("delivery", OutcomeUnknown(**here, evidence="Looked at twice."))
            self._phase = "unknown"

    async def _unknown(self) -> None:
        await self._say("delivery", DeliveryReturned(round=self._last.round, reason="send_again", tries=self._tries))
        self._phase = "waiting"

    async def _failed(self) -> None:
        if self._dice.random() < 0.5:
            self._phase = "over"
            return
        stream = asking_stream("key:anna", self._teller.new_id())
        ask = RetryAsked(post=self._story, body_hash="h")
        await self._teller.say(stream, ask, story=self._story, account=self._story.split(".")[0])
        self._tries, self._phase = 0, "waiting"

    async def _published(self) -> None:
        await self._teller.publish(self._story, self._last, self._attempt, self._tries + 1)
        plan = MeasurementPlanned(connection=self._connection, channel_post_id="1", bucket=self._last.bucket,
                                  published_at=self._teller.now)  # fmt: skip
        await self._say("measurement", plan)
        self._phase = "measured"

    async def _measured(self) -> None:
        metrics = Metrics(impressions=self._dice.randint(0, 10_000), likes=self._dice.randint(0, 99))
        await self._say("measurement", MetricsCollected(window="1h", metrics=metrics),
                        MeasurementClosed(connection=self._connection, metrics=metrics))  # fmt: skip
        self._phase = "over"


async def lives(teller: Teller, *, seed: int, posts: int, prefix: str = "post") -> None:
    """Two accounts, four connections, so many posts, and a parked message now and then."""
    dice = random.Random(seed)
    for account, zone in (("acme", "Europe/Berlin"), ("bistro", "Europe/Lisbon")):
        await teller.account(account, zone, name=account.title())
    for connection in CONNECTIONS:
        await teller.connect(connection)
    waiting = [(f"{prefix}-{number:04}", dice.choice(CONNECTIONS)) for number in range(posts)]
    alive: list[Life] = []
    while alive or waiting:
        teller.wait(seconds=dice.randint(0, 600))
        if waiting and (not alive or dice.random() < 0.3):
            name, connection = waiting.pop()
            alive.append(Life(teller, dice, f"{connection.split('.')[0]}.{name}", connection))
        if dice.random() < 0.02:
            body = dice.randbytes(8)
            parked = MessageParked(code="malformed", reason="no JSON", head="{", bytes=1, sha256="0", subject="s")
            await teller.say(parked_stream(body), parked, account="acme")
        one = dice.choice(alive)
        if not await one.step():
            alive.remove(one)
