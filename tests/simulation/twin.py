"""The disk of a simulated house with a real store beside it, which is asked the same and must answer the same (D4).

The store in memory stays the house's own: it is quick, and the witnesses read in it. Whatever differs is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeVar

from events import Told
from services.chassis.chain import ChainBroken
from services.chassis.codec import Line
from services.chassis.opening import is_postgres, open_store
from services.chassis.rows import CHECKPOINT, TABLES, Claim, Pick, Row
from services.chassis.store import Append, Store, Topics
from services.chassis.store_memory import MemoryStore
from services.chassis.verifying import snapshot_of, verify
from tests.simulation.loop import Loop

T = TypeVar("T")

AT_ONCE_MAX = 12
DIFFERENCES_MAX = 5


class InlineLoop(Loop):
    """Plays one question to the end within a turn of whoever asks; what would go to a thread is done at once."""

    def __init__(self) -> None:
        super().__init__(Random(0), shuffled=False)

    def run_in_executor(self, executor: Any, what: Callable[..., T], *about: Any) -> asyncio.Future[T]:  # type: ignore[override]
        done = self.create_future()
        try:
            done.set_result(what(*about))
        except Exception as broken:
            done.set_exception(broken)
        return done

    def at_once(self, question: Coroutine[Any, Any, T]) -> T:
        around = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            asking = self.create_task(question)
            while not asking.done():
                self._one_turn()
            return asking.result()
        finally:
            asyncio._set_running_loop(around)


class Twin(MemoryStore):
    """`url` is where the other one keeps its log; `compared` counts its answers."""

    def __init__(self, now: Callable[[], datetime], url: str) -> None:
        super().__init__(now)
        self._url, self._loop = url, InlineLoop()
        self._other: Store = open_store(url, now)
        self._asked: list[Append | Claim] = []
        self._said: Append | None = None
        self.compared = 0
        self.differences: list[str] = []

    def open_again(self) -> None:
        """As the next process does. Whoever has asked before the close is answered."""
        if self._said is not None:
            self._try(lambda: self._asks_and_closes(self._said), "an append and the close at once")
        else:
            self._try(self._other.close, "the close")
        self._other = open_store(self._url, self._now)

    async def _asks_and_closes(self, said: Append | None) -> None:
        assert said is not None
        asking = asyncio.ensure_future(self._other.append(said))
        await asyncio.sleep(0)
        await self._other.close()
        [answer] = await asyncio.gather(asking, return_exceptions=True)
        mine = await super().append(said)
        if answer != mine:
            self._differs("an append that is said once more as the store is closed", mine, answer)

    # The same question to both.

    async def append(self, append: Append) -> Sequence[Told]:
        self._asked.append(append)
        told = await self._both(super().append(append), lambda: self._other.append(append), append)
        if told:
            self._said = append
        return told

    async def claim(self, claim: Claim) -> Sequence[Row]:
        self._asked.append(claim)
        return await self._both(super().claim(claim), lambda: self._other.claim(claim), claim)

    async def read(self, stream: str) -> Sequence[Told]:
        return await self._both(super().read(stream), lambda: self._other.read(stream), stream)

    async def read_all(self, streams: Sequence[str]) -> Sequence[Sequence[Told]]:
        return await self._both(super().read_all(streams), lambda: self._other.read_all(streams), streams)

    async def fold(self, stream: str, decider: Any) -> tuple[Any, int]:
        return await self._both(super().fold(stream, decider), lambda: self._other.fold(stream, decider), stream)

    async def tail(self, after: int, limit: int = 500) -> Sequence[Told]:
        return await self._both(super().tail(after, limit), lambda: self._other.tail(after, limit), after)

    async def lines(self, after: int, limit: int = 500, without: Topics = ()) -> Sequence[Line]:
        mine = super().lines(after, limit, without)
        return await self._both(mine, lambda: self._other.lines(after, limit, without), after)

    async def position(self) -> int:
        return await self._both(super().position(), lambda: self._other.position(), "the position")

    async def pick(self, pick: Pick) -> Sequence[Row]:
        return await self._both(super().pick(pick), lambda: self._other.pick(pick), pick)

    async def _both(self, mine: Awaitable[T], theirs: Callable[[], Any], about: Any) -> T:
        answer, raised = await _answer(mine)
        other, other_raised = self._try(theirs, about)
        self.compared += 1
        if repr(raised) != repr(other_raised) or (raised is None and not _same(answer, other, about)):
            self._differs(about, raised or answer, other_raised or other)
        if raised is not None:
            raise raised
        return answer

    def _try(self, question: Callable[[], Any], about: Any) -> tuple[Any, Exception | None]:
        async def asked() -> Any:
            return await question()

        try:
            return self._loop.at_once(asked()), None
        except Exception as raised:
            return None, raised

    def _differs(self, about: Any, mine: Any, theirs: Any) -> None:
        if len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(f"asked {about!r:.300}, one store says {mine!r:.300}, the real one {theirs!r:.300}")

    # The same once more, many at a time, as when many callers ask at once.

    def ask_in_groups(self, random: Random) -> None:
        """Written together or one after the other, it is the same log, and the same rows.

        Not so on PostgreSQL, where claims come last in a group.
        """
        if is_postgres(self._url):
            return
        other = open_store(f"{self._url}.groups", self._now)
        waiting = [*self._asked]

        async def together(group: Sequence[Append | Claim]) -> None:
            asking = [other.append(each) if isinstance(each, Append) else other.claim(each) for each in group]
            await asyncio.gather(*asking, return_exceptions=True)

        while waiting:
            size = random.randrange(1, AT_ONCE_MAX)
            size = next((max(at, 1) for at, each in enumerate(waiting[:size]) if _comes_alone(each)), size)
            group, waiting = waiting[:size], waiting[size:]
            self._try(lambda group=group: together(group), "a group")
        told, _ = self._try(lambda: other.tail(0, len(self._log) + 1), "the log")
        if [(each.id, each.stream, each.version) for each in told or ()] != [
            (each.id, each.stream, each.version) for each in self._log
        ]:
            self._differs("the log, written in groups", self._log, told)
        for table in (each for each in TABLES if each.name != "chain"):  # a link for each commit, and these are fewer
            rows, _ = self._try(lambda table=table: other.pick(Pick(table)), table.name)
            mine = [*self._tables[table.name].rows.values()]
            if _unordered(_without_own(rows or ())) != _unordered(_without_own(mine)):
                self._differs(f"the {table.name} rows, written in groups", mine, rows)
        self._try(other.close, "the close")

    def verify(self) -> None:
        """The chain over what is written there holds (I5)."""
        try:
            with snapshot_of(self._url) as snapshot:
                verified = verify(snapshot)
            if verified.facts != len(self._log):
                self._differs("how many facts there are", len(self._log), verified.facts)
        except ChainBroken as broken:
            self._differs("the chain", "nothing was changed", broken)

    def part(self) -> None:
        self._try(self._other.close, "the close")


async def _answer(question: Awaitable[T]) -> tuple[Any, Exception | None]:
    try:
        return await question, None
    except Exception as raised:
        return None, raised


def _same(mine: Any, theirs: Any, about: Any) -> bool:
    """Rows of one rank have no order, and where there are more than asked for, which of them come is open."""
    pick = about.pick if isinstance(about, Claim) else about
    if not isinstance(pick, Pick) or theirs is None:
        return bool(mine == theirs)
    mine, theirs = _without_own(mine), _without_own(theirs)
    if mine == theirs:
        return True
    ranks = [[tuple(row[column] for column in pick.order) for row in rows] for rows in (mine, theirs)]
    return ranks[0] == ranks[1] and (len(mine) == pick.limit or _unordered(mine) == _unordered(theirs))


def _comes_alone(asked: Append | Claim) -> bool:
    """Whoever claims waits for the line before going on, and who sets a checkpoint back is none of the readers."""
    return isinstance(asked, Claim) or any(row.table is CHECKPOINT for row in asked.rows)


def _without_own(rows: Sequence[Row]) -> list[Row]:
    """Every store is an incarnation of its own."""
    others = (row for row in rows if row.get("name") != "incarnation")
    return [{name: value for name, value in row.items() if name != "incarnation"} for row in others]


def _unordered(rows: Sequence[Row]) -> list[str]:
    return sorted(repr([_plain(value) for value in row.values()]) for row in rows)


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
