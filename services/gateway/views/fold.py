"""The views, kept up to date: tail the log, fold each fact into the documents it concerns, a page at a time (D13).

What a page changes and the position it leads to are one transaction, in which the position is compared first: two
processes may fold the same log, and what one has folded the other steps over (I6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection, Select
from sqlalchemy.exc import SQLAlchemyError

from events import Told
from events.upcasts import UnknownShape
from services.chassis.bells import FACTS, BelledStore
from services.chassis.clock import Clock
from services.chassis.store import StoreError
from services.gateway.views import keeping, queue, rebuilding
from services.gateway.views.every import VIEWS
from services.gateway.views.folding import differences
from services.gateway.views.keeping import Keep
from services.gateway.views.rebuilding import Overtaken, Rebuild
from services.gateway.views.refolding import Refolded
from services.gateway.views.view import Document, View, unpacked

PAGE: Final = 1000
FAR_BEHIND: Final = 20_000
"""A view so many facts behind is rebuilt in memory and swapped in, which is faster by far than page after page."""
LOOK_EVERY_S: Final = 1.0
"""The fallback when no bell rings (D1)."""
REST_S: Final = 0.1
"""After a page, unless somebody waits for the next: a fuller page costs little more than one of a few facts."""
DIFFERENCES_MAX: Final = 10

T = TypeVar("T")
log = structlog.get_logger("views")


class UnknownView(KeyError):
    """There is no view of this name."""


class Views:
    """A part of the gateway. `url` None keeps the views in memory, inline; `stopped` says why it waits.

    `log` is where processes beside this one may read the log, when a view is folded from its beginning.
    """

    def __init__(
        self,
        store: BelledStore,
        url: str | None,
        *,
        clock: Clock,
        views: Sequence[View] = VIEWS,
        log: str | None = None,
    ) -> None:
        self._store, self._clock, self._views = store, clock, sorted(views, key=lambda view: view.table.name)
        self._log = log
        self._keep = Keep(url)
        self._keep.at_once(lambda db: keeping.prepare(db, self._keep, self._views))
        self._positions: dict[str, int] = self._keep.at_once(self._standings)
        self._bell, self._wanted = store.bell(FACTS), asyncio.Event()
        self._moved: set[asyncio.Event] = set()
        self._turn, self._one_rebuild = asyncio.Lock(), asyncio.Lock()
        self._checked = False
        self.stopped: str | None = None

    def _standings(self, db: Connection) -> dict[str, int]:
        return {view.table.name: keeping.standing(db, view).position for view in self._views}

    @property
    def position(self) -> int:
        """Every view shows everything up to here."""
        return min(self._positions.values())

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._positions)

    # Folding.

    async def run(self) -> None:
        while True:
            self._bell.clear()
            try:
                await self.catch_up()
                self.stopped = None
            except (StoreError, OSError, SQLAlchemyError, UnknownShape) as broken:
                # What was read stays right, only older; a full disk or a lost database heals, a newer release is told.
                self.stopped = str(broken)
                log.error("the views wait", error=str(broken))
            await self._clock.nap(REST_S, self._wanted)
            self._wanted.clear()
            await self._clock.nap(LOOK_EVERY_S, self._bell)

    async def in_flight(self) -> str | None:
        if self._one_rebuild.locked() or self.position < await self._store.position():
            self._hurry()
            return "a fact the views have not folded"
        return None

    async def catch_up(self) -> None:
        if not self._checked:
            await self._of_this_log()
            self._checked = True
        end = await self._store.position()
        far = [view for view in self._views if end - self._positions[view.table.name] > FAR_BEHIND]
        if far:
            async with self._one_rebuild:
                await self._rebuild(far)
        async with self._turn:
            while await self._fold_a_page():
                pass

    async def _of_this_log(self) -> None:
        """A view of another log, or of one that was restored to an earlier day, is emptied and folded anew (I26)."""
        for view in self._views:
            stand = await self._keep.read(lambda db, view=view: keeping.standing(db, view))
            last = await self._store.tail(stand.position - 1, 1) if stand.position else ()
            if stand.position and (not last or last[0].id != stand.fact):
                log.warning("a view is of another log and is folded anew", view=view.table.name)
                await self._keep.write(lambda db, view=view: keeping.empty(db, view))
                self._positions[view.table.name] = 0

    async def _fold_a_page(self) -> bool:
        """The views that are furthest behind share a page; False when there is nothing to fold."""
        first = self.position
        page = await self._store.tail(first, PAGE)
        if not page:
            return False
        behind = [view for view in self._views if self._positions[view.table.name] == first]
        self._arrived(await self._keep.write(lambda db: self._write_page(db, behind, first, page)))
        return True

    def _write_page(self, db: Connection, views: Sequence[View], first: int, page: Sequence[Told]) -> dict[str, int]:
        """In one transaction; where another process has come first, its position is taken over."""
        stands = keeping.standings(db, views, lock=True)
        level = [view for view in views if stands[view.table.name].position == first]
        for view in level:
            keeping.fold_onto(db, self._keep, view, view.table, page)
        keeping.moved(db, level, page[-1].position, page[-1].id)
        return {name: stand.position for name, stand in stands.items()} | {
            view.table.name: page[-1].position for view in level
        }

    def _hurry(self) -> None:
        self._bell.set()
        self._wanted.set()

    def _arrived(self, positions: dict[str, int]) -> None:
        self._positions |= positions
        for event in self._moved:
            event.set()

    async def reached(self, position: int, seconds: float) -> bool:
        """Whether the views show everything up to `position`, at the latest after so many seconds."""
        until = self._clock.elapsed() + seconds
        event = asyncio.Event()
        self._moved.add(event)
        try:
            while self.position < position and (left := until - self._clock.elapsed()) > 0:
                event.clear()
                self._hurry()
                await self._clock.nap(left, event)
        finally:
            self._moved.discard(event)
        return self.position >= position

    # Reading.

    async def rows(self, asked: Select) -> Sequence[Any]:
        return await self._keep.read(lambda db: db.execute(asked).all())

    async def together(self, work: Callable[[Connection], T]) -> T:
        """Several questions answered as of one moment."""
        return await self._keep.read(work)

    async def document(self, view: View, key: str) -> Document | None:
        found = await self._keep.read(lambda db: keeping.load(db, view.table, [key]))
        return found.get(key)

    async def documents(self, asked: Select) -> list[Document]:
        """The documents of a question that asks for `key` and `body`."""
        return [unpacked(row.body) for row in await self.rows(asked)]

    async def fresh(self) -> None:
        """Show what the log says now, so that whoever has just changed something reads it. When the views are further
        behind than one page they answer as they are: reading never waits for a backlog."""
        end = await self._store.position()
        if self.position >= end or end - self.position > PAGE:
            return
        try:
            async with self._turn:
                while self.position < end and await self._fold_a_page():
                    pass
        except (StoreError, OSError, SQLAlchemyError, UnknownShape):
            return  # `run` meets the same and says so; what there is can still be read

    async def post(self, story: str) -> Document | None:
        """One post as the queue has it; `showing.py` says how it is shown."""
        return await self.document(queue, story)

    # Anew, and compared.

    async def rebuild(self, name: str) -> dict[str, Any]:
        """Fold a view from the whole log beside the one that serves, and swap."""
        view, began = self._called(name), self._clock.elapsed()
        async with self._one_rebuild:
            rebuilt = await self._rebuild([view])
        return {"view": name, "rows": rebuilt.rows[name], "position": rebuilt.position,
                "seconds": round(self._clock.elapsed() - began, 3)}  # fmt: skip

    async def _rebuild(self, views: Sequence[View]) -> Rebuild:
        """The last step alone holds live folding up, for as long as a few facts and one transaction take."""
        rebuild = Rebuild(self._store, self._keep, views, self._log, self._clock.now())
        try:
            await rebuild.fill()
            while not await self._swapped(rebuild):
                pass
        except BaseException:
            with suppress(StoreError):  # what could not be removed either is of no use to anybody, and goes later
                await rebuild.given_up()
            raise
        return rebuild

    async def _swapped(self, rebuild: Rebuild) -> bool:
        await rebuild.follow()
        async with self._turn:
            await rebuild.follow()
            try:
                await rebuild.swap()
            except Overtaken:
                return False
            self._arrived(dict.fromkeys(rebuild.rows, rebuild.position))
            return True

    async def hash(self, name: str) -> str:
        """The same for every way of folding the same log, on every database."""
        view = self._called(name)
        _, found = await self._keep.read(lambda db: rebuilding.rows(db, view))
        return rebuilding.hashed(found)

    async def check(self, name: str) -> dict[str, Any]:
        """Whether the view says what the log says: the log is folded up to the view's position, and compared."""
        view = self._called(name)
        position, found = await self._keep.read(lambda db: rebuilding.rows(db, view))
        refolded = Refolded([view])
        await refolded.read(self._store, position)
        shown = {row["key"]: rebuilding.cells(row) for row in found}
        log_says = rebuilding.refolded_cells(view, refolded.documents[name])
        wrong = differences(view, shown, log_says, DIFFERENCES_MAX)
        return {"view": name, "equal": not wrong, "rows": len(found), "position": position, "differences": wrong}

    def _called(self, name: str) -> View:
        for view in self._views:
            if view.table.name == name:
                return view
        raise UnknownView(name)

    async def close(self) -> None:
        self._keep.close()
