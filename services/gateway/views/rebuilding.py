"""A view anew from the whole log, beside the one that serves; and whether the one that serves says what the log says.

    fold the log in memory -> fill a shadow table -> index it -> catch up -> swap, in one transaction

Meanwhile the old table answers and is folded on. The shadow never becomes the view behind the old one's position.
"""

from __future__ import annotations

import hashlib
import marshal
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson
import structlog
from sqlalchemy import Connection, Table, func, inspect, select, text

from events import Told
from services.chassis.bells import BelledStore
from services.chassis.store import StoreError
from services.gateway.views import beside, keeping
from services.gateway.views.keeping import Keep
from services.gateway.views.refolding import ROWS_AT_ONCE, Part, Refolded
from services.gateway.views.view import Document, View, row_of, unpacked

PAGE: Final = 1000
LEFT_OVER_S: Final = 3600
"""No rebuild takes an hour: a shadow that is older was left by a process that is gone."""

log = structlog.get_logger("views")


@dataclass(frozen=True, slots=True)
class Shadow:
    """The table that will be the view's; `generation` counts how often it was made."""

    view: View
    table: Table
    generation: int


class Overtaken(Exception):
    """The serving view has folded further than the shadow, up to `position`: catch up and try again."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class OfAnotherLog(StoreError):
    """The serving view has folded further than the log goes."""


def begin_shadow(db: Connection, view: View, now: datetime) -> Shadow:
    """An empty table beside the view, of a name that no other process has; one that was left over goes."""
    stem, second = f"{keeping.SHADOW}{view.table.name}_", int(now.timestamp())
    for there in inspect(db).get_table_names():
        began = there.removeprefix(stem).partition("_")[0]
        if there.startswith(stem) and not (began.isdecimal() and second - int(began) < LEFT_OVER_S):
            db.execute(text(f'DROP TABLE "{there}"'))
    generation = keeping.standing(db, view).generation + 1
    return Shadow(view, keeping.make(db, view, f"{stem}{second}_{secrets.token_hex(4)}"), generation)


class Rebuild:
    """Some views on their way to be anew: their shadows, and the position and the fact up to which these are folded.

    `address` is the log's, under which processes beside this one may read it; without, and where it would not be worth
    their start or they fail, it is folded here.
    """

    def __init__(
        self, store: BelledStore, keep: Keep, views: Sequence[View], address: str | None, now: datetime
    ) -> None:
        self._store, self._keep, self._views, self._address, self._now = store, keep, views, address, now
        self._shadows: dict[str, Shadow] = {}
        self.position, self._fact = 0, ""
        self.rows: dict[str, int] = {}

    async def fill(self) -> None:
        """The shadows as of now."""
        for view in self._views:
            self._shadows[view.table.name] = await self._keep.write(partial(begin_shadow, view=view, now=self._now))
        upto = await self._store.position()
        if not await self._filled_beside(upto):
            refolded = Refolded(self._views)
            await refolded.read(self._store, upto)
            for part in refolded.parts(ROWS_AT_ONCE):
                await self._keep.write(partial(self._put, part=part))
        for shadow in self._shadows.values():
            for index in keeping.indexes(shadow.view, shadow.table, shadow.table.name):
                await self._keep.write(index.create)
        for last in await self._store.tail(upto - 1, 1) if upto else ():
            self.position, self._fact = last.position, last.id

    async def _filled_beside(self, upto: int) -> bool:
        """False where it is to be done here; rows that have come so far are those that will come again."""
        if self._address is None or upto < beside.WORTH_IT:
            return False
        try:
            await beside.fold_beside(self._address, self._views, upto, self._take)
        except (beside.FoldingStopped, OSError) as stopped:
            log.warning("views are folded here, because no other process could", error=str(stopped))
            return False
        return True

    async def _take(self, part: bytes) -> None:
        await self._keep.write(lambda db: self._put(db, _read(part)))

    def _put(self, db: Connection, part: Part) -> None:
        name, rows = part
        keeping.put(db, self._keep, self._shadows[name].table, rows)

    async def follow(self) -> None:
        """What was said since, page by page, as live folding does it."""
        end = await self._store.position()
        while self.position < end:
            page = await self._store.tail(self.position, PAGE)
            await self._keep.write(partial(self._fold_onto, page=page))
            self.position, self._fact = page[-1].position, page[-1].id

    def _fold_onto(self, db: Connection, page: Sequence[Told]) -> None:
        for shadow in self._shadows.values():
            keeping.fold_onto(db, self._keep, shadow.view, shadow.table, page)

    async def swap(self) -> None:
        """Each shadow becomes its view, all of them or none. Raises Overtaken, or OfAnotherLog."""
        try:
            self.rows = await self._keep.write(self._swap)
        except Overtaken as further:
            if further.position > await self._store.position():
                raise OfAnotherLog(
                    f"a view shows position {further.position}, and the log goes to {self.position}: it is of another "
                    "log, or of an earlier life of this one; start the gateway again, and its views are folded anew"
                ) from further
            raise

    def _swap(self, db: Connection) -> dict[str, int]:
        for name, shadow in self._shadows.items():
            view = shadow.view
            if (stands := keeping.standing(db, view, lock=True).position) > self.position:
                raise Overtaken(stands)
            view.table.drop(db)
            db.execute(text(f'ALTER TABLE "{shadow.table.name}" RENAME TO "{name}"'))
            keeping.moved(db, [view], self.position, self._fact, generation=shadow.generation)
        return {name: db.execute(select(func.count()).select_from(shadow.view.table)).scalar_one()
                for name, shadow in self._shadows.items()}  # fmt: skip

    async def given_up(self) -> None:
        """Nothing is left of it."""
        await self._keep.write(self._drop)

    def _drop(self, db: Connection) -> None:
        for shadow in self._shadows.values():
            shadow.table.drop(db, checkfirst=True)


def _read(part: bytes) -> Part:
    try:
        return marshal.loads(part)  # noqa: S302 - a process of ours said it
    except (EOFError, TypeError, ValueError) as garbled:
        raise beside.FoldingStopped(f"what a process said cannot be read: {garbled}") from garbled


def rows(db: Connection, view: View) -> tuple[int, list[dict[str, Any]]]:
    """A view's position and all its rows by key, as they are at one moment."""
    found = [{str(name): value for name, value in row._mapping.items()} for row in db.execute(select(view.table))]
    return keeping.standing(db, view).position, sorted(found, key=lambda row: row["key"])


def hashed(found: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 over all rows: the same log gives the same hash, on every database and by every way of folding (I6)."""
    digest = hashlib.sha256()
    for row in found:
        digest.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n")
    return digest.hexdigest()


def cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row cell by cell; what stands in the document is named `body.<field>`."""
    said = {name: value for name, value in row.items() if name != "body"}
    try:
        return said | {f"body.{name}": value for name, value in unpacked(row["body"]).items()}
    except ValueError:
        return said | {"body": row["body"]}


def refolded_cells(view: View, documents: Mapping[str, Document]) -> dict[str, dict[str, Any]]:
    return {key: cells(row_of(view, key, document)) for key, document in documents.items()}
