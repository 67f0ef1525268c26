"""Where the views are kept: their own database, disposable, with rows and position in one transaction (I6, D13).

SQLite in a file (one thread writes, one reads, so that neither waits for the other), a schema beside the log's on
PostgreSQL, or SQLite in memory, inline and without threads, for the simulation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson
import psycopg
from psycopg import sql
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    StaticPool,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from events import Told
from services.chassis.recorder_postgres import conninfo
from services.chassis.store import StoreError
from services.gateway.views.folding import concerned, fold, heard
from services.gateway.views.upserts import Cells, Upsert, cells_of, compiled, puts
from services.gateway.views.view import Document, View, unpacked

T = TypeVar("T")
SHADOW = "shadow_"
"""So the table begins that will be a view's when it is folded."""
MANY = 500
"""So many keys are named in one query."""

STANDING = Table(
    "standing",
    MetaData(),
    Column("view", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("fact", Text, nullable=False),
    Column("shape", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
)
"""How far each view has folded, and the id of the fact it folded last, by which another log is recognised (I26)."""


class Standing(NamedTuple):
    view: str
    position: int
    fact: str
    shape: int
    generation: int


class ViewsAway(StoreError):
    """Their database does not do as asked just now. What it says is told, and never what was asked of it."""

    def __init__(self, broken: Exception) -> None:
        said = str(broken.orig if isinstance(broken, DBAPIError) else broken).partition("\n")[0]
        super().__init__(f"the views' database: {said}")


class ViewsDamaged(StoreError):
    """What lies in their file is no database any more; they may go, since the log has all of it (I6)."""

    def __init__(self, path: str | None, broken: DatabaseError) -> None:
        super().__init__(f"the views cannot be read ({broken.orig}): remove {path}* and start again; the log has all "
                         "of it, and they are made anew")  # fmt: skip


class Keep:
    """The database of the views. `write` and `read` run a function of a connection in one transaction each."""

    def __init__(self, url: str | None) -> None:
        self.postgres = url is not None and url.startswith(("postgresql://", "postgres://"))
        if self.postgres:
            self._writer = self._reader = _postgres(str(url))
            self._reader = self._reader.execution_options(isolation_level="REPEATABLE READ")
        else:
            self._writer = _sqlite(url, "IMMEDIATE")
            self._reader = _sqlite(url, "DEFERRED") if url else self._writer
        self._upserts: dict[str, Upsert] = {}
        self._threads = [ThreadPoolExecutor(1, f"views-{name}") for name in ("writer", "reader")] if url else []

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await self._in(0, self._writer, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """All of it sees the database as it was at one moment."""
        return await self._in(1, self._reader, work)

    def at_once(self, work: Callable[[Connection], T]) -> T:
        """Like `write`, before anybody else is there: at a start."""
        try:
            with self._writer.begin() as db:
                return work(db)
        except (OperationalError, InterfaceError) as broken:
            raise ViewsAway(broken) from broken
        except DatabaseError as broken:
            raise ViewsDamaged(self._writer.url.database, broken) from broken

    async def _in(self, thread: int, engine: Engine, work: Callable[[Connection], T]) -> T:
        def once() -> T:
            try:
                with engine.begin() as db:
                    return work(db)
            except (OperationalError, InterfaceError, NoConnectionLeft) as broken:
                raise ViewsAway(broken) from broken

        if not self._threads:
            return once()
        return await asyncio.get_running_loop().run_in_executor(self._threads[thread], once)

    def upsert(self, table: Table) -> Upsert:
        """Compiled once: views write a few rows at a time, and all the time."""
        if table.name not in self._upserts:
            self._upserts[table.name] = compiled(table, self._writer.dialect)
        return self._upserts[table.name]

    def close(self) -> None:
        for thread in self._threads:
            thread.shutdown(wait=True)
        self._reader.dispose()
        self._writer.dispose()


def _sqlite(url: str | None, begin: str) -> Engine:
    path = url.removeprefix("sqlite:///") if url else None
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    where = URL.create("sqlite", database=path)  # in an address a question mark in a folder's name would begin options
    engine = create_engine(where, poolclass=StaticPool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def connected(db: Any, record: Any) -> None:
        # We say ourselves when a transaction begins; the driver would leave reads and changes of tables outside.
        db.isolation_level = None
        if url is not None:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA busy_timeout=10000")

    @event.listens_for(engine, "begin")
    def begun(db: Connection) -> None:
        db.exec_driver_sql(f"BEGIN {begin}")

    return engine


def _postgres(url: str) -> Engine:
    """Beside the log, in a schema `views`; where the log itself lies in a schema, `<schema>_views`."""

    def connected() -> Any:
        db = psycopg.connect(conninfo(url), autocommit=True)
        found = db.execute("SELECT current_schema()").fetchone()
        home = found[0] if found and found[0] else "public"
        schema = sql.Identifier("views" if home == "public" else f"{home}_views")
        db.execute("SET client_min_messages = warning")
        db.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
        db.execute(sql.SQL("SET search_path TO {}").format(schema))
        db.autocommit = False
        return db

    return create_engine("postgresql+psycopg://", creator=connected, pool_size=2, max_overflow=2, pool_pre_ping=True)


# Functions of a connection: what is done inside one transaction.


def prepare(db: Connection, keep: Keep, views: Sequence[View]) -> None:
    """Every view has its table and its standing; one of another shape begins anew, since the log has all of it."""
    if keep.postgres:
        db.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('distribution views'))")
        )  # two processes may start at once
    there = set(inspect(db).get_table_names())
    for left in [] if keep.postgres else [name for name in there if name.startswith(SHADOW)]:
        db.execute(text(f'DROP TABLE "{left}"'))  # nobody else has this file open: whoever made it is gone
    if STANDING.name not in there:
        STANDING.create(db)
    known = {row.view: row for row in db.execute(select(STANDING))}
    for view in views:
        name, row = view.table.name, known.get(view.table.name)
        if row is not None and row.shape == view.shape and name in there:
            continue
        if name in there:
            view.table.drop(db)
        generation = row.generation + 1 if row else 1
        for index in indexes(view, make(db, view, name), f"{name}_{generation}"):
            index.create(db)
        db.execute(STANDING.delete().where(STANDING.c.view == name))
        db.execute(STANDING.insert().values(view=name, position=0, fact="", shape=view.shape, generation=generation))


def make(db: Connection, view: View, name: str) -> Table:
    """An empty table of this view, not indexed yet: it is filled twice as fast that way."""
    table = view.table.to_metadata(MetaData(), name=name)
    table.create(db)
    return table


def indexes(view: View, table: Table, stem: str) -> list[Index]:
    """Their names are the database's, so no two tables have the same stem."""
    return [
        Index(f"{stem}_{number}", *(table.c[column] for column in names))
        for number, names in enumerate(view.table.info["indexes"])
    ]


def standing(db: Connection, view: View, *, lock: bool = False) -> Standing:
    """How far a view is."""
    return standings(db, [view], lock=lock)[view.table.name]


def standings(db: Connection, views: Iterable[View], *, lock: bool = False) -> dict[str, Standing]:
    """Whoever is about to move views locks them, in one order: two processes never fold one page twice."""
    locking = " FOR UPDATE" if lock and _on_postgres(db) else ""
    asked = f"SELECT {', '.join(Standing._fields)} FROM standing WHERE {_among(db, 'view')} ORDER BY view{locking}"
    found = db.exec_driver_sql(asked, (_names(db, [view.table.name for view in views]),))
    return {row[0]: Standing(*row) for row in found.fetchall()}


def moved(db: Connection, views: Iterable[View], position: int, fact: str, *, generation: int | None = None) -> None:
    mark = "%s" if _on_postgres(db) else "?"
    changes = f"position = {mark}, fact = {mark}, generation = COALESCE({mark}, generation)"
    names = _names(db, [view.table.name for view in views])
    db.exec_driver_sql(f"UPDATE standing SET {changes} WHERE {_among(db, 'view')}", (position, fact, generation, names))


def empty(db: Connection, view: View) -> None:
    db.execute(view.table.delete())
    moved(db, [view], 0, "")


def load(db: Connection, table: Table, keys: Iterable[str]) -> dict[str, Document]:
    """The documents of these keys that there are. They come as one value: each row lets go of the interpreter once."""
    together = "json_object_agg" if _on_postgres(db) else "json_group_object"
    one = f"CAST(COALESCE({together}(key, body), '{{}}') AS TEXT)"
    asked, found = f'SELECT {one} FROM "{table.name}" WHERE {_among(db, "key")}', {}
    for some in in_parts(keys, MANY):
        (rows,) = db.exec_driver_sql(asked, (_names(db, some),)).one()
        found.update({key: unpacked(body) for key, body in orjson.loads(rows).items()})
    return found


def _on_postgres(db: Connection) -> bool:
    return db.dialect.name == "postgresql"


def _among(db: Connection, column: str) -> str:
    """One of many names, and the same text however many there are: the views ask so for every page they fold, and
    *m* the library takes longer to spell a list than the database to find what is on it."""
    return f"{column} = ANY(%s)" if _on_postgres(db) else f"{column} IN (SELECT value FROM json_each(?))"


def _names(db: Connection, names: list[str]) -> Any:
    return names if _on_postgres(db) else orjson.dumps(names).decode()


def fold_onto(db: Connection, keep: Keep, view: View, table: Table, page: Sequence[Told]) -> None:
    """What these facts mean for the rows of a view's table, or of the shadow that will be it."""
    if facts := heard(view, page):
        documents = load(db, table, concerned(view, facts))
        changed = fold(view, documents, facts)
        put(db, keep, table, list(cells_of(view, ((key, documents[key]) for key in changed))))


def put(db: Connection, keep: Keep, table: Table, rows: Sequence[Cells]) -> None:
    """Whole rows, over those with the same key."""
    for statement, values in puts(keep.upsert(table), rows):
        db.exec_driver_sql(statement, values)


def in_parts(things: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(things)
    while part := list(islice(left, size)):
        yield part
