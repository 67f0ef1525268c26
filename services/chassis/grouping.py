"""Group commit: one writer drains whatever concurrent callers have asked for into one transaction (D4).

Commits cost, events do not; nobody waits for a fixed delay, only for those who are at work in the loop already. Each
caller has a future of its own, so a conflict or a failed guard fails only its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

GROUP_MAX = 1000
"""A transaction takes at most so many callers, so that its commit stays a matter of milliseconds."""

TURNS = 3
"""So many turns of the loop a group stays open, so that whoever was just answered, or has just read, asks in it too:
*m* of ten thousand posts due at once 0.23 transactions each instead of 0.31, and 7 % sooner out."""


class Grouped(Generic[Asked, Answered]):
    """`commit` runs in one thread of its own: a group in, one answer or exception for each member out.

    `first` is told of the group before it is written, `then` of the answers before the callers are.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Asked]], Sequence[Answered | Exception]],
        thread: str,
        *,
        first: Callable[[Sequence[Asked]], None] = lambda group: None,
        then: Callable[[Sequence[Asked], Sequence[Answered | Exception]], None] = lambda group, answers: None,
    ) -> None:
        self._commit, self._first, self._then = commit, first, then
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=thread)
        self._waiting: list[tuple[Asked, asyncio.Future[Answered]]] = []
        self._writer: asyncio.Task[None] | None = None
        self.pending = 0

    async def ask(self, asked: Asked) -> Answered:
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        self.pending += 1
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        try:
            # A caller that is cancelled takes back its question alone: what it asked for is written all the same.
            return await answer
        finally:
            self.pending -= 1

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
            members = [asked for asked, _ in group]
            answers: Sequence[Answered | Exception]
            self._first(members)
            try:
                answers = await loop.run_in_executor(self._thread, self._commit, members)
            except Exception as error:
                answers = [error] * len(group)
            self._then(members, answers)
            for (_, answer), answered in zip(group, answers, strict=True):
                if answer.cancelled():
                    continue
                if isinstance(answered, Exception):
                    answer.set_exception(answered)
                    answer.exception()  # a caller that went away leaves nobody to read it
                else:
                    answer.set_result(answered)

    async def close(self) -> None:
        if self._writer is not None:
            await asyncio.gather(self._writer, return_exceptions=True)
        self._thread.shutdown(wait=True)
