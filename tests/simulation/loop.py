"""The event loop of one seed: no sockets, no wall clock, and whose turn it is among many is the seed's own choice.

When nobody can go on, the loop asks `idle` to let time pass; an idle house therefore costs nothing, and nothing that
could go on is ever passed over.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

TURNS_AT_ONCE_MAX = 200_000
TURNS_AHEAD = 4
"""Among so many that could go on, the seed picks who does."""


SWEEPS_MAX = 3


class Turn:
    """One callback that waits for its turn; also a timer, when it has a time."""

    __slots__ = ("args", "callback", "context", "gone", "when_at")

    def __init__(self, callback: Any, args: tuple[Any, ...], context: Context, when_at: float) -> None:
        self.callback, self.args, self.context = callback, args, context
        self.when_at, self.gone = when_at, False

    def cancel(self) -> None:
        self.gone = True

    def cancelled(self) -> bool:
        return self.gone

    def when(self) -> float:
        return self.when_at


class Dead(Exception):
    """Nobody can go on, and nothing will ever happen again."""


class Spins(KeyboardInterrupt):
    """Somebody goes on and on without letting time pass. Of the only kind that no task keeps to itself."""


class Loop(asyncio.AbstractEventLoop):
    """`started` is told of every task, so that a process can be ended with all that runs in it."""

    def __init__(self, random: Random, *, shuffled: bool) -> None:
        self._random, self._shuffled = random, shuffled
        self._ready: deque[Turn] = deque()
        self._timers: list[tuple[float, int, Turn]] = []
        self._numbers = itertools.count()
        self._elapsed = 0.0
        self.idle: Callable[[], bool] = lambda: False
        self.started: Callable[[asyncio.Task[Any]], None] = lambda task: None
        self.watched: Callable[[Turn], None] | None = None
        """Told of every turn once it is over, by whoever looks for all places where a task can be interrupted."""
        self.broken: list[dict[str, Any]] = []
        self.turns, self._at_once = 0, 0

    # What asyncio asks of a loop.

    def time(self) -> float:
        return self._elapsed

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        turn = Turn(callback, args, context or copy_context(), 0.0)
        self._ready.append(turn)
        return turn

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self._elapsed + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        turn = Turn(callback, args, context or copy_context(), when)
        heapq.heappush(self._timers, (when, next(self._numbers), turn))
        return turn

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name or "task", context=context)
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # a killed process says no goodbye
        self.started(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.broken.append(context)

    # Time.

    def next_timer(self) -> float | None:
        while self._timers and self._timers[0][2].gone:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def pass_to(self, moment: float) -> None:
        """Timers up to this moment get their turn."""
        self._elapsed = max(self._elapsed, moment)
        while self._timers and self._timers[0][0] <= self._elapsed:
            self._ready.append(heapq.heappop(self._timers)[2])

    def play(self, main: Coroutine[Any, Any, T]) -> T:
        """Until `main` is done. Whoever plays may run a loop of its own, which goes on afterwards."""
        around = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            playing = self.create_task(main)
            while not playing.done():
                if not self._ready:
                    self._at_once = self.turns
                    if not self.idle():
                        raise Dead("nothing waits for anything any more")
                elif self.turns - self._at_once > TURNS_AT_ONCE_MAX:
                    raise Spins(f"{TURNS_AT_ONCE_MAX:,} turns of the loop at one instant")
                self._one_turn()
            return playing.result()
        finally:
            self._sweep()
            asyncio._set_running_loop(around)

    def _sweep(self) -> None:
        """Whatever still waits is ended, and nothing it may want to say is heard."""
        for _ in range(SWEEPS_MAX):
            for task in asyncio.all_tasks(self):
                task.cancel()
            while self._ready:
                self._one_turn()

    def _one_turn(self) -> None:
        ready = self._ready
        if not ready:
            return
        if self._shuffled and len(ready) > 1:
            ahead = int(self._random.random() * min(len(ready), TURNS_AHEAD))
            ready.rotate(-ahead)
            turn = ready.popleft()
            ready.rotate(ahead)
        else:
            turn = ready.popleft()
        if not turn.gone:
            self.turns += 1
            turn.context.run(turn.callback, *turn.args)
            if self.watched is not None:
                self.watched(turn)
