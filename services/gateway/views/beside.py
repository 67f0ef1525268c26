"""Views folded from the beginning of the log in processes beside this one: all its cores work, and none of it waits.

*m* Two of them make the queue of a million facts in 7 to 8 s instead of 11 to 12, and a page asked for meanwhile
is there in 20 to 30 ms instead of 60 to 70.
"""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from services.chassis.processes import spawn_asked
from services.chassis.store import StoreError
from services.gateway.views import shares
from services.gateway.views.refolding import PAGE, ROWS_AT_ONCE
from services.gateway.views.view import View, by_name

PROCESSES_MAX: Final = 4
"""Each reads the whole log, of which it folds its share: more of them gain little and need their memory."""
WORTH_IT: Final = 50 * PAGE
"""A process takes half a second to start, in which this one folds half as many facts itself."""
SILENT_S: Final = 60.0
"""It says with every page that it is at work; one that stands still is ended."""


class FoldingStopped(StoreError):
    """A process that folded a share gave up, or was ended; nothing has become of it."""


def cores() -> int:
    """Those we may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


async def fold_beside(log: str, views: Sequence[View], upto: int, take: Callable[[bytes], Awaitable[None]]) -> None:
    """Everything up to a position; `take` is given the rows as they come, some of one view at a time, marshalled.

    Raises FoldingStopped, an OSError where no process can be had, and whatever `take` raises.
    """
    of = min(cores(), PROCESSES_MAX)
    if not any(view.keys is by_name for view in views):
        of = min(of, len(views))
    signs = [shares.sign(view) for view in views]
    asked = [shares.Asked(log, signs, upto, PAGE, ROWS_AT_ONCE, number, of) for number in range(of)]
    children: list[Process] = []
    working = [asyncio.ensure_future(_one(each, children, take)) for each in asked]
    try:
        # No task group: when one of its tasks fails, whoever waits for it counts as cancelled ever after.
        await asyncio.wait(working, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for each in working:
            each.cancel()
        ended = await asyncio.gather(*working, return_exceptions=True)
        await asyncio.gather(*map(_gone, children))
    for each in ended:
        if isinstance(each, Exception):
            raise each


async def _one(asked: shares.Asked, children: list[Process], take: Callable[[bytes], Awaitable[None]]) -> None:
    child = await spawn_asked(shares.__name__, json.dumps(asked._asdict()).encode() + b"\n")
    children.append(child)
    assert child.stdout is not None  # noqa: S101 - it was spawned so
    done = False
    try:
        while not done:
            async with asyncio.timeout(SILENT_S):
                kind, size = shares.HEAD.unpack(await child.stdout.readexactly(shares.HEAD.size))
                body = await child.stdout.readexactly(size)
            if kind == shares.STOPPED:
                raise FoldingStopped(f"the views could not be folded from the log: {body.decode(errors='replace')}")
            if kind == shares.ROWS:
                await take(body)
            done = kind == shares.DONE
        async with asyncio.timeout(SILENT_S):
            await child.stdout.read()
            await child.wait()
    except asyncio.IncompleteReadError:
        raise FoldingStopped("a process that folded the views was ended") from None
    except TimeoutError:
        raise FoldingStopped(f"a process that folded the views said nothing for {SILENT_S:.0f} s") from None


async def _gone(child: Process) -> None:
    assert child.stdout is not None  # noqa: S101 - it was spawned so
    if child.returncode is None:
        child.kill()  # it only reads, so there is nothing that it would have to finish
    await child.stdout.read()  # its end of the pipe is only let go once nothing is left in it
    await child.wait()
