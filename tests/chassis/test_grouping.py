"""Who asks at one time is written in one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from services.chassis.grouping import Grouped


async def test_whoever_was_just_answered_asks_in_the_same_group_as_those_who_waited_meanwhile():
    """Two callers out of step would otherwise take turns for ever, a transaction for each of their questions."""
    groups: list[list[str]] = []
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def commit(group: Sequence[str]) -> Sequence[str]:
        groups.append(list(group))
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()
        return group

    grouped: Grouped[str, str] = Grouped(commit, "writer")

    async def asks(*questions: str) -> None:
        for question in questions:
            assert await grouped.ask(question) == question

    early = asyncio.create_task(asks("a1", "a2", "a3"))
    await begun.wait()
    late = asyncio.create_task(asks("b1", "b2"))
    while grouped.pending < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(early, late)
    await grouped.close()
    assert [sorted(group) for group in groups] == [["a1"], ["a2", "b1"], ["a3", "b2"]]
