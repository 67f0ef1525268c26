"""What a transaction writes together is what its writes would have left one after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import rows_sql
from services.chassis.rows import LINE, TABLES, TEXT, WHOLE, Change, Drop, Put, Table, Write
from services.chassis.rows_sql import POSTGRES, SQLITE
from services.chassis.rows_together import RowsTogether, in_lengths, together

SHELF = Table("shelf", {"room": TEXT, "place": WHOLE, "book": TEXT, "lent": WHOLE}, key=("room", "place"))
ROOMS, PLACES = st.sampled_from(["hall", "attic"]), st.integers(0, 2)
BOOKS, LENT = st.sampled_from(["Emma", "Ulysses", None]), st.sampled_from([0, 1, None])
KEY = st.fixed_dictionaries({"room": ROOMS, "place": PLACES})
FIELDS = {"book": BOOKS, "lent": LENT}
WHERE = st.one_of(
    st.fixed_dictionaries({"room": ROOMS, "place": PLACES}, optional=FIELDS),
    st.fixed_dictionaries({}, optional={"room": ROOMS, **FIELDS}),
)
WRITES: st.SearchStrategy[Write] = st.one_of(
    st.builds(lambda key, more, over: Put(SHELF, {**key, **more}, over), KEY, st.fixed_dictionaries(FIELDS),
              st.booleans()),
    st.builds(lambda where: Drop(SHELF, where), WHERE),
    st.builds(lambda where, to, raising: Change(SHELF, where, to, raising), WHERE,
              st.fixed_dictionaries({}, optional={"book": BOOKS}), st.just("lent")),
    st.builds(lambda where, to: Change(SHELF, where, to), WHERE,
              st.fixed_dictionaries({}, optional=FIELDS).filter(bool)),
)  # fmt: skip


def left_by(writes: Sequence[Write], *, together: bool) -> tuple[list[tuple[object, ...]], int]:
    """The rows there are afterwards, and how many statements it took."""
    db, said = sqlite3.connect(":memory:"), []
    for table in (SHELF, LINE):
        for statement in rows_sql.create(table, SQLITE):
            db.execute(statement)
    rows = RowsTogether(lambda sql, values: said.append(sql) or db.execute(sql, values), together=together)
    for write in writes:
        rows.add(write)
    rows.settle_all()
    return db.execute("SELECT * FROM shelf ORDER BY room, place").fetchall(), len(said)


@given(st.lists(WRITES, max_size=30))
def test_together_leaves_what_one_after_the_other_leaves(writes):
    assert left_by(writes, together=True)[0] == left_by(writes, together=False)[0]


def test_a_hundred_rows_are_a_few_statements():
    puts: list[Write] = [Put(SHELF, {"room": "hall", "place": place}) for place in range(100)]
    drops: list[Write] = [Drop(SHELF, {"room": "hall", "place": place, "book": None}) for place in range(50)]
    changes: list[Write] = [Change(SHELF, {"room": "hall", "place": place}, {"lent": 1}) for place in range(50, 100)]
    rows, statements = left_by([*puts, *drops, *changes], together=True)
    assert len(rows) == 50
    assert {row[3] for row in rows} == {1}
    assert statements < 30


def test_of_many_writes_to_one_row_the_last_stands_alone():
    seen: list[Write] = [Put(SHELF, {"room": "hall", "place": 1, "lent": number}) for number in range(40)]
    assert left_by(seen, together=True) == ([("hall", 1, None, 39)], 1)


@pytest.mark.parametrize(
    "write",
    [
        Drop(SHELF, {"romo": "hall"}),
        Change(SHELF, {"room": "hall"}, {"lnet": 1}),
        Change(SHELF, {"romo": "hall"}, {"lent": 1}),
    ],
)
def test_a_column_that_a_table_has_not_is_refused_by_name(write):
    """SQLite would take the name for a text, and find nothing."""
    for dialect in (SQLITE, POSTGRES):
        with pytest.raises(KeyError, match="shelf has no column"):
            rows_sql.write(write, dialect)


def test_a_table_is_settled_by_itself():
    said: list[str] = []
    rows = RowsTogether(lambda sql, values: said.append(sql))
    rows.add(Put(SHELF, {"room": "hall", "place": 1}))
    rows.add(Put(LINE, {"connection": "acme.x"}))
    rows.settle(LINE)
    assert [sql.split('"')[1] for sql in said] == ["line"]
    rows.settle_all()
    assert [sql.split('"')[1] for sql in said] == ["line", "shelf"]


@given(st.integers(0, 1000))
def test_every_thing_is_in_one_piece(count):
    things = list(range(count))
    assert [thing for piece in in_lengths(things) for thing in piece] == things


VALUES = {"text": "a", "whole": 1, "instant": datetime(2026, 11, 24, tzinfo=UTC), "bytes": b"a"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_row_is_found_by_its_key_however_many_there_are(table):
    """A look at all of them for each statement is a matter of seconds once a million alarms are set."""
    db = sqlite3.connect(":memory:")
    for statement in rows_sql.create(table, SQLITE):
        db.execute(statement)
    key = {column: VALUES[table.columns[column]] for column in table.key}
    rest = [column for column in table.columns if column not in table.key]
    more = [{column: VALUES[table.columns[column]]} for column in rest] + [dict.fromkeys(rest[:1])]
    for where in (key, *({**key, **one} for one in more)):
        for write in [Drop(table, where), Change(table, where, {rest[0]: None} if rest else {})][: 2 if rest else 1]:
            sql, values = together(table, rows_sql.shape(write), 16), rows_sql.values(write) * 16
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            assert not [step for step in plan if step.startswith(f"SCAN {table.name}")], (sql, plan)
