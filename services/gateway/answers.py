"""Waiting for the facts that answer asks: one ear for all who wait, so that waiting costs nobody who works.

The answer to an ask is the last fact whose cause it is. What was said before somebody began to wait is found in the
streams where it can stand; what is said from then on is heard in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from events import Told
from events.subjects import answer_stream
from services.chassis.bells import FACTS, BelledStore
from services.chassis.clock import Clock
from services.chassis.store import StoreError

ANSWER_S = 5.0
"""D18: how long a request waits for the fact that answers it; after that it is *asked*, which promises nothing."""
LOOK_EVERY_S = 0.25
"""The fallback when the owner decides in another process, where no bell of ours rings."""
PAGE = 500

log = structlog.get_logger("answers")


class Answers:
    def __init__(self, store: BelledStore, *, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._bell = store.bell(FACTS)
        self._somebody = asyncio.Event()
        self._waiting: dict[str, list[Waiter]] = {}
        self._position = 0

    async def run(self) -> None:
        """Asleep while nobody waits."""
        while True:
            await self._clock.wait(None, self._somebody)
            self._bell.clear()
            try:
                await self._listen()
            except (StoreError, OSError) as broken:
                log.error("answers cannot be heard", fault=type(broken).__name__)
            if not self._waiting:
                self._somebody.clear()
                continue
            await self._clock.nap(LOOK_EVERY_S, self._bell)

    async def _listen(self) -> None:
        while self._waiting and (page := await self._store.tail(self._position, PAGE)):
            for told in page:
                for waiter in self._waiting.get(told.about.cause or "", ()):
                    waiter.hear(told)
            self._position = page[-1].position

    async def to(self, asks: Mapping[str, Told], streams: Callable[[Told], Sequence[str]]) -> Mapping[str, Told]:
        """By the id of its ask, every answer that is there within five seconds."""
        until = self._clock.elapsed() + ANSWER_S
        here = await self._store.position()
        waiter = Waiter(set(asks))
        self._join(waiter, here)
        try:
            for ask in asks.values():
                if told := await self._said(ask, streams(ask)):
                    waiter.hear(told)
            while waiter.open and (left := until - self._clock.elapsed()) > 0:
                await self._clock.nap(left, waiter.done)
            return waiter.heard
        finally:
            self._leave(waiter)

    def _join(self, waiter: Waiter, here: int) -> None:
        """Whoever is first moves the ear up to where the log ends now; everything later is heard."""
        if not self._waiting:
            self._position = here
        for ask in waiter.open:
            self._waiting.setdefault(ask, []).append(waiter)
        self._somebody.set()

    def _leave(self, waiter: Waiter) -> None:
        for ask in waiter.asked:
            others = [each for each in self._waiting[ask] if each is not waiter]
            if others:
                self._waiting[ask] = others
            else:
                del self._waiting[ask]

    async def _said(self, ask: Told, streams: Sequence[str]) -> Told | None:
        """A refusal comes first, because then there is nothing else."""
        for stream in (answer_stream(ask.id), *streams):
            for told in reversed(await self._store.read(stream)):
                if told.about.cause == ask.id:
                    return told
                if told.position < ask.position:
                    break
        return None


class Waiter:
    """Somebody who waits for the answers to some asks."""

    def __init__(self, asks: set[str]) -> None:
        self.asked, self.open = frozenset(asks), asks
        self.heard: dict[str, Told] = {}
        self.done = asyncio.Event()
        if not asks:
            self.done.set()

    def hear(self, told: Told) -> None:
        """The last fact an ask brought about counts: they are said in one append."""
        ask = told.about.cause or ""
        if ask in self.heard and self.heard[ask].position > told.position:
            return
        self.heard[ask] = told
        self.open.discard(ask)
        if not self.open:
            self.done.set()
