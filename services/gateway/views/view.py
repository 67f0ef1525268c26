"""What a view is, and the few words every view shares.

A document is a plain dict that JSON can say: folding a million facts leaves no room for anything dearer (D13). The
row is its key, the columns the view is asked by, and the document as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import orjson
from sqlalchemy import Column, MetaData, Table, Text

from events import Fact, Told
from events.subjects import name_of

Document = dict[str, Any]
ZERO = r"\u0000"
"""As JSON spells it."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class View(Protocol):
    """Modules are views; the type checker holds them to this. `shape` is raised when rows of old mean something else.

    `hears` names the facts it folds, None for all of them.
    """

    table: Table
    shape: int
    hears: frozenset[type[Fact]] | None
    initial: Document

    def keys(self, told: Told) -> Sequence[str]: ...

    def evolve(self, document: Document, told: Told) -> Document: ...

    def columns(self, document: Document) -> Mapping[str, Any]: ...


def by_name(told: Told) -> Sequence[str]:
    """A document called after its stream: the `keys` of most views. Such a view can be folded in shares."""
    return (name_of(told.stream),)


def table_of(name: str, *columns: Column[Any], indexes: Sequence[tuple[str, ...]] = ()) -> Table:
    """A view's table. Its indexes are only named by their columns: a shadow beside it needs names of its own."""
    return Table(
        name,
        MetaData(),
        Column("key", Text, primary_key=True),
        *columns,
        Column("body", Text, nullable=False),
        info={"indexes": tuple(indexes)},
    )


def packed(document: Document) -> str:
    """The same document is the same bytes, whichever way it was folded (I6)."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


def unpacked(body: str) -> Document:
    found: Document = orjson.loads(body)
    return found


def row_of(view: View, key: str, document: Document) -> dict[str, Any]:
    """PostgreSQL keeps no zero character in a text, so a column has none; the document still does, spelled out."""
    columns, body = view.columns(document), packed(document)
    if ZERO in body:
        columns = {
            name: value.replace("\0", "") if isinstance(value, str) else value for name, value in columns.items()
        }
    return {"key": key, **columns, "body": body}


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, as every door of the house says it."""
    if at is None:
        return None
    if at.utcoffset():
        at = at.astimezone(UTC)
    return orjson.dumps(at, option=orjson.OPT_UTC_Z)[1:-1].decode()  # a third of what isoformat takes


def micros(at: str | datetime | None) -> int | None:
    """Whole microseconds since 1970: a column that sorts, and that both databases keep exactly."""
    if at is None:
        return None
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    since = moment - _BEGINNING
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(micros: int) -> datetime:
    """The instant of such a column."""
    return _BEGINNING + timedelta(microseconds=micros)
