"""A store that rings in its own process: whoever waits for facts, alarms or a free line wakes with the append.

A bell only wakes; what there is to do is always a query on the store, so a bell that is missed costs a second (D1).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from events import Told
from services.chassis.codec import Line
from services.chassis.rows import ALARM, Claim, Pick, Put, Row, Write
from services.chassis.sparing import StoreBroken
from services.chassis.store import Append, Store, Topics

FACTS = "facts"
"""The bell that rings for every append with facts; every other bell is called after the table it rings for."""


def bell_of_alarms(service: str) -> str:
    """The bell for one service's alarms: nobody need look whether another's have changed."""
    return f"{ALARM.name}.{service}"


def _bell_for(write: Write) -> str:
    if write.table is not ALARM:
        return write.table.name
    service = (write.row if isinstance(write, Put) else write.where).get("service")
    return bell_of_alarms(service) if isinstance(service, str) else ALARM.name


class BelledStore:
    """The store it is given, with bells. `pending` counts what was asked for and is not answered yet."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bells: dict[str, list[asyncio.Event]] = defaultdict(list)
        self.pending = 0
        self.broke = asyncio.Event()
        """The log cannot be written any more: its process is to stop (F19)."""

    @property
    def trouble(self) -> str | None:
        """What the store says is wrong with its disk."""
        return getattr(self._store, "trouble", None)

    def bell(self, *names: str) -> asyncio.Event:
        """An event that is set whenever facts or rows of one of these tables were written; whoever waits clears it."""
        bell = asyncio.Event()
        for name in names:
            self._bells[name].append(bell)
        return bell

    def let_go(self, bell: asyncio.Event) -> None:
        """Whoever waited once gives the bell back."""
        for bells in self._bells.values():
            if bell in bells:
                bells.remove(bell)

    def ring(self, names: Iterable[str]) -> None:
        for name in names:
            for bell in self._bells[name]:
                bell.set()

    async def append(self, append: Append) -> Sequence[Told]:
        self.pending += 1
        try:
            told = await self._store.append(append)
        except StoreBroken:
            self.broke.set()
            raise
        finally:
            self.pending -= 1
        # In the order of the rows, so that whoever wakes first wakes first in every run of the same seed.
        self.ring(dict.fromkeys([*map(_bell_for, append.rows), *([FACTS] if told else [])]))
        return told

    async def claim(self, claim: Claim) -> Sequence[Row]:
        self.pending += 1
        try:
            return await self._store.claim(claim)
        except StoreBroken:
            self.broke.set()
            raise
        finally:
            self.pending -= 1

    async def read(self, stream: str) -> Sequence[Told]:
        return await self._store.read(stream)

    async def read_all(self, streams: Sequence[str]) -> Sequence[Sequence[Told]]:
        return await self._store.read_all(streams)

    async def fold(self, stream: str, decider: Any) -> tuple[Any, int]:
        return await self._store.fold(stream, decider)

    async def tail(self, after: int, limit: int = 500) -> Sequence[Told]:
        return await self._store.tail(after, limit)

    async def lines(self, after: int, limit: int = 500, without: Topics = ()) -> Sequence[Line]:
        return await self._store.lines(after, limit, without)

    async def position(self) -> int:
        return await self._store.position()

    async def pick(self, pick: Pick) -> Sequence[Row]:
        return await self._store.pick(pick)

    async def close(self) -> None:
        await self._store.close()
