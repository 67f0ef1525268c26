"""The rows of a view as the statements that write them, over those with the same key.

On SQLite a statement has many rows: each statement lets go of the interpreter, and must get it back from a busy house.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

from services.chassis.rows_together import AT_ONCE, in_lengths
from services.gateway.views.view import Document, View, row_of

Statement = tuple[str, Any]
"""A statement as the driver takes it, and its values."""
LENGTHS: Final = (1024, *AT_ONCE)
"""A view that is folded anew writes many rows at a time; a thousand of them have fewer values than SQLite takes."""
Cells = tuple[Any, ...]
"""One row, in the order of its table's columns."""


@dataclass(frozen=True, slots=True)
class Upsert:
    """As the driver takes it; `columns` in order where it takes values by name, None where by place."""

    statement: str
    columns: Sequence[str] | None
    marks: str

    def of(self, rows: int) -> str:
        """So many rows in one statement, where values go by place."""
        return self.statement.replace(self.marks, ", ".join([self.marks] * rows), 1)


def compiled(table: Table, dialect: Dialect) -> Upsert:
    statement = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    columns = [column.name for column in table.c]
    rest = {name: statement.excluded[name] for name in columns if name != "key"}
    said = statement.on_conflict_do_update(index_elements=["key"], set_=rest).compile(
        dialect=dialect, column_keys=columns
    )
    marks = f"({', '.join('?' * len(columns))})"
    return Upsert(str(said), columns if said.positiontup is None else None, marks)


def cells_of(view: View, documents: Iterable[tuple[str, Document]]) -> Iterator[Cells]:
    """The document itself stands last."""
    in_order = itemgetter(*(column.name for column in view.table.c))
    return (in_order(row_of(view, key, document)) for key, document in documents)


def puts(upsert: Upsert, rows: Sequence[Cells]) -> list[Statement]:
    if upsert.columns is not None:
        return [(upsert.statement, [dict(zip(upsert.columns, row, strict=True)) for row in rows])] if rows else []
    return [(upsert.of(len(some)), tuple(chain.from_iterable(some))) for some in in_lengths(rows, LENGTHS)]
