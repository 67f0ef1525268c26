"""The store in memory: the library's own in-memory recorder, and rows in dictionaries. For tests and simulation.

Every call runs inline, without a thread and without a pause, so a whole system in one process stays deterministic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from eventsourcing.persistence import StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from events import Told
from services.chassis import chain, codec, incarnation
from services.chassis.judgement import Seen, judge, named
from services.chassis.rows import (
    CHECKPOINT,
    HOUSE,
    LINE,
    TABLES,
    Change,
    Claim,
    Drop,
    Pick,
    Put,
    Row,
    Table,
    Value,
    Write,
)
from services.chassis.store import Append, Conflict, FenceLost, RowsRefused, StreamMoved, Topics

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
IN_MEMORY = '{"id":"in memory"}'
"""Nobody remembers it any longer than it lives, and a seed is played the same every time."""


class MemoryTable:
    """Rows by key, and by each index's first column, so that a pick with that column equal reads few rows."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: dict[tuple[Value, ...], Row] = {}
        self._by: dict[str, dict[Value, dict[tuple[Value, ...], None]]] = {
            column: defaultdict(dict) for column in {index[0] for index in (*table.indexes, table.key)}
        }

    def key_of(self, row: Mapping[str, Value]) -> tuple[Value, ...]:
        return tuple(row[column] for column in self.table.key)

    def put(self, put: Put) -> None:
        row: Row = {column: put.row.get(column) for column in self.table.columns}
        key = self.key_of(row)
        if key in self.rows:
            if not put.over:
                return
            self._forget(key)
        self.rows[key] = row
        for column, index in self._by.items():
            index[row[column]][key] = None

    def _forget(self, key: tuple[Value, ...]) -> None:
        row = self.rows.pop(key)
        for column, index in self._by.items():
            keys = index[row[column]]
            del keys[key]
            if not keys:
                del index[row[column]]

    def matching(self, where: Mapping[str, Value]) -> list[tuple[tuple[Value, ...], Row]]:
        if all(column in where for column in self.table.key):
            key = self.key_of(where)
            keys: Iterable[tuple[Value, ...]] = [key] if key in self.rows else []
            known: Collection[str | None] = self.table.key
        else:
            indexed = next((column for column in where if column in self._by), None)
            keys = self._by[indexed].get(where[indexed], ()) if indexed else self.rows
            known = (indexed,)
        wanted = [(column, value) for column, value in where.items() if column not in known]
        found = [(key, self.rows[key]) for key in keys]
        for column, value in wanted:
            found = [(key, row) for key, row in found if row[column] == value]
        return found

    def drop(self, where: Mapping[str, Value]) -> None:
        for key, _ in self.matching(where):
            self._forget(key)

    def change(self, where: Mapping[str, Value], to: Mapping[str, Value], raising: str | None) -> None:
        for key, row in self.matching(where):
            self._forget(key)
            self.put(Put(self.table, changed(row, to, raising)))

    def pick(self, pick: Pick) -> list[Row]:
        found: list[Row] = [row for _, row in self.matching(pick.where)]
        for column, most in pick.upto.items():
            found = [row for row in found if _upto(row[column], most)]
        for column, least in pick.since.items():
            found = [row for row in found if _since(row[column], least)]
        if pick.order and len(found) > 1:
            found.sort(key=lambda row: tuple(_rank(row[column]) for column in pick.order), reverse=pick.backwards)
        return [dict(row) for row in (found if pick.limit is None else found[: pick.limit])]


def changed(row: Row, to: Mapping[str, Value], raising: str | None) -> Row:
    return {**row, **to, **({raising: int(str(row[raising] or 0)) + 1} if raising else {})}


def _upto(value: Any, most: Any) -> bool:
    return value is None or value <= most


def _since(value: Any, least: Any) -> bool:
    return value is not None and value >= least


def _rank(value: Value) -> tuple[bool, Any]:
    """Nulls first."""
    return (value is not None, value if value is not None else 0)


def _keepable(values: Mapping[str, Value]) -> None:
    """Nothing is taken here that a database would refuse."""
    for value in values.values():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise RowsRefused(f"no database keeps {value}, a whole number of more than 64 bits")


class MemoryStore:
    """See `Store`. `now` gives house time for `recorded_at`."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._recorder = POPOApplicationRecorder()
        self._log: list[Told] = []
        self._streams: dict[str, list[Told]] = defaultdict(list)
        self._tables = {table.name: MemoryTable(table) for table in TABLES}
        self._recorded_at = _BEFORE_ALL
        self._chained = chain.BEGINNING
        self._life = incarnation.incarnation_in(IN_MEMORY)
        self._write(Put(HOUSE, {"name": incarnation.NAME, "body": IN_MEMORY}))
        self.on_append: list[Callable[[int], None]] = []
        self.pending = 0

    async def append(self, append: Append) -> Sequence[Told]:
        conflict = judge(append, self._seen(append))
        if conflict is not None:
            return self._repeated(append, conflict)
        for write in append.rows:
            _keepable(write.row if isinstance(write, Put) else {**write.where, **getattr(write, "to", {})})
        told = self._say(append)
        if append.read:
            self._write(incarnation.checkpoint_row(append.read, self._life))
        for write in append.rows:
            self._write(write)
        if told:
            for hear in self.on_append:
                hear(len(self._log))
        return told

    def _seen(self, append: Append) -> Seen:
        wanted = named([append])
        lines, checkpoints = self._tables[LINE.name].rows, self._tables[CHECKPOINT.name].rows
        return Seen(
            {stream: len(self._streams[stream]) for stream in wanted.streams if stream in self._streams},
            {name: int(str(lines[name,]["epoch"] or 0)) for name in wanted.lines if (name,) in lines},
            {name: int(str(checkpoints[name,]["position"])) for name in wanted.services if (name,) in checkpoints},
        )

    def _repeated(self, append: Append, conflict: Conflict) -> Sequence[Told]:
        """The same facts once more are the same answer (I4); anything else is the conflict it is."""
        if not isinstance(conflict, StreamMoved | FenceLost) or not append.says:
            raise conflict
        there: list[Told] = []
        for say in append.says:
            there += self._streams.get(say.stream, [])[say.after : say.after + len(say.facts)]
        if [told.id for told in there] != [draft.id for say in append.says for draft in say.facts]:
            raise conflict
        return there

    def _say(self, append: Append) -> list[Told]:
        if not append.says:
            return []
        self._recorded_at = max(self._recorded_at, self._now())
        stored: list[StoredEvent] = []
        told: list[Told] = []
        for say in append.says:
            for version, draft in enumerate(say.facts, say.after + 1):
                state = codec.splice(codec.stamp(self._recorded_at), codec.encode(draft))
                stored.append(StoredEvent(say.stream, version, draft.fact.topic(), state))
                position = len(self._log) + len(told) + 1
                told.append(codec.tell(draft, say.stream, version, position, self._recorded_at))
        self._recorder.insert_events(stored)
        self._chained = chain.linked(
            self._chained,
            ((str(each.originator_id), each.originator_version, said.position, each.topic, each.state)
             for each, said in zip(stored, told, strict=True)),
        )  # fmt: skip
        self._write(chain.link_row(told[-1].position, self._chained))
        self._log += told
        for each in told:
            self._streams[each.stream].append(each)
        return told

    def _write(self, write: Write) -> None:
        table = self._tables[write.table.name]
        match write:
            case Put():
                table.put(write)
                if write.table is HOUSE and write.row["name"] == incarnation.NAME:
                    self._life = incarnation.incarnation_in(str(write.row["body"]))
            case Drop(where=where):
                table.drop(where)
            case Change(where=where, to=to, raising=raising):
                table.change(where, to, raising)

    async def read(self, stream: str) -> Sequence[Told]:
        return list(self._streams.get(stream, ()))

    async def read_all(self, streams: Sequence[str]) -> Sequence[Sequence[Told]]:
        return [await self.read(stream) for stream in streams]

    async def fold(self, stream: str, decider: Any) -> tuple[Any, int]:
        state, told = decider.initial, self._streams.get(stream, ())
        for each in told:
            state = decider.evolve(state, each.fact)
        return state, len(told)

    async def tail(self, after: int, limit: int = 500) -> Sequence[Told]:
        return self._log[after : after + limit]

    async def lines(self, after: int, limit: int = 500, without: Topics = ()) -> Sequence[codec.Line]:
        page = self._log[after : after + limit]
        return [codec.line_of(told) for told in page if told.fact.topic() not in without or told is page[-1]]

    async def position(self) -> int:
        return len(self._log)

    async def pick(self, pick: Pick) -> Sequence[Row]:
        return self._tables[pick.table.name].pick(pick)

    async def claim(self, claim: Claim) -> Sequence[Row]:
        _keepable(claim.to)
        table = self._tables[claim.pick.table.name]
        taken = []
        for row in table.pick(claim.pick):
            after = changed(row, claim.to, claim.raising)
            table.put(Put(table.table, after))
            taken.append(dict(after))
        return taken

    async def close(self) -> None:
        self.on_append.clear()
