"""The store on PostgreSQL: the library's table under its lock, group commit, rows beside the facts.

One transaction is: the lock; *then* one query for whatever any caller relies on; the callers judged in order, in
Python; one insert of all that passed; their rows; the commit. The lock makes the judgement final, for any number of
processes, and makes commit order position order (D4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from eventsourcing.persistence import StoredEvent

from events import Told
from services.chassis import codec, rows_sql
from services.chassis.chain import NO_HEAD, Head, head_of
from services.chassis.grouping import Grouped
from services.chassis.incarnation import checkpoint_row
from services.chassis.judgement import Seen, judge, named
from services.chassis.life_postgres import life_of, prove_life, prove_same_life
from services.chassis.readers_postgres import BROKEN, Readers
from services.chassis.recorder_postgres import (
    ANSWER_S,
    Connection,
    PostgresRecorder,
    StoreUnreachable,
    connect,
    link_of,
)
from services.chassis.rows import Claim, Pick, Put, Row
from services.chassis.rows_sql import POSTGRES
from services.chassis.store import Append, FenceLost, RowsRefused, StreamMoved, Topics
from services.chassis.store_sqlite import Asked, encoded

TRIES = 3
"""A connection that broke is replaced so many times before the callers are told that the database is gone."""
# An internal error is also what a database says that takes nothing for now: an old primary, or one whose disk is full.
_REFUSED = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.RaiseException, TypeError, ValueError)
"""What is said of values that cannot be kept, and by the triggers over facts."""


class PostgresStore:
    """See `Store`. Writes run in one thread on one connection, reads in others on theirs."""

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self._url, self._now = url, now
        self._recorder = PostgresRecorder(url)
        self._writer: Connection = connect(url, patience_s=ANSWER_S)
        with _or_closed(self._writer):
            self._recorder.prove(self._writer)
            self._life = life_of(self._writer)
        self._readers = Readers(url)
        self._writing: Grouped[Asked | Claim, Any] = Grouped(self._commit, "log-writer")
        self.on_append: list[Callable[[int], None]] = []

    @property
    def pending(self) -> int:
        """Appends and claims asked for and not yet answered."""
        return self._writing.pending

    async def append(self, append: Append) -> Sequence[Told]:
        told: Sequence[Told] = await self._writing.ask(encoded(append))
        if told:
            for hear in self.on_append:
                hear(told[-1].position)
        return told

    async def claim(self, claim: Claim) -> Sequence[Row]:
        found: Sequence[Row] = await self._writing.ask(claim)
        return found

    def _commit(self, group: Sequence[Asked | Claim]) -> Sequence[Any]:
        """One transaction for the whole group, in the writer's thread; members are answered in order."""
        broken: Exception | None = None
        for _ in range(TRIES):
            try:
                return self._write(group)
            except (*BROKEN, psycopg.InternalError) as error:
                broken = error
                self._connect_again()
            except Exception as error:
                # One caller's rows were such that PostgreSQL refuses them; that caller alone shall hear of it.
                self._take_back()
                if len(group) == 1 and isinstance(error, _REFUSED):
                    raise RowsRefused(f"PostgreSQL refuses what was to be written: {error}") from error
                if len(group) == 1:
                    raise
                return [self._alone(asked) for asked in group]
        raise StoreUnreachable(f"the database hangs up: {broken}") from broken

    def _connect_again(self) -> None:
        """Whoever answers at that address now may be another server, with another log or another life of ours (F22)."""
        self._writer.close()
        self._writer = connect(self._url, patience_s=ANSWER_S)
        with _or_closed(self._writer):
            prove_same_life(self._writer, self._life)

    def _take_back(self) -> None:
        try:
            self._writer.rollback()
        except BROKEN:
            self._connect_again()

    def _alone(self, asked: Asked | Claim) -> Any:
        try:
            return self._commit([asked])[0]
        except Exception as error:
            return error

    def _write(self, group: Sequence[Asked | Claim]) -> list[Any]:
        db = self._writer
        seen, recorded_at, head = self._begin(db, group)
        answers: dict[int, Any] = {}
        passed: list[tuple[int, Asked]] = []
        for number, asked in enumerate(group):
            if isinstance(asked, Asked):
                answers[number] = judge(asked.append, seen)
                if answers[number] is None:
                    passed.append((number, asked))
        stored = [each for _, asked in passed for each in _stored(asked, recorded_at)]
        # Claims come last: who asks at the same time has no order, and so none of them slips past an older fence.
        with db.pipeline():
            inserted = self._recorder.insert_into(db, stored) if stored else None
            for _, asked in passed:
                self._write_rows(db, asked.append)
            claims = [(number, asked, db.execute(*rows_sql.claim(asked, POSTGRES)))  # type: ignore[arg-type]
                      for number, asked in enumerate(group) if isinstance(asked, Claim)]  # fmt: skip
        numbers = [position for (position,) in inserted.fetchall()] if inserted else []
        positions = iter(numbers)
        for number, asked in passed:
            answers[number] = _told(asked, positions, recorded_at)
        for number, claim, cursor in claims:
            rows = [rows_sql.unpack(claim.pick.table, values) for values in cursor.fetchall()]
            answers[number] = rows_sql.in_order(rows, claim.pick)
        self._finish(stored, link_of(head, stored, numbers))
        return [self._second_look(asked, answers[number]) for number, asked in enumerate(group)]

    def _write_rows(self, db: Connection, append: Append) -> None:
        writes = [checkpoint_row(append.read, self._life.id), *append.rows] if append.read else append.rows
        for write in writes:
            db.execute(*rows_sql.write(write, POSTGRES))  # type: ignore[arg-type]

    def _begin(self, db: Connection, group: Sequence[Asked | Claim]) -> tuple[Seen, datetime, Head]:
        """The lock, then the query. Claims that raise no epoch need no lock: no two get the same row as it is."""
        appends = [asked.append for asked in group if isinstance(asked, Asked)]
        if not appends and not any(isinstance(asked, Claim) and asked.raising for asked in group):
            db.execute("BEGIN")
            return Seen(), datetime.min.replace(tzinfo=UTC), NO_HEAD
        wanted = named(appends)
        with db.pipeline():
            db.execute("BEGIN")
            for statement in self._recorder.lock_table_statements:
                db.execute(statement)
            cursor = db.execute(self._recorder.seen, [list(wanted.streams), list(wanted.lines), list(wanted.services)])
        # Read after the pipeline has said that it is over: while it has not, the server takes a client that stands
        # still for a busy one, and would leave it the lock for ever instead of ten seconds (F24).
        found = cursor.fetchall()
        seen, recorded_at, chained = Seen(), self._now(), NO_HEAD
        for kind, name, number, head in found:
            match kind:
                case "stream":
                    seen.versions[name] = number
                case "line":
                    seen.epochs[name] = number
                case "service":
                    seen.checkpoints[name] = number
                case "last":
                    recorded_at = max(recorded_at, codec.recorded_at(head))
                case "chain":
                    chained = head_of((number, head))
                case "life":
                    prove_life(name, self._life)
        return seen, recorded_at, chained

    def _finish(self, stored: Sequence[StoredEvent], link: Put | None) -> None:
        """Commit, the link first. When the answer is lost, whether it stands is asked by the first fact's id (F4)."""
        try:
            with self._writer.pipeline():
                if link:
                    self._writer.execute(*rows_sql.write(link, POSTGRES))  # type: ignore[arg-type]
                self._writer.execute("COMMIT")
        except BROKEN:
            self._connect_again()
            if not stored or not self._stands(stored[0]):
                raise

    def _stands(self, first: StoredEvent) -> bool:
        """Under the lock, because the server may still be at work on what we have lost sight of."""
        with self._writer.transaction():
            for statement in self._recorder.lock_table_statements:
                self._writer.execute(statement)
            there = self._select(self._writer, str(first.originator_id), first.originator_version - 1,
                                 first.originator_version)  # fmt: skip
        return [told.id for told in there] == [codec.id_of(first.state)]

    def _second_look(self, asked: Asked | Claim, answer: Any) -> Any:
        """The same facts once more are the same answer (I4); any other conflict is what it is."""
        if not isinstance(answer, StreamMoved | FenceLost) or not isinstance(asked, Asked) or not asked.append.says:
            return answer
        there: list[Told] = []
        for say in asked.append.says:
            there += self._select(self._writer, say.stream, say.after, say.after + len(say.facts))
        ids = [draft.id for say in asked.append.says for draft in say.facts]
        return there if [told.id for told in there] == ids else answer

    def _select(self, db: Connection, stream: str, after: int, upto: int) -> list[Told]:
        return [codec.decode(*row) for row in db.execute(self._recorder.between, (stream, after, upto), binary=True)]

    async def read(self, stream: str) -> Sequence[Told]:
        return await self._readers.read(lambda db: self._select(db, stream, 0, 2**62))

    async def read_all(self, streams: Sequence[str]) -> Sequence[Sequence[Told]]:
        """In one round trip."""
        found: dict[str, list[Told]] = {stream: [] for stream in streams}
        query = self._recorder.of_streams
        told = await self._readers.read(
            lambda db: [codec.decode(*row) for row in db.execute(query, (list(found),), binary=True)]
        )
        for each in told:
            found[each.stream].append(each)
        return [found[stream] for stream in streams]

    async def fold(self, stream: str, decider: Any) -> tuple[Any, int]:
        state, told = decider.initial, await self.read(stream)
        for each in told:
            state = decider.evolve(state, each.fact)
        return state, len(told)

    async def tail(self, after: int, limit: int = 500) -> Sequence[Told]:
        query = self._recorder.above
        return await self._readers.read(
            lambda db: [codec.decode(*row) for row in db.execute(query, (after, limit), binary=True)]
        )

    async def lines(self, after: int, limit: int = 500, without: Topics = ()) -> Sequence[codec.Line]:
        return await self._readers.read(lambda db: self._recorder.lines(db, after, limit, without))

    async def position(self) -> int:
        def last(db: Connection) -> int:
            row = db.execute(self._recorder.max_notification_id_statement).fetchone()
            return (row[0] or 0) if row else 0

        return await self._readers.read(last)

    async def pick(self, pick: Pick) -> Sequence[Row]:
        statement, values = rows_sql.select(pick, POSTGRES)
        return await self._readers.read(
            lambda db: [rows_sql.unpack(pick.table, row) for row in db.execute(statement, values)]  # type: ignore[arg-type]
        )

    async def close(self) -> None:
        self.on_append.clear()
        await self._writing.close()
        self._readers.close()
        self._writer.close()
        self._recorder.datastore.close()


@contextmanager
def _or_closed(db: Connection) -> Iterator[None]:
    """A connection on which that does not come to its end is of no use; and a database that is away is told as such."""
    try:
        yield
    except psycopg.Error as error:
        db.close()
        raise StoreUnreachable(f"the database hangs up: {error}") from error
    except BaseException:
        db.close()
        raise


def _stored(asked: Asked, recorded_at: datetime) -> list[StoredEvent]:
    states, stamp = iter(asked.encoded), codec.stamp(recorded_at)
    return [
        StoredEvent(say.stream, version, draft.fact.topic(), codec.splice(stamp, next(states)))
        for say in asked.append.says
        for version, draft in enumerate(say.facts, say.after + 1)
    ]


def _told(asked: Asked, positions: Any, recorded_at: datetime) -> list[Told]:
    return [
        codec.tell(draft, say.stream, version, next(positions), recorded_at)
        for say in asked.append.says
        for version, draft in enumerate(say.facts, say.after + 1)
    ]
