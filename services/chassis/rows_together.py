"""What one transaction writes beside its facts, in as few statements as it needs.

Each statement lets go of the interpreter and must get it back: *m* in a busy house that took four times as long as
SQLite itself, and the writer is what everybody waits for. Of several writes to one row the last one stands; rows of
different keys are independent, so they may be written together and in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from services.chassis import rows_sql
from services.chassis.rows import Change, Drop, Put, Table, Value, Write
from services.chassis.rows_sql import SQLITE

Execute = Callable[[str, Sequence[Any]], Any]
Key = tuple[Value, ...]

AT_ONCE = (64, 16, 4, 1)
"""So many rows a statement, the most first: few lengths, so that each statement is prepared once and kept."""


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
            alike: dict[object, list[Write]] = defaultdict(list)
            for write in filter(None, layer):
                alike[_shape(write)].append(write)
            for writes in alike.values():
                for some in in_lengths(writes):
                    self._execute(*rows_sql.write_alike(some, SQLITE))

    def settle_all(self) -> None:
        for table in list(self._waiting):
            self.settle(table)


def in_lengths(things: Sequence[Any]) -> list[Sequence[Any]]:
    """Cut into pieces of the lengths there are statements for."""
    pieces, done = [], 0
    for length in AT_ONCE:
        while len(things) - done >= length:
            pieces.append(things[done : done + length])
            done += length
    return pieces


def _key_of(write: Write) -> Key | None:
    """The one row it is about, where that can be said."""
    named = write.row if isinstance(write, Put) else write.where
    key = tuple(named.get(column) for column in write.table.key)
    moves = isinstance(write, Change) and any(column in write.to for column in write.table.key)
    return None if None in key or moves else key


def _whatever_was_there(write: Write) -> bool:
    """It makes no difference to it what an earlier write has left of its row."""
    if isinstance(write, Put):
        return write.over
    return isinstance(write, Drop) and len(write.where) == len(write.table.key)


def _shape(write: Write) -> object:
    """Writes of one shape are one statement with other values."""
    match write:
        case Put(over=over):
            return Put, over
        case Drop(where=where):
            return Drop, *_named(where)
        case Change(where=where, to=to):
            return Change, *_named(where), *to


def _named(where: Mapping[str, Value]) -> Iterator[tuple[str, bool]]:
    """A condition spells a None otherwise."""
    return ((column, value is None) for column, value in where.items())
