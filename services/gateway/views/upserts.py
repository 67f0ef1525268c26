"""The rows of a view as the statements that write them, over those with the same key.

On SQLite a statement has many rows: each statement lets go of the interpreter, and must get it back from a busy house.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

from services.chassis.rows_together import AT_ONCE, in_lengths
from services.gateway.views.view import Document, View, row_of

Statement = tuple[str, Any]
"""A statement as the driver takes it, and its values."""
LENGTHS: Final = (1024, *AT_ONCE)
"""A view that is folded anew writes many rows at a time; a thousand of them have fewer values than SQLite takes."""


@dataclass(frozen=True, slots=True)
class Upsert:
    """As the driver takes it; `order` are the columns where it takes values by place, None where by name."""

    statement: str
    order: Sequence[str] | None

    def of(self, rows: int) -> str:
        """So many rows in one statement, where values go by place."""
        marks = f"({', '.join('?' * len(self.order or ()))})"
        return self.statement.replace(marks, ", ".join([marks] * rows), 1)


def compiled(table: Table, dialect: Dialect) -> Upsert:
    statement = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    rest = {column.name: statement.excluded[column.name] for column in table.c if column.name != "key"}
    said = statement.on_conflict_do_update(index_elements=["key"], set_=rest).compile(
        dialect=dialect, column_keys=[column.name for column in table.c]
    )
    return Upsert(str(said), said.positiontup)


def puts(upsert: Upsert, view: View, documents: Mapping[str, Document]) -> list[Statement]:
    rows = [row_of(view, key, document) for key, document in documents.items()]
    if upsert.order is None:
        return [(upsert.statement, rows)] if rows else []
    return [
        (upsert.of(len(some)), tuple([row[name] for row in some for name in upsert.order]))
        for some in in_lengths(rows, LENGTHS)
    ]
