"""The store as one process reaches it: every call may be where it is killed, paused, or left without an answer.

Below lies one `MemoryStore` that outlives every process, as a disk does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from events import Told
from services.chassis.bells import BelledStore
from services.chassis.codec import Line
from services.chassis.rows import Claim, Pick, Row
from services.chassis.store import Append, Conflict, Topics
from services.chassis.store_memory import MemoryStore

if TYPE_CHECKING:
    from tests.simulation.life import Life

T = TypeVar("T")


class LifeStore:
    """A `Store` for one life. Calls take a turn of the loop now and then, so that others may come between."""

    def __init__(self, disk: MemoryStore, life: Life) -> None:
        self._disk, self._life = disk, life

    async def append(self, append: Append) -> Sequence[Told]:
        life = self._life
        drafts = [draft for say in append.says for draft in say.facts]
        said, story = tuple(type(draft.fact).__name__ for draft in drafts), drafts[0].about.story if drafts else ""
        await life.at("append_before", said, story)
        life.house.faults.full()
        before, life.house.writing = life.house.position, life
        try:
            told = await self._disk.append(append)
        except Conflict:
            life.house.refused(before)
            raise
        finally:
            life.house.writing = None
        life.house.acknowledged.update(dict.fromkeys(each.id for each in told))
        await life.at("append_after", said, story)
        return told

    async def claim(self, claim: Claim) -> Sequence[Row]:
        await self._life.at("append_before", ())
        self._life.house.faults.full()
        before = await self._disk.pick(claim.pick)
        rows = await self._disk.claim(claim)
        self._life.house.claimed(self._life, claim, before, rows)
        await self._life.at("append_after", ())
        return rows

    async def read(self, stream: str) -> Sequence[Told]:
        return await self._asked(self._disk.read, stream)

    async def read_all(self, streams: Sequence[str]) -> Sequence[Sequence[Told]]:
        return [await self.read(stream) for stream in streams]

    async def fold(self, stream: str, decider: Any) -> tuple[Any, int]:
        return await self._asked(self._disk.fold, stream, decider)

    async def tail(self, after: int, limit: int = 500) -> Sequence[Told]:
        page = await self._asked(self._disk.tail, after, limit)
        if page:
            self._life.house.was_read(after, page)
        return page

    async def lines(self, after: int, limit: int = 500, without: Topics = ()) -> Sequence[Line]:
        return await self._asked(self._disk.lines, after, limit, without)

    async def position(self) -> int:
        return await self._asked(self._disk.position)

    async def pick(self, pick: Pick) -> Sequence[Row]:
        return await self._asked(self._disk.pick, pick)

    async def close(self) -> None:
        """The disk outlives whoever used it."""

    async def _asked(self, question: Callable[..., Awaitable[T]], *about: Any) -> T:
        life = self._life
        if life.stopped:
            await life.stand_still()
        answer = await question(*about)
        life.house.passing.asked()
        if life.comes_between():
            await asyncio.sleep(0)
            if life.stopped:
                await life.stand_still()
        return answer


class LossyBells(BelledStore):
    """Bells that the seed silences now and then: whoever relies on them wakes a second late, and no worse (D1)."""

    def __init__(self, store: LifeStore, life: Life) -> None:
        super().__init__(store)
        self._life = life

    def ring(self, names: Iterable[str]) -> None:
        if not self._life.house.faults.bell_lost():
            super().ring(names)
