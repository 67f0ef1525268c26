"""The row language as SQL, for SQLite and PostgreSQL alike. Names come from `rows.py` alone; values are parameters.

A statement's text depends on the shape of what is asked and never on its values, so each is spelled once and kept:
a house asks and writes some hundred shapes, each of them some thousand times a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from services.chassis.rows import BYTES, INSTANT, TEXT, WHOLE, Change, Claim, Drop, Pick, Put, Row, Table, Value, Write

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Statement = tuple[str, list[Any]]
Named = tuple[tuple[str, bool], ...]
"""The columns of a condition, each with whether it has a value: a None is spelled otherwise."""
Columns = tuple[str, ...]
Shape = tuple[Any, ...]
SPELLED_MAX = 1024
"""So many texts of each kind are kept: a limit is part of the text, and lanes ask for any number up to 64."""


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """How one database spells what the two spell differently."""

    name: Literal["sqlite", "postgres"]
    mark: str
    row_name: str
    locking: str
    kinds: Mapping[str, str]

    def nulls_first(self, table: Table, column: str) -> str:
        """SQLite puts nulls first by itself; PostgreSQL must be told, and only where there may be any."""
        return " NULLS FIRST" if self.name == "postgres" and column not in _certain(table) else ""

    def along(self, table: Table, column: str, *, backwards: bool) -> str:
        """Which way an index is read: forwards, or backwards from its last."""
        nulls = self.nulls_first(table, column)
        return f" DESC{nulls.replace('FIRST', 'LAST')}" if backwards else nulls


SQLITE = Dialect("sqlite", "?", "rowid", "", {TEXT: "TEXT", WHOLE: "INTEGER", INSTANT: "INTEGER", BYTES: "BLOB"})
POSTGRES = Dialect(
    "postgres", "%s", "ctid", " FOR UPDATE SKIP LOCKED",
    {TEXT: 'TEXT COLLATE "C"', WHOLE: "BIGINT", INSTANT: "BIGINT", BYTES: "BYTEA"},
)  # fmt: skip


def _certain(table: Table) -> frozenset[str]:
    return frozenset(table.key) | frozenset(table.never_none)


def create(table: Table, dialect: Dialect) -> list[str]:
    columns = ", ".join(f'"{column}" {dialect.kinds[kind]}' for column, kind in table.columns.items())
    key = ", ".join(f'"{column}"' for column in table.key)
    statements = [f'CREATE TABLE IF NOT EXISTS "{table.name}" ({columns}, PRIMARY KEY ({key}))']
    for index in table.indexes:
        name = f"{table.name}_by_{'_'.join(index)}"
        over = ", ".join(f'"{column}"{dialect.nulls_first(table, column)}' for column in index)
        statements.append(f'CREATE INDEX IF NOT EXISTS "{name}" ON "{table.name}" ({over})')
    return statements


def quoted(table: Table, column: str) -> str:
    """KeyError for a column the table has not: SQLite would take its name for a text, and find nothing."""
    if column not in table.columns:
        raise KeyError(f"{table.name} has no column {column}")
    return f'"{column}"'


def packed(table: Table, cells: Iterable[tuple[str, Value]]) -> list[Any]:
    """Values as the database keeps them."""
    return [_micros(table, column, value) if isinstance(value, datetime) else value for column, value in cells]


def _micros(table: Table, column: str, value: datetime) -> int | datetime:
    """An instant is kept as whole microseconds since 1970; in any other column a time is for the database to refuse."""
    return (value - _EPOCH) // _MICROSECOND if table.columns[column] == INSTANT else value


def unpack(table: Table, values: Sequence[Any]) -> Row:
    row: Row = dict(zip(table.columns, values, strict=True))
    for column in _instants(table):
        if (micros := row[column]) is not None:
            row[column] = _EPOCH + micros * _MICROSECOND  # type: ignore[operator]
    return row


@lru_cache
def _instants(table: Table) -> tuple[str, ...]:
    return tuple(column for column, kind in table.columns.items() if kind == INSTANT)


# Writing.


def write(row: Write, dialect: Dialect) -> Statement:
    return written(row.table, shape(row), dialect), values(row)


def shape(row: Write) -> Shape:
    """Writes of one shape to one table have one text."""
    match row:
        case Put(over=over):
            return Put, over
        case Drop(where=where):
            return Drop, named(where)
        case Change(where=where, to=to, raising=raising):
            return Change, named(where), tuple(to), raising


def values(row: Write) -> list[Any]:
    """In the order in which the text asks for them."""
    table = row.table
    match row:
        case Put(row=cells):
            return packed(table, zip(table.columns, map(cells.get, table.columns), strict=True))
        case Drop(where=where):
            return _given(table, where)
        case Change(where=where, to=to):
            return packed(table, to.items()) + _given(table, where)


def named(where: Mapping[str, Value]) -> Named:
    return tuple([(column, value is not None) for column, value in where.items()])


def _given(table: Table, where: Mapping[str, Value]) -> list[Any]:
    return packed(table, [cell for cell in where.items() if cell[1] is not None])


@lru_cache(SPELLED_MAX)
def written(table: Table, shape: Shape, dialect: Dialect) -> str:
    """The text of one write."""
    match shape:
        case (kind, over) if kind is Put:
            return put_text(table, over, dialect)
        case (kind, where) if kind is Drop:
            return f'DELETE FROM "{table.name}" WHERE {_equal(table, where, dialect)}'
        case _:
            _, where, to, raising = shape
            set_to = changes(table, [(column, dialect.mark) for column in to], raising)
            return f'UPDATE "{table.name}" SET {set_to} WHERE {_equal(table, where, dialect)}'


def changes(table: Table, to: Iterable[tuple[str, str]], raising: str | None) -> str:
    """Columns set to what is said of them, and one of them, maybe, raised."""
    said = [f"{quoted(table, column)} = {value}" for column, value in to]
    if raising:
        said.append(f"{quoted(table, raising)} = COALESCE({quoted(table, raising)}, 0) + 1")
    return ", ".join(said)


def put_text(table: Table, over: bool, dialect: Dialect, *, rows: int = 1) -> str:
    key = ", ".join(f'"{column}"' for column in table.key)
    rest = [column for column in table.columns if column not in table.key]
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in rest)
    then = f"DO UPDATE SET {changes}" if over and rest else "DO NOTHING"
    marks = row_marks(len(table.columns), rows, dialect)
    return f'INSERT INTO "{table.name}" ({_names(table)}) VALUES {marks} ON CONFLICT ({key}) {then}'


def row_marks(columns: int, rows: int, dialect: Dialect) -> str:
    return ", ".join([f"({', '.join([dialect.mark] * columns)})"] * rows)


def _equal(table: Table, where: Named, dialect: Dialect) -> str:
    parts = [f"{quoted(table, column)} {f'= {dialect.mark}' if given else 'IS NULL'}" for column, given in where]
    return " AND ".join(parts) or "TRUE"


# Asking.


def select(pick: Pick, dialect: Dialect) -> Statement:
    return _selected(*_asked(pick), dialect), _bounds(pick)


def claim(asked: Claim, dialect: Dialect) -> Statement:
    """One statement picks, sets and gives back; on PostgreSQL rows another claimer holds are stepped over."""
    text = _claimed(*_asked(asked.pick), tuple(asked.to), asked.raising, dialect)
    return text, packed(asked.pick.table, asked.to.items()) + _bounds(asked.pick)


def _asked(pick: Pick) -> tuple[Any, ...]:
    """All of a pick but its values."""
    return (pick.table, named(pick.where), tuple(pick.upto), tuple(pick.since), pick.order, pick.limit, pick.backwards)


def _bounds(pick: Pick) -> list[Any]:
    table = pick.table
    return _given(table, pick.where) + packed(table, (*pick.upto.items(), *pick.since.items()))


@lru_cache(SPELLED_MAX)
def _selected(
    table: Table, where: Named, upto: Columns, since: Columns, order: Columns, limit: int | None, backwards: bool,
    dialect: Dialect,
) -> str:  # fmt: skip
    condition, tail = _condition(table, where, upto, since, dialect), _tail(table, order, limit, backwards, dialect)
    return f'SELECT {_names(table)} FROM "{table.name}" WHERE {condition}{tail}'


@lru_cache(SPELLED_MAX)
def _claimed(
    table: Table, where: Named, upto: Columns, since: Columns, order: Columns, limit: int | None, backwards: bool,
    to: Columns, raising: str | None, dialect: Dialect,
) -> str:  # fmt: skip
    condition, tail = _condition(table, where, upto, since, dialect), _tail(table, order, limit, backwards, dialect)
    set_to = changes(table, [(column, dialect.mark) for column in to], raising)
    chosen = f'SELECT {dialect.row_name} FROM "{table.name}" WHERE {condition}{tail}{dialect.locking}'
    return f'UPDATE "{table.name}" SET {set_to} WHERE {dialect.row_name} IN ({chosen}) RETURNING {_names(table)}'


def _condition(table: Table, where: Named, upto: Columns, since: Columns, dialect: Dialect) -> str:
    condition, certain = _equal(table, where, dialect), _certain(table)
    for column in upto:
        name = quoted(table, column)
        bound = f"{name} <= {dialect.mark}"
        condition += f" AND {bound}" if column in certain else f" AND ({bound} OR {name} IS NULL)"
    for column in since:
        condition += f" AND {quoted(table, column)} >= {dialect.mark}"
    return condition


def _tail(table: Table, order: Columns, limit: int | None, backwards: bool, dialect: Dialect) -> str:
    along = ", ".join(f"{quoted(table, column)}{dialect.along(table, column, backwards=backwards)}" for column in order)
    return (f" ORDER BY {along}" if along else "") + (f" LIMIT {int(limit)}" if limit is not None else "")


def _names(table: Table) -> str:
    return ", ".join(f'"{column}"' for column in table.columns)


def in_order(rows: list[Row], pick: Pick) -> list[Row]:
    """What an UPDATE gives back comes in any order; this is the order that was asked for."""

    def rank(row: Row) -> tuple[tuple[bool, Any], ...]:
        values = [row[column] for column in pick.order]
        return tuple((value is not None, value if value is not None else 0) for value in values)

    return sorted(rows, key=rank, reverse=pick.backwards) if pick.order else rows
