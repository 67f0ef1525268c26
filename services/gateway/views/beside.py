"""Views folded from the beginning of the log in processes beside this one: all its cores work, and none of it waits.

*m* Two of them make the queue of a million facts in 7 to 8 s instead of 11 to 12, and a page asked for meanwhile
is there in 20 to 30 ms instead of 60 to 70.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from services.chassis.processes import gone, spawn_asked
from services.chassis.store import StoreError
from services.gateway.views import shares
from services.gateway.views.refolding import PAGE, Share
from services.gateway.views.view import View, by_name

PROCESSES_MAX: Final = 4
"""Each reads the whole log, of which it folds its share: more of them gain little and need their memory."""
WORTH_IT: Final = 50 * PAGE
"""A process takes half a second to start, in which this one folds half as many facts itself."""
MODULE: Final = "services.gateway.views.shares"


class FoldingStopped(StoreError):
    """A process that folded a share gave up, or was ended. Nothing has become of it, and it can be asked for again."""


async def fold_beside(log: str, views: Sequence[View], upto: int, take: Callable[[bytes], Awaitable[None]]) -> None:
    """Everything up to a position; `take` is given the rows as they come, some of one view at a time, marshalled."""
    shares_of = min(os.cpu_count() or 1, PROCESSES_MAX)
    if not any(view.keys is by_name for view in views):
        shares_of = min(shares_of, len(views))
    names = [view.table.name for view in views]
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(shares_of):
                group.create_task(_one(shares.Asked(log, names, upto, *Share(number, shares_of)), take))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None  # the first is what ended the others


async def _one(asked: shares.Asked, take: Callable[[bytes], Awaitable[None]]) -> None:
    child = await spawn_asked(json.dumps(asked._asdict()).encode() + b"\n", sys.executable, "-m", MODULE)
    assert child.stdout is not None  # noqa: S101 - it was spawned so
    try:
        while True:
            kind, size = shares.HEAD.unpack(await child.stdout.readexactly(shares.HEAD.size))
            body = await child.stdout.readexactly(size)
            if kind == shares.DONE:
                await child.wait()
                return
            if kind == shares.STOPPED:
                raise FoldingStopped(f"the views could not be folded from the log: {body.decode()}")
            await take(body)
    except asyncio.IncompleteReadError:
        raise FoldingStopped(
            f"a process that folded the views was ended (by {await child.wait()}); rebuild them again"
        ) from None
    finally:
        await gone(child)
        await child.stdout.read()  # what nobody wants any more; only then is its end of the pipe let go
