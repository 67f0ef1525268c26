"""What one transaction writes beside its facts, in as few statements as it needs.

Each statement lets go of the interpreter and must get it back: *m* in a busy house that took four times as long as
SQLite itself, and the writer is what everybody waits for. Of several writes to one row the last one stands; rows of
different keys are independent, so they may be written together and in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, count, zip_longest
from typing import Any

from services.chassis import rows_sql
from services.chassis.rows import Change, Drop, Put, Table, Value, Write
from services.chassis.rows_sql import SQLITE, Named, Shape, quoted

Execute = Callable[[str, Sequence[Any]], Any]
Key = tuple[Value, ...]

AT_ONCE = (64, 32, *range(16, 0, -1))
"""So many rows a statement, the most first: few enough lengths for a busy house to keep what it has prepared."""


class RowsTogether:
    """`add` in order; `settle` a table before anybody reads it; `settle_all` before the commit.

    A value that cannot be kept shows when its table is settled, and not whose it was: `together` False writes each
    row at once, for whoever has to know.
    """

    def __init__(self, execute: Execute, *, together: bool = True) -> None:
        self._execute, self.together = execute, together
        self._waiting: dict[Table, dict[Key, list[Write]]] = defaultdict(dict)

    def add(self, write: Write) -> None:
        key = _key_of(write)
        if not self.together or key is None:
            self.settle(write.table)
            self._execute(*rows_sql.write(write, SQLITE))
            return
        waiting = self._waiting[write.table]
        if _whatever_was_there(write):
            waiting[key] = [write]
        else:
            waiting.setdefault(key, []).append(write)

    def settle(self, table: Table) -> None:
        """The first write to each row, then the second to each that has one, and so on."""
        for layer in zip_longest(*self._waiting.pop(table, {}).values()):
            alike: dict[Shape, list[list[Any]]] = defaultdict(list)
            for write in filter(None, layer):
                alike[rows_sql.shape(write)].append(rows_sql.values(write))
            for shape, rows in alike.items():
                for some in in_lengths(rows):
                    self._execute(together(table, shape, len(some)), list(chain.from_iterable(some)))

    def settle_all(self) -> None:
        for table in list(self._waiting):
            self.settle(table)


def in_lengths(things: Sequence[Any], lengths: Sequence[int] = AT_ONCE) -> list[Sequence[Any]]:
    """Cut into pieces of the lengths there are statements for."""
    pieces, done = [], 0
    for length in lengths:
        while len(things) - done >= length:
            pieces.append(things[done : done + length])
            done += length
    return pieces


def _key_of(write: Write) -> Key | None:
    """The one row it is about, where that can be said."""
    named = write.row if isinstance(write, Put) else write.where
    key = tuple(map(named.get, write.table.key))
    moves = isinstance(write, Change) and not write.to.keys().isdisjoint(write.table.key)
    return None if None in key or moves else key


def _whatever_was_there(write: Write) -> bool:
    """It makes no difference to it what an earlier write has left of its row."""
    if isinstance(write, Put):
        return write.over
    return isinstance(write, Drop) and len(write.where) == len(write.table.key)


@lru_cache(rows_sql.SPELLED_MAX)
def together(table: Table, shape: Shape, rows: int) -> str:
    """Rows of different keys in one statement: put, dropped by the same columns, or changed in the same ones."""
    if rows == 1:
        return rows_sql.written(table, shape, SQLITE)
    match shape:
        case (kind, over) if kind is Put:
            return rows_sql.put_text(table, over, SQLITE, rows=rows)
        case (kind, where) if kind is Drop:
            return _dropped(table, where, rows)
        case _:
            _, where, to, raising = shape
            return _changed(table, where, to, raising, rows)


def _dropped(table: Table, where: Named, rows: int) -> str:
    # CROSS JOIN is SQLite's word for this order of the two, and each row is found by its key.
    given = f'{_given(_valued(where), rows)} CROSS JOIN "{table.name}" ON {_found(table, where, 1)}'
    return f'DELETE FROM "{table.name}" WHERE rowid IN (SELECT "{table.name}".rowid FROM {given})'


def _changed(table: Table, where: Named, to: Sequence[str], raising: str | None, rows: int) -> str:
    changes = rows_sql.changes(table, [(column, f"given.column{number}") for number, column in enumerate(to, 1)],
                               raising)  # fmt: skip
    given = _given(len(to) + _valued(where), rows)
    return f'UPDATE "{table.name}" SET {changes} FROM {given} WHERE {_found(table, where, len(to) + 1)}'


def _given(columns: int, rows: int) -> str:
    return f"(VALUES {rows_sql.row_marks(columns, rows, SQLITE)}) AS given"


def _valued(where: Named) -> int:
    return sum(given for _, given in where)


def _found(table: Table, where: Named, first: int) -> str:
    """Equal to the given columns from the `first` on, and without a value where there is none."""
    numbers = count(first)
    return " AND ".join(
        f'"{table.name}".{quoted(table, column)} ' + (f"= given.column{next(numbers)}" if given else "IS NULL")
        for column, given in where
    )
