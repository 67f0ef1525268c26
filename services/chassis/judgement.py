"""Which of many callers' appends may be written together. Pure; the stores ask it under their append lock (D4).

Callers are judged in order, each seeing those that passed before it. One that may not passes nothing on, so it fails
alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.chassis.rows import LINE, Drop, Put
from services.chassis.store import Append, CheckpointMoved, Conflict, FenceLost, StreamMoved


@dataclass(slots=True)
class Seen:
    """What the lock made final: last versions, epochs of lines, checkpoints. Absent streams are at 0."""

    versions: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    checkpoints: dict[str, int] = field(default_factory=dict)


class Named(NamedTuple):
    """Everything a group of appends relies on, so that the store can ask for all of it at once."""

    streams: tuple[str, ...]
    lines: tuple[str, ...]
    services: tuple[str, ...]


def named(appends: Iterable[Append]) -> Named:
    streams: dict[str, None] = {}
    lines: dict[str, None] = {}
    services: dict[str, None] = {}
    for append in appends:
        for say in append.says:
            streams[say.stream] = None
        if append.still:
            streams.update(dict.fromkeys(append.still))
        if append.fence:
            lines[append.fence[0]] = None
        if append.read:
            services[append.read.service] = None
    return Named(tuple(streams), tuple(lines), tuple(services))


def judge(append: Append, seen: Seen) -> Conflict | None:
    """None: it passes, and `seen` now counts it."""
    conflict = _conflict(append, seen)
    if conflict is None:
        for say in append.says:
            seen.versions[say.stream] = say.after + len(say.facts)
        if append.read:
            seen.checkpoints[append.read.service] = append.read.position
        _count_epochs(append, seen.epochs)
    return conflict


def _conflict(append: Append, seen: Seen) -> Conflict | None:
    if append.read and seen.checkpoints.get(append.read.service, 0) != append.read.before:
        found = seen.checkpoints.get(append.read.service, 0)
        return CheckpointMoved(append.read.service, append.read.before, found)
    if append.fence and seen.epochs.get(append.fence[0]) != append.fence[1]:
        return FenceLost(append.fence[0], append.fence[1], seen.epochs.get(append.fence[0]))
    for stream, version in append.still.items():
        if (found := seen.versions.get(stream, 0)) != version:
            return StreamMoved(stream, version, found)
    for say in append.says:
        if (found := seen.versions.get(say.stream, 0)) != say.after:
            return StreamMoved(say.stream, say.after, found)
    return None


def _count_epochs(append: Append, epochs: dict[str, int]) -> None:
    """A row of this very append may set or raise a line's epoch; the callers after it must see that."""
    for row in append.rows:
        if row.table is not LINE or isinstance(row, Drop):
            continue
        connection = str((row.row if isinstance(row, Put) else row.where).get("connection"))
        if isinstance(row, Put):
            if isinstance(epoch := row.row.get("epoch"), int) and (row.over or connection not in epochs):
                epochs[connection] = epoch
        elif connection in epochs and row.where.get("epoch", epochs[connection]) == epochs[connection]:
            raised = epochs[connection] + (row.raising == "epoch")
            epochs[connection] = epoch if isinstance(epoch := row.to.get("epoch"), int) else raised
