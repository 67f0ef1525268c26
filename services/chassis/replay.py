"""Facts of the log once more, for whoever missed them or wants to look: by position, time, account and type (S47).

It reads the log and writes to its target, and that is all it can reach: no channel is called, no mail sent, no post
changed, and nothing of it comes by on `distribution.>`, so that nobody takes it for news (I8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from nats.aio.client import Client

from events import EVERY_FACT, Told
from events.subjects import REPLAY, replay_subject_of
from events.wire import on_the_wire
from services.chassis.batches import BATCH_MAX, in_batches, publish_batch
from services.chassis.link import AWAY
from services.chassis.store import Store

PAGE: Final = BATCH_MAX
PAGES_AT_ONCE: Final = 20
"""So many pages of the log are looked through for one answer, however little of what is asked for is there."""
_ID = re.compile(r"[a-z0-9-]{1,64}")


class ReplayWrong(ValueError):
    """What was asked for cannot be; names the field and the mend."""


class ReplayStopped(Exception):
    """The target or the log went away in the middle; names where to go on."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Positions `since` to `until`, both included; recorded at or after `after` and before `before`.

    `type` is a fact's, such as `publisher.post_published`, or a service's name. Raises `ReplayWrong`.
    """

    since: int = 1
    until: int | None = None
    after: datetime | None = None
    before: datetime | None = None
    account: str | None = None
    type: str | None = None

    def __post_init__(self) -> None:
        _proven(self.since, self.until, self.after, self.before, self.type)

    def has(self, told: Told) -> bool:
        its_type = told.fact.type
        return self.account in (None, told.account) and self.type in (None, its_type, its_type.split(".")[0])


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far it is: `read` facts of the log from `since` to `last`, of which `offered` were asked for."""

    since: int
    until: int
    last: int
    read: int = 0
    offered: int = 0


class Target(Protocol):
    async def offer(self, told: Sequence[Told]) -> None: ...


class Nowhere:
    """A dry run: what would be offered is counted."""

    async def offer(self, told: Sequence[Told]) -> None: ...


class OnSubject:
    """`replay.<id>.<service>.<fact>.<channel>`, kept on the stream REPLAY for a day."""

    def __init__(self, client: Client, replay: str) -> None:
        if not _ID.fullmatch(replay):
            raise ReplayWrong(f"id: {replay!r} cannot be part of a subject; use a-z, 0-9 and -, at most 64 of them")
        self._client, self._replay = client, replay

    async def offer(self, told: Sequence[Told]) -> None:
        messages = [(replay_subject_of(each, self._replay), on_the_wire(each)) for each in told]
        for batch in in_batches(messages):
            await publish_batch(self._client, REPLAY, batch)


async def replay(
    store: Store, target: Target, *, progress: Callable[[Replayed], None] = lambda done: None, **choice: Any
) -> Replayed:
    """All that was chosen, by the words of `Choice`. What is said meanwhile is not replayed."""
    chosen = Choice(**choice)
    done = await _bounds(store, chosen)
    try:
        while done.last < done.until:
            then, wanted = await _next_page(store, done, chosen)
            if wanted:
                await target.offer(wanted)
            done = then
            progress(done)
    except AWAY as broken:
        where = f"stopped after position {done.last}, ask again from {done.last + 1}"
        raise ReplayStopped(f"{where}: {broken}") from broken
    return done


async def page_of(store: Store, *, limit: int, **choice: Any) -> tuple[Sequence[Told], int | None]:
    """The same facts a page at a time, for whoever keeps them in a file; and where the next page begins, if there is
    one. A page may be empty: so much of the log was looked through."""
    chosen = Choice(**choice)
    done = await _bounds(store, chosen)
    found: list[Told] = []
    for _ in range(PAGES_AT_ONCE):
        if found or done.last >= done.until:
            break
        done, wanted = await _next_page(store, done, chosen)
        found += wanted[:limit]
    last = found[-1].position if len(found) == limit else done.last
    return found, last + 1 if last < done.until else None


async def _bounds(store: Store, chosen: Choice) -> Replayed:
    """Nothing of it is done: what is asked for, as positions of the log as it ends now."""
    first, end = chosen.since, await store.position()
    if chosen.until is not None:
        end = min(end, chosen.until)
    if chosen.after is not None:
        first = max(first, await _first_at(store, chosen.after, end))
    if chosen.before is not None:
        end = min(end, await _first_at(store, chosen.before, end) - 1)
    return Replayed(first, end, first - 1)


async def _next_page(store: Store, done: Replayed, chosen: Choice) -> tuple[Replayed, Sequence[Told]]:
    page = await store.tail(done.last, min(PAGE, done.until - done.last))
    wanted = [told for told in page if chosen.has(told)]
    read, offered = done.read + len(page), done.offered + len(wanted)
    return replace(done, last=page[-1].position, read=read, offered=offered), wanted


async def _first_at(store: Store, moment: datetime, end: int) -> int:
    """The first position recorded at or after `moment` (`end + 1`: none): recorded times never decrease (I24)."""
    low, high = 1, end + 1
    while low < high:
        middle = (low + high) // 2
        if (await store.tail(middle - 1, 1))[0].recorded_at < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _proven(since: int, until: int | None, after: datetime | None, before: datetime | None, type: str | None) -> None:
    if since < 1:
        raise ReplayWrong(f"from: the first position is 1, not {since}")
    if until is not None and until < since:
        raise ReplayWrong(f"until: {until} lies before from, which is {since}; name a position at or after it")
    for name, moment in (("after", after), ("before", before)):
        if moment is not None and moment.tzinfo is None:
            raise ReplayWrong(f"{name}: {moment.isoformat()} names no zone; write it as in 2026-11-23T08:00:00Z")
    if after is not None and before is not None and before <= after:
        raise ReplayWrong("before: it does not lie after `after`; name a later moment")
    if type is not None and type not in EVERY_FACT and type not in {each.split(".")[0] for each in EVERY_FACT}:
        raise ReplayWrong(f"type: no fact is called {type}; events/contract/CATALOGUE.md names every one")
