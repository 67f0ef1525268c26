"""Production and its broker: every message at least once, often again, late and out of order, until it is acknowledged.

A message is acknowledged when `Intake.take` has returned; whatever was offered to a process that died or broke is
offered again after the acknowledgement was due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import orjson

from events import PostTakenIn
from events.subjects import parked_stream, post_stream
from services.scheduler.intake import Arrived, Intake
from tests.simulation.life import LIVING, Life
from tests.simulation.plan import Message

if TYPE_CHECKING:
    from tests.simulation.house import House

ACK_WAIT = timedelta(seconds=30)
BATCH_MAX = 20


def body_of(message: Message) -> bytes:
    return message.body if isinstance(message.body, bytes) else orjson.dumps(message.body)


class Broker:
    def __init__(self, house: House, messages: Sequence[Message]) -> None:
        self._house, self._random = house, Random(f"{house.plan.seed} the broker")
        self._waiting: list[Message] = []
        self._offered: dict[str, int] = {}
        self.acknowledged: dict[bytes, Message] = {}
        self.messages = messages
        for message in messages:
            for at in message.delivered_at:
                house.passing.at(at, lambda message=message: self._comes(message))
        self._count_disorder()

    def _count_disorder(self) -> None:
        fired = self._house.faults.fired
        by_sending = sorted(self.messages, key=lambda message: message.sent_at)
        by_arrival = sorted(self.messages, key=lambda message: message.delivered_at[0])
        fired["message_out_of_order"] += by_sending != by_arrival
        for message in self.messages:
            fired["message_malformed"] += not message.fit
            fired["message_late"] += message.delivered_at[0] - message.sent_at > timedelta(hours=1)

    def _comes(self, message: Message) -> None:
        self._waiting.append(message)
        if self._random.random() < 0.8:
            self.offer()
        else:
            self._house.passing.after(timedelta(seconds=self._random.randrange(1, 60)), self.offer)

    def offer(self) -> None:
        """Everything that waits, to a process that is there; a stopped one may well be offered it, too."""
        lives = [life for life in self._house.lives if not life.dead]
        if not self._waiting or not lives:
            if self._waiting:
                self._house.passing.after(ACK_WAIT, self.offer)
            return
        batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
        self._random.shuffle(batch)
        life = self._random.choice(lives)
        for message in batch:
            if self._offered.get(message.name):
                self._house.faults.fired["message_again"] += 1
            self._offered[message.name] = self._offered.get(message.name, 0) + 1
        taken: list[bool] = []
        token = LIVING.set(life)
        try:
            self._house.loop.create_task(self._taken(life, batch, taken))
        finally:
            LIVING.reset(token)
        self._house.passing.after(ACK_WAIT, lambda: self._ack_due(batch, taken))
        if self._waiting:
            self.offer()

    async def _taken(self, life: Life, batch: Sequence[Message], taken: list[bool]) -> None:
        try:
            await life.intake.take([Arrived(body_of(message)) for message in batch])
        except Exception as broken:
            self._house.note(f"{life.name} could not take in {len(batch)} messages: {broken!r}")
            return
        if not life.dead:
            taken.append(True)
            for message in batch:
                self.acknowledged[body_of(message)] = message

    def _ack_due(self, batch: Sequence[Message], taken: list[bool]) -> None:
        if not taken:
            self._house.faults.fired["message_redelivered"] += 1
            self._waiting += batch
            self.offer()

    def lost(self) -> list[str]:
        """Messages that were acknowledged and are neither a post nor parked (I1, S1, S2)."""
        streams = self._house.disk._streams
        return [message.name for body, message in self.acknowledged.items()
                if not (self._is_post(message) or streams.get(parked_stream(body)))]  # fmt: skip

    def _is_post(self, message: Message) -> bool:
        if isinstance(message.body, bytes):
            return False
        data = message.body["data"]
        told = self._house.disk._streams.get(post_stream(f"{data['account']}.{data['post']}"))
        if not told:
            return False
        taken_in = told[0].fact
        return isinstance(taken_in, PostTakenIn) and taken_in.content.text == data["text"]


class Edge:
    """The scheduler's edge, as far as a process knows it: somebody calls its intake."""

    def __init__(self, life: Life, intake: Intake) -> None:
        life.intake = intake

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def in_flight(self) -> str | None:
        return None
