"""A view anew from the whole log, beside the one that serves; and whether the one that serves says what the log says.

    fold the log in memory -> fill a shadow table -> index it -> catch up -> swap, in one transaction

Meanwhile the old table answers and is folded on. The shadow never becomes the view behind the old one's position.
"""

from __future__ import annotations

import hashlib
import marshal
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Table, func, inspect, select, text

from events import Told
from services.chassis.bells import BelledStore
from services.gateway.views import beside, keeping
from services.gateway.views.keeping import Keep
from services.gateway.views.refolding import Refolded
from services.gateway.views.upserts import Cells
from services.gateway.views.view import Document, View, row_of, unpacked

PAGE: Final = 1000
ROWS_AT_ONCE: Final = 2048
"""So many rows of a shadow, or one of its indexes, are one transaction: between two, live folding has its turn."""
SHADOW: Final = "shadow_"


@dataclass(frozen=True, slots=True)
class Shadow:
    """The table that will be the view's; `generation` counts how often it was made."""

    view: View
    table: Table
    generation: int


class Overtaken(Exception):
    """The serving view has folded further than the shadow: catch up and try again."""


def begin_shadow(db: Connection, view: View) -> Shadow:
    """An empty table beside the view; one left over from a rebuild that was cut off goes."""
    stem = f"{SHADOW}{view.table.name}_"
    for left in inspect(db).get_table_names():
        if left.startswith(stem):
            db.execute(text(f'DROP TABLE "{left}"'))
    generation = keeping.standing(db, view).generation + 1
    return Shadow(view, keeping.make(db, view, f"{stem}{os.getpid()}"), generation)


class Rebuild:
    """Some views on their way to be anew: their shadows, and the position and the fact up to which these are folded.

    `log` is the log's address, under which processes beside this one may read it; without, and where it would not be
    worth their start, it is folded here.
    """

    def __init__(self, store: BelledStore, keep: Keep, views: Sequence[View], log: str | None) -> None:
        self._store, self._keep, self._views, self._log = store, keep, views, log
        self._shadows: dict[str, Shadow] = {}
        self.position, self._fact = 0, ""
        self.rows: dict[str, int] = {}

    async def fill(self) -> None:
        """The shadows as of now."""
        for view in self._views:
            self._shadows[view.table.name] = await self._keep.write(partial(begin_shadow, view=view))
        upto = await self._store.position()
        if self._log is not None and upto >= beside.WORTH_IT:
            await beside.fold_beside(self._log, self._views, upto, self._take)
        else:
            refolded = Refolded(self._views)
            await refolded.read(self._store, upto)
            for part in refolded.parts(ROWS_AT_ONCE):
                await self._keep.write(partial(self._put, part=part))
        for shadow in self._shadows.values():
            for index in keeping.indexes(shadow.view, shadow.table, shadow.generation):
                await self._keep.write(index.create)
        for last in await self._store.tail(upto - 1, 1) if upto else ():
            self.position, self._fact = last.position, last.id

    async def _take(self, part: bytes) -> None:
        await self._keep.write(lambda db: self._put(db, marshal.loads(part)))  # noqa: S302 - a process of ours said it

    def _put(self, db: Connection, part: tuple[str, list[Cells]]) -> None:
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
        """Each shadow becomes its view, all of them or none. Raises Overtaken."""
        self.rows = await self._keep.write(self._swap)

    def _swap(self, db: Connection) -> dict[str, int]:
        for name, shadow in self._shadows.items():
            view = shadow.view
            if keeping.standing(db, view, lock=True).position > self.position:
                raise Overtaken
            view.table.drop(db)
            db.execute(text(f'ALTER TABLE "{shadow.table.name}" RENAME TO "{name}"'))
            keeping.moved(db, [view], self.position, self._fact, generation=shadow.generation)
        return {name: db.execute(select(func.count()).select_from(shadow.view.table)).scalar_one()
                for name, shadow in self._shadows.items()}  # fmt: skip


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
