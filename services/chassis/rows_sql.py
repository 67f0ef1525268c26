"""The row language as SQL, for SQLite and PostgreSQL alike. Names come from `rows.py` alone; values are parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from services.chassis.rows import BYTES, INSTANT, TEXT, WHOLE, Change, Claim, Drop, Pick, Put, Row, Table, Value, Write

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Statement = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
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

    def along(self, pick: Pick, column: str) -> str:
        """Which way an index is read: forwards, or backwards from its last."""
        nulls = self.nulls_first(pick.table, column)
        return f" DESC{nulls.replace('FIRST', 'LAST')}" if pick.backwards else nulls


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


def pack(table: Table, column: str, value: Value) -> Any:
    """An instant is kept as whole microseconds since 1970."""
    if table.columns[column] == INSTANT and isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    return value


def unpack(table: Table, values: Sequence[Any]) -> Row:
    row: Row = {}
    for (column, kind), value in zip(table.columns.items(), values, strict=True):
        row[column] = _EPOCH + value * _MICROSECOND if kind == INSTANT and value is not None else value
    return row


def _equal(table: Table, where: Mapping[str, Value], dialect: Dialect) -> Statement:
    parts, values = [], []
    for column, value in where.items():
        if value is None:
            parts.append(f'"{column}" IS NULL')
        else:
            parts.append(f'"{column}" = {dialect.mark}')
            values.append(pack(table, column, value))
    return " AND ".join(parts) or "TRUE", values


def write(row: Write, dialect: Dialect) -> Statement:
    table = row.table
    match row:
        case Put(row=values, over=over):
            return _put(table, values, over, dialect)
        case Drop(where=where):
            condition, parameters = _equal(table, where, dialect)
            return f'DELETE FROM "{table.name}" WHERE {condition}', parameters
        case Change(where=where, to=to):
            condition, parameters = _equal(table, where, dialect)
            changes = ", ".join(f'"{column}" = {dialect.mark}' for column in to)
            packed = [pack(table, column, value) for column, value in to.items()]
            return f'UPDATE "{table.name}" SET {changes} WHERE {condition}', [*packed, *parameters]


def _put(table: Table, row: Mapping[str, Value], over: bool, dialect: Dialect) -> Statement:
    statement = _PUTS.get((table.name, over, dialect.name))
    if statement is None:
        statement = _PUTS[table.name, over, dialect.name] = _put_statement(table, over, dialect)
    return statement, [pack(table, column, row.get(column)) for column in table.columns]


_PUTS: dict[tuple[str, bool, str], str] = {}
"""A Put spells the same statement every time, and it is what most appends carry."""


def _put_statement(table: Table, over: bool, dialect: Dialect) -> str:
    names = ", ".join(f'"{column}"' for column in table.columns)
    marks = ", ".join([dialect.mark] * len(table.columns))
    key = ", ".join(f'"{column}"' for column in table.key)
    rest = [column for column in table.columns if column not in table.key]
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in rest)
    then = f"DO UPDATE SET {changes}" if over and rest else "DO NOTHING"
    return f'INSERT INTO "{table.name}" ({names}) VALUES ({marks}) ON CONFLICT ({key}) {then}'


def write_alike(writes: Sequence[Write], dialect: Dialect) -> Statement:
    """Rows of different keys in one statement: put, dropped by the same columns, or changed in the same ones."""
    first = writes[0]
    if len(writes) == 1:
        return write(first, dialect)
    statements = [write(each, dialect) for each in writes]
    packed = [value for _, values in statements for value in values]
    match first:
        case Put(table=table):
            one, then = statements[0][0].split(" ON CONFLICT ")
            return f"{one}, {_marks(len(table.columns), len(writes) - 1, dialect)} ON CONFLICT {then}", packed
        case Drop(table=table, where=where):
            name, given = f'"{table.name}"', _given(len(_named(where)), len(writes), dialect)
            # CROSS JOIN is SQLite's word for this order of the two, and each row is found by its key.
            found = f"SELECT {name}.{dialect.row_name} FROM {given} CROSS JOIN {name} ON {_found(table, where, 1)}"
            return f"DELETE FROM {name} WHERE {dialect.row_name} IN ({found})", packed
        case Change(table=table, where=where, to=to):
            given = _given(len(to) + len(_named(where)), len(writes), dialect)
            changes = ", ".join(f'"{column}" = given.column{number}' for number, column in enumerate(to, 1))
            return f'UPDATE "{table.name}" SET {changes} FROM {given} WHERE {_found(table, where, len(to) + 1)}', packed


def _named(where: Mapping[str, Value]) -> list[str]:
    return [column for column, value in where.items() if value is not None]


def _given(columns: int, rows: int, dialect: Dialect) -> str:
    return f"(VALUES {_marks(columns, rows, dialect)}) AS given"


def _found(table: Table, where: Mapping[str, Value], first: int) -> str:
    """Equal to the given columns from the `first` on, and without a value where there is none."""
    same = [f'"{table.name}"."{column}" = given.column{number}' for number, column in enumerate(_named(where), first)]
    none = [f'"{table.name}"."{column}" IS NULL' for column, value in where.items() if value is None]
    return " AND ".join(same + none)


def _marks(columns: int, rows: int, dialect: Dialect) -> str:
    return ", ".join([f"({', '.join([dialect.mark] * columns)})"] * rows)


def _condition(pick: Pick, dialect: Dialect) -> Statement:
    table, certain = pick.table, _certain(pick.table)
    condition, values = _equal(table, pick.where, dialect)
    for column, most in pick.upto.items():
        bound = f'"{column}" <= {dialect.mark}'
        condition += f" AND {bound}" if column in certain else f' AND ({bound} OR "{column}" IS NULL)'
        values.append(pack(table, column, most))
    for column, least in pick.since.items():
        condition += f' AND "{column}" >= {dialect.mark}'
        values.append(pack(table, column, least))
    return condition, values


def _tail(pick: Pick, dialect: Dialect) -> str:
    order = ", ".join(f'"{column}"{dialect.along(pick, column)}' for column in pick.order)
    return (f" ORDER BY {order}" if order else "") + (f" LIMIT {int(pick.limit)}" if pick.limit is not None else "")


def _names(table: Table) -> str:
    return ", ".join(f'"{column}"' for column in table.columns)


def select(pick: Pick, dialect: Dialect) -> Statement:
    condition, values = _condition(pick, dialect)
    return f'SELECT {_names(pick.table)} FROM "{pick.table.name}" WHERE {condition}{_tail(pick, dialect)}', values


def claim(asked: Claim, dialect: Dialect) -> Statement:
    """One statement picks, sets and gives back; on PostgreSQL rows another claimer holds are stepped over."""
    pick, table = asked.pick, asked.pick.table
    condition, values = _condition(pick, dialect)
    changes = [f'"{column}" = {dialect.mark}' for column in asked.to]
    packed = [pack(table, column, value) for column, value in asked.to.items()]
    if asked.raising:
        changes.append(f'"{asked.raising}" = COALESCE("{asked.raising}", 0) + 1')
    chosen = f'SELECT {dialect.row_name} FROM "{table.name}" WHERE {condition}{_tail(pick, dialect)}{dialect.locking}'
    sql = (
        f'UPDATE "{table.name}" SET {", ".join(changes)} WHERE {dialect.row_name} IN ({chosen})'
        f" RETURNING {_names(table)}"
    )
    return sql, [*packed, *values]


def in_order(rows: list[Row], pick: Pick) -> list[Row]:
    """What an UPDATE gives back comes in any order; this is the order that was asked for."""

    def rank(row: Row) -> tuple[tuple[bool, Any], ...]:
        values = [row[column] for column in pick.order]
        return tuple((value is not None, value if value is not None else 0) for value in values)

    return sorted(rows, key=rank, reverse=pick.backwards) if pick.order else rows
