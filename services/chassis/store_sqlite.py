"""The store on SQLite: the library's table, one writer connection, group commit, rows beside the facts (D4).

Nobody else writes this log, so what was lately written or read is kept at hand and not read again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson

from events import Told
from services.chassis import codec, rows_sql
from services.chassis.grouping import Grouped
from services.chassis.incarnation import checkpoint_row
from services.chassis.judgement import Seen, judge, named
from services.chassis.kept import Kept
from services.chassis.recorder_sqlite import SqliteRecorder, Stored, lines_in, locked
from services.chassis.rows import Claim, Pick, Row
from services.chassis.rows_sql import SQLITE
from services.chassis.rows_together import RowsTogether
from services.chassis.sparing import Ballast, Sparing
from services.chassis.store import Append, Conflict, FenceLost, RowsRefused, StreamMoved, Topics

T = TypeVar("T")
_REFUSED = (
    sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError, OverflowError,
    TypeError, ValueError,
)  # fmt: skip
"""What is said of values that cannot be kept. Of a disk or a damaged file it is another error (F18, F19)."""
RELIED_ON = """
SELECT
  (SELECT json_group_object(originator_id, version) FROM
    (SELECT originator_id, MAX(originator_version) AS version FROM stored_events
     WHERE originator_id IN (SELECT value FROM json_each(?)) GROUP BY originator_id)),
  (SELECT json_group_object(connection, epoch) FROM line WHERE connection IN (SELECT value FROM json_each(?))),
  (SELECT json_group_object(service, position) FROM checkpoint WHERE service IN (SELECT value FROM json_each(?)))"""


class Unkeepable(Exception):
    """One member of a group asks what SQLite refuses; the others are written without it."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number


class Asked(NamedTuple):
    """One caller's append, its facts already encoded outside the writer's thread."""

    append: Append
    encoded: Sequence[bytes]


def encoded(append: Append) -> Asked:
    return Asked(append, [codec.encode(draft) for say in append.says for draft in say.facts])


class SqliteStore:
    """See `Store`. Writes run in one thread, the pages of a tail in another, so that reading never waits for a flush.

    Streams and rows are read where they are asked for: that takes microseconds, and a thread would take a hundred.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = locked(path)
        self._recorder = SqliteRecorder(path)
        self._recorder.prepare()
        self._reader, self._near = _reader(path), _reader(path)
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-reader")
        self._ballast = Ballast(path.with_name(path.name + ".ballast"))
        self._sparing = Sparing(self._commit, self._ballast)
        self._writing: Grouped[Asked | Claim, Any] = Grouped(
            self._sparing, "log-writer", first=self._to_be_written, then=self._keep
        )
        self._life = self._recorder.incarnation()
        self._kept = Kept(self._recorder.last_position())
        self._recorded_at = self._last_recorded_at()
        self.on_append: list[Callable[[int], None]] = []

    @property
    def pending(self) -> int:
        """Appends and claims asked for and not yet answered."""
        return self._writing.pending

    @property
    def trouble(self) -> str | None:
        """What is wrong with the disk, or None."""
        return self._sparing.trouble

    def _last_recorded_at(self) -> datetime:
        query = f"SELECT state FROM {self._recorder.events_table_name} ORDER BY rowid DESC LIMIT 1"
        last = self._recorder.writer.execute(query).fetchone()
        if last is None:
            return datetime.min.replace(tzinfo=UTC)
        return datetime.fromisoformat(orjson.loads(last[0])["recorded_at"])

    async def append(self, append: Append) -> Sequence[Told]:
        told: Sequence[Told] = await self._writing.ask(encoded(append))
        if told:
            for hear in self.on_append:
                hear(told[-1].position)
        return told

    async def claim(self, claim: Claim) -> Sequence[Row]:
        found: Sequence[Row] = await self._writing.ask(claim)
        return found

    def _to_be_written(self, group: Sequence[Asked | Claim]) -> None:
        """From here on the file may say more than what is kept at hand, and readers of the file may see it."""
        self._kept.writing(say.stream for asked in group if isinstance(asked, Asked) for say in asked.append.says)

    def _keep(self, group: Sequence[Asked | Claim], answers: Sequence[Any]) -> None:
        """Before anybody is answered, so that whoever was answered reads what it wrote."""
        for asked, answer in zip(group, answers, strict=True):
            if isinstance(answer, StreamMoved):
                self._kept.forget(answer.stream)  # what is known of it here may be why it was refused
            elif isinstance(answer, Exception) and not isinstance(answer, Conflict):
                self._kept.clear()
            elif isinstance(asked, Asked) and not isinstance(answer, Exception):
                self._kept.written(answer)
        self._kept.told()

    def _commit(self, group: Sequence[Asked | Claim]) -> Sequence[Any]:
        """In the writer's thread; members are answered in order. Whoever asks what SQLite refuses is left out."""
        refused: dict[int, RowsRefused] = {}
        together = True
        while True:
            left = [number for number in range(len(group)) if number not in refused]
            try:
                written = iter(self._commit_all([group[number] for number in left], together=together))
            except Unkeepable as unkeepable:
                refused[left[unkeepable.number]] = RowsRefused(f"SQLite refuses what was to be written: {unkeepable}")
            except _REFUSED:
                if not together:
                    raise
                together = False  # each row by itself shows whose it was
            else:
                return [refused.get(number) or next(written) for number in range(len(group))]

    def _commit_all(self, group: Sequence[Asked | Claim], *, together: bool) -> Sequence[Any]:
        """One transaction for the whole group."""
        db = self._recorder.writer
        db.execute("BEGIN IMMEDIATE")
        try:
            answers = self._write(group, RowsTogether(db.execute, together=together))
            db.execute("COMMIT")
        except BaseException:
            self._recorder.unsure()
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return [
            self._second_look(asked, answer) if isinstance(answer, StreamMoved | FenceLost) else answer
            for asked, answer in zip(group, answers, strict=True)
        ]

    def _write(self, group: Sequence[Asked | Claim], rows: RowsTogether) -> list[Any]:
        appends = [asked.append for asked in group if isinstance(asked, Asked)]
        seen = self._seen(appends) if appends else Seen()
        stored: list[Stored] = []
        position = self._recorder.end().position
        answers: list[Any] = []
        self._recorded_at = max(self._recorded_at, self._now())
        stamp = codec.stamp(self._recorded_at)
        for number, asked in enumerate(group):
            try:
                if isinstance(asked, Claim):
                    rows.settle(asked.pick.table)
                    answers.append(self._claim(asked))
                    continue
                conflict = judge(asked.append, seen)
                if conflict is not None:
                    answers.append(conflict)
                    continue
                self._write_rows(asked.append, rows)
            except _REFUSED as error:
                if rows.together:
                    raise  # it may be another's row that is only written now
                raise Unkeepable(number, str(error)) from error
            told = self._tell(asked, position, stamp, stored)
            position += len(told)
            answers.append(told)
        rows.settle_all()
        if stored:
            self._recorder.insert(stored)
        return answers

    def _seen(self, appends: Sequence[Append]) -> Seen:
        """One row for everything any caller named, since each row lets go of the interpreter; the write lock makes
        the answers final."""
        wanted = [orjson.dumps(names).decode() for names in named(appends)]
        versions, epochs, checkpoints = map(orjson.loads, self._recorder.writer.execute(RELIED_ON, wanted).fetchone())
        return Seen(versions, {name: epoch or 0 for name, epoch in epochs.items()}, checkpoints)

    def _tell(self, asked: Asked, position: int, stamp: bytes, stored: list[Stored]) -> list[Told]:
        told: list[Told] = []
        states = iter(asked.encoded)
        for say in asked.append.says:
            for version, draft in enumerate(say.facts, say.after + 1):
                position += 1
                stored.append((say.stream, version, draft.fact.topic(), codec.splice(stamp, next(states))))
                told.append(codec.tell(draft, say.stream, version, position, self._recorded_at))
        return told

    def _write_rows(self, append: Append, rows: RowsTogether) -> None:
        if append.read:
            rows.add(checkpoint_row(append.read, self._life))
        for write in append.rows:
            rows.add(write)

    def _claim(self, claim: Claim) -> list[Row]:
        found = self._recorder.writer.execute(*rows_sql.claim(claim, SQLITE)).fetchall()
        return rows_sql.in_order([rows_sql.unpack(claim.pick.table, values) for values in found], claim.pick)

    def _second_look(self, asked: Asked | Claim, answer: Any) -> Any:
        """The same facts once more are the same answer (I4); any other conflict is what it is."""
        if not isinstance(asked, Asked) or not asked.append.says:
            return answer
        there: list[Told] = []
        for say in asked.append.says:
            there += self._select(self._recorder.writer, say.stream, say.after, say.after + len(say.facts))
        ids = [draft.id for say in asked.append.says for draft in say.facts]
        return there if [told.id for told in there] == ids else answer

    def _select(self, db: sqlite3.Connection, stream: str, after: int, upto: int) -> list[Told]:
        query = (
            f"SELECT originator_version, rowid, topic, state FROM {self._recorder.events_table_name}"
            " WHERE originator_id=? AND originator_version>? AND originator_version<=? ORDER BY originator_version"
        )
        return [codec.decode(stream, *row) for row in db.execute(query, (stream, after, upto))]

    async def _read(self, what: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, what)

    async def read(self, stream: str) -> Sequence[Told]:
        """Streams are short, and mostly at hand."""
        return self._whole(stream)

    async def read_all(self, streams: Sequence[str]) -> Sequence[Sequence[Told]]:
        return list(map(self._whole, streams))

    def _whole(self, stream: str) -> Sequence[Told]:
        told = self._kept.stream(stream)
        return self._kept.read(stream, self._select(self._near, stream, 0, 2**62)) if told is None else told

    async def fold(self, stream: str, decider: Any) -> tuple[Any, int]:
        state, told = decider.initial, await self.read(stream)
        for each in told:
            state = decider.evolve(state, each.fact)
        return state, len(told)

    async def tail(self, after: int, limit: int = 500) -> Sequence[Told]:
        told = self._kept.tail(after, limit)
        if told is None:
            told = await self._read(lambda: [codec.decode(*line) for line in lines_in(self._reader, after, limit)])
        return told

    async def lines(self, after: int, limit: int = 500, without: Topics = ()) -> Sequence[codec.Line]:
        return await self._read(lambda: lines_in(self._reader, after, limit, without))

    async def position(self) -> int:
        return self._kept.position

    async def pick(self, pick: Pick) -> Sequence[Row]:
        statement, values = rows_sql.select(pick, SQLITE)
        return [rows_sql.unpack(pick.table, row) for row in self._near.execute(statement, values).fetchall()]

    async def close(self) -> None:
        self.on_append.clear()
        await self._writing.close()
        self._reading.shutdown(wait=True)
        self._reader.close()
        self._near.close()
        self._recorder.close()
        self._ballast.give_up()
        self._lock.close()


def _reader(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    db.execute("PRAGMA query_only=1")
    return db
