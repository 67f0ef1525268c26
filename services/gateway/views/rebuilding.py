"""A view anew from the whole log, beside the one that serves; and whether the one that serves says what the log says.

    read the log into memory -> write a shadow table -> catch up -> swap, in one transaction

Meanwhile the old table answers and is folded on. The shadow never becomes the view behind the old one's position.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Table, inspect, select, text

from services.chassis import codec
from services.chassis.bells import BelledStore
from services.gateway.views import keeping
from services.gateway.views.folding import every_topic_but, fold, heard, heard_by_any
from services.gateway.views.keeping import Keep
from services.gateway.views.upserts import Statement, puts
from services.gateway.views.view import Document, View, row_of, unpacked

PAGE: Final = 2000
ROWS_AT_ONCE: Final = 2048
"""So many rows of a shadow, or one of its indexes, are one transaction: between two, live folding has its turn."""
SHADOW: Final = "shadow_"


@dataclass(slots=True)
class Refolded:
    """Some views folded from the beginning of the log, in memory, up to `position`."""

    views: Sequence[View]
    documents: dict[str, dict[str, Document]] = field(default_factory=dict)
    position: int = 0
    fact: str = ""
    _unheard: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Most facts of a log concern no single view: what nobody hears is not even read. A topic that nobody knows
        is, and says so (I25)."""
        self.documents = {view.table.name: {} for view in self.views}
        self._unheard = every_topic_but(heard_by_any(self.views))

    async def read_on(self, store: BelledStore, *, upto: int | None = None) -> dict[str, set[str]]:
        """To the end of the log, or up to a position; which keys of each view that has changed."""
        changed: dict[str, set[str]] = {view.table.name: set() for view in self.views}
        coming = asyncio.ensure_future(self._page(store, self.position, upto))
        try:
            while page := await coming:
                # The next page is read while this one is folded.
                coming = asyncio.ensure_future(self._page(store, page[-1].position, upto))
                self._take(page, changed)
        finally:
            coming.cancel()
        return changed

    async def _page(self, store: BelledStore, after: int, upto: int | None) -> Sequence[codec.Line]:
        size = PAGE if upto is None else min(PAGE, upto - after)
        return await store.lines(after, size, self._unheard) if size > 0 else []

    def _take(self, page: Sequence[codec.Line], changed: dict[str, set[str]]) -> None:
        told = [codec.decode(*line) for line in page if line.topic not in self._unheard]
        for view in self.views:
            name = view.table.name
            changed[name] |= fold(view, self.documents[name], heard(view, told))
        self.position, self.fact = page[-1].position, codec.id_of(page[-1].state)


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


async def write_shadow(keep: Keep, shadow: Shadow, documents: Mapping[str, Document]) -> None:
    """While one part is written, the next is packed: the database lets go of the interpreter, packing does not."""
    parts = keeping.in_parts(documents.items(), ROWS_AT_ONCE)

    def packed() -> list[Statement]:
        return puts(keep.upsert(shadow.table), shadow.view, dict(next(parts, ())))

    coming = await keep.beside(packed)
    while coming:
        _, coming = await asyncio.gather(keep.write(partial(keeping.execute, statements=coming)), keep.beside(packed))
    for index in keeping.indexes(shadow.view, shadow.table, shadow.generation):
        await keep.write(index.create)


def swap(
    db: Connection, keep: Keep, shadows: Sequence[Shadow], refolded: Refolded, late: Mapping[str, set[str]]
) -> None:
    """Each shadow, with what has changed since it was written, becomes its view. All of it or none."""
    for shadow in shadows:
        view, name = shadow.view, shadow.view.table.name
        if keeping.standing(db, view, lock=True).position > refolded.position:
            raise Overtaken
        documents = refolded.documents[name]
        keeping.put(db, keep, view, shadow.table, {key: documents[key] for key in late[name]})
        view.table.drop(db)
        db.execute(text(f'ALTER TABLE "{shadow.table.name}" RENAME TO "{name}"'))
        keeping.moved(db, [view], refolded.position, refolded.fact, generation=shadow.generation)


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
