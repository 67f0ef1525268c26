"""Sixty-four writers at once on one log and three readers at its end: nothing is skipped, told twice or told in
another order (G7, I2 to I4), on SQLite and on PostgreSQL.

They contend for streams, decide under guards that move, and give up on answers and ask again.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from events import About, Draft, PostCancelled
from services.chassis import codec
from services.chassis.opening import migrate, open_store
from services.chassis.store import Append, Say, Store, StreamMoved
from services.chassis.verifying import snapshot_of, verify
from tests.servers_postgres import postgres
from tests.soak.row import Row, Tried

SEED = 20261129
WRITERS, TAILERS = 64, 3
SHARED = [f"post-acme.shared-{number}" for number in range(8)]
FACTS_MAX, PAGE_MAX = 60, 2_000
PROCESSES = 4
"""So many stores write to one PostgreSQL. A SQLite log has one writing process, which refuses every other."""


@dataclass
class Said:
    """What the writers were told, and where they believe the shared streams to be."""

    wanted: int
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SHARED, 0))
    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    moved: int = 0
    guarded: int = 0
    asked_again: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def enough(self) -> bool:
        return len(self.acknowledged) >= self.wanted


async def writers(folder: Path, facts: int) -> Sequence[Tried]:
    """So many facts on each of the two databases."""
    found = []
    async with _sqlite(folder) as (address, stores):
        found += await _contended("SQLite", address, stores, facts)
    async with _postgres() as (address, stores):
        found += await _contended("PostgreSQL", address, stores, facts)
    return found


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[tuple[str, Sequence[Store]]]:
    address = f"sqlite:///{folder}/log.db"
    async with _opened(address, 1) as stores:
        yield address, stores


@asynccontextmanager
async def _postgres() -> AsyncIterator[tuple[str, Sequence[Store]]]:
    with postgres() as server:
        migrate(server.address())
        async with _opened(server.address(), PROCESSES) as stores:
            yield server.address(), stores


@asynccontextmanager
async def _opened(address: str, stores: int) -> AsyncIterator[Sequence[Store]]:
    async with AsyncExitStack() as stack:
        opened = [open_store(address, now) for _ in range(stores)]
        for store in opened:
            stack.push_async_callback(store.close)
        yield opened


def now() -> datetime:
    return datetime.now(UTC)


async def _contended(database: str, address: str, stores: Sequence[Store], facts: int) -> Sequence[Tried]:
    said, written = Said(facts), asyncio.Event()
    reading = [asyncio.ensure_future(_tail(stores[number % len(stores)], number, written)) for number in range(TAILERS)]
    async with asyncio.TaskGroup() as writing:
        for number in range(WRITERS):
            writing.create_task(_write(stores[number % len(stores)], number, said))
    written.set()
    heard = set(await asyncio.gather(*reading))
    once_more, there = await _whole(stores[0])
    with snapshot_of(address) as snapshot:
        chained = verify(snapshot).facts
    skipped = [] if heard == {once_more} else [f"of {TAILERS} readers some heard something else than the log says"]
    if missing := said.acknowledged - there:
        said.wrong.append(f"{len(missing)} acknowledged facts are not in the log, {min(missing)} among them")
    if left := said.refused & there:
        said.wrong.append(f"{len(left)} refused facts are in the log, {min(left)} among them")
    if chained != len(there):
        said.wrong.append(f"of {chained} facts in the log {chained - len(there)} stand there twice")
    return [
        Tried(f"G7 {TAILERS} readers hear {WRITERS} writers in order, {database}", facts, len(there), skipped),
        Tried(f"I3 of two at one version one wins, {database}", facts, said.moved, said.wrong),
        Tried(f"I3 a guard that moved refuses, {database}", facts, said.guarded, said.wrong),
        Tried(f"I4 asked again is said once, {database}", facts, said.asked_again, said.wrong),
    ]


async def _write(store: Store, number: int, said: Said) -> None:
    luck, turn = random.Random(f"{SEED} {number}"), 0
    while not said.enough:
        turn += 1
        who, shared, kind = f"{number}-{turn}", luck.choice(SHARED), luck.random()
        own = Say(f"post-acme.{who}", 0, _drafts(who, luck.randint(1, FACTS_MAX)))
        if kind < 0.15:
            await _append(store, Append([Say(shared, said.versions[shared], _drafts(who, 1))]), shared, said)
        elif kind < 0.30:
            said.guarded += not await _append(store, Append([own], still={shared: said.versions[shared]}), shared, said)
        elif kind < 0.40:
            await _given_up(store, Append([own]), luck)
            said.asked_again += await _append(store, Append([own]), shared, said)
        else:
            await _append(store, Append([own]), shared, said)


def _drafts(who: str, facts: int) -> Sequence[Draft]:
    about = About(story=f"acme.{who}", actor="tester", happened_at=now(), account="acme")
    return [Draft(f"{who}-{each}", PostCancelled(reason=f"reason {each}"), about) for each in range(facts)]


async def _append(store: Store, append: Append, shared: str, said: Said) -> bool:
    """Whether it was taken; where the shared stream is by then is known either way."""
    ids = [draft.id for say in append.says for draft in say.facts]
    try:
        told = await store.append(append)
    except StreamMoved as moved:
        said.moved += 1
        said.versions[shared] = max(said.versions[shared], moved.found)
        said.refused.update(ids)
        return False
    if [each.id for each in told] != ids:
        said.wrong.append(f"{ids[0]} was answered with other facts")
    said.acknowledged.update(ids)
    if append.says[0].stream == shared:
        said.versions[shared] = max(said.versions[shared], told[-1].version)
    return True


async def _given_up(store: Store, append: Append, luck: random.Random) -> None:
    """Its answer is not waited for to the end: it may be in the log, or come to be there, or never."""
    asked = asyncio.ensure_future(store.append(append))
    for _ in range(luck.randint(0, 4)):
        await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)


async def _tail(store: Store, number: int, written: asyncio.Event) -> str:
    """What was heard, in a word; a place left out shows at once."""
    luck, heard, position = random.Random(f"{SEED} tail {number}"), hashlib.sha256(), 0
    while True:
        ended = written.is_set()
        page = await store.lines(position, luck.randint(1, PAGE_MAX))
        for line in page:
            if line.position != (position := position + 1):
                return f"{line.position} where {position} should be"
            heard.update(f"{line.position} {codec.id_of(line.state)}\n".encode())
        if ended and not page:
            return heard.hexdigest()
        await asyncio.sleep(0)


async def _whole(store: Store) -> tuple[str, set[str]]:
    """The log as it lies there in the end, read as the readers read it, and the ids in it."""
    heard, there, position = hashlib.sha256(), set[str](), 0
    while page := await store.lines(position, PAGE_MAX):
        for line in page:
            ident, position = codec.id_of(line.state), line.position
            heard.update(f"{position} {ident}\n".encode())
            there.add(ident)
    return heard.hexdigest(), there


ROWS = [Row("writers", writers, 1_000_000)]
