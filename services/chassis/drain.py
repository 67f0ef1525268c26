"""How a process leaves: nothing new begins, what is in hand is finished, and what takes too long is cut (I29, F36).

    working -> draining (asked once: what is in hand has 20 s) -> cut (that is over, or asked again) -> left

A call that is cut is not forgotten: whoever made it is told `Cut`, and writes down that its outcome is unclear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import structlog

IN_HAND_S: Final = 20.0
"""I29: an open call is given 20 seconds, as long as an attempt may last at all."""
WRITING_S: Final = 2.0
"""And this long to write down what became of it."""

log = structlog.get_logger("drain")


class Cut(Exception):
    """The call was ended by us; whether it had reached the other side, nobody knows."""


class Drain:
    """One for each process. `begun` says that nothing new begins; whatever is in hand is `held` until it is done."""

    def __init__(self) -> None:
        self.begun, self._cutting = asyncio.Event(), asyncio.Event()
        self._gone = False
        self._hand: set[asyncio.Task[Any]] = set()
        self._calls: set[asyncio.Task[Any]] = set()
        self._cut: set[asyncio.Task[Any]] = set()

    def ask(self) -> None:
        """To leave; asked again, to hurry."""
        if self.begun.is_set():
            self._cutting.set()
        self.begun.set()

    def holds(self, task: asyncio.Task[Any]) -> None:
        """Begun work that leaving waits for."""
        self._hand.add(task)
        task.add_done_callback(self._hand.discard)

    async def until_begun(self, work: Coroutine[Any, Any, None]) -> None:
        """Work without an end of its own; it is asked to end when the leaving begins, and leaving waits for that."""
        working, asked = asyncio.ensure_future(work), asyncio.ensure_future(self.begun.wait())
        self.holds(working)
        try:
            await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                working.cancel()
                with suppress(asyncio.CancelledError):
                    await working
                return
            await working
        finally:
            asked.cancel()
            working.cancel()
            await asyncio.gather(working, asked, return_exceptions=True)

    @contextmanager
    def call(self) -> Iterator[None]:
        """A call to the outside that may be cut: then `Cut` is raised here, and the task goes on."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a call is made by a task
        if self._cutting.is_set():
            raise Cut("we were leaving before the call was made")
        self._calls.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            task.uncancel()
            raise Cut("we ended the call, because we had to leave") from None
        finally:
            self._calls.discard(task)
            self._cut.discard(task)

    def cut(self, task: asyncio.Task[Any]) -> None:
        """End its call. A task that makes none is left alone: it may be writing down what a call came to."""
        if task in self._calls:
            self._cut.add(task)
            task.cancel()

    async def left(self) -> None:
        """Returns when nothing is in hand any more, or too long has passed for what is; and then at once."""
        if self._gone:
            return
        self.begun.set()
        cutting = asyncio.ensure_future(self._cutting.wait())
        try:
            await self._empty(IN_HAND_S, cutting)
        finally:
            cutting.cancel()
        self._cutting.set()
        for task in [each for each in self._calls if each not in self._cut]:
            log.warning("a call is cut, because we have to leave", work=task.get_name())
            self.cut(task)
        await self._empty(WRITING_S)
        self._gone = True

    async def _empty(self, seconds: float, *ends: asyncio.Task[Any]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._hand and not any(end.done() for end in ends):
                    await asyncio.wait({*self._hand, *ends}, return_when=asyncio.FIRST_COMPLETED)
