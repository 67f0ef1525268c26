"""Is the log what was written? Every fact and link is read once, a page at a time, past a running house (I5, F21)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from services.chassis import codec
from services.chassis.chain import NO_HEAD, ChainBroken, Head, looked_for, walked
from services.chassis.incarnation import NAME, incarnation_in
from services.chassis.opening import is_postgres, path_of
from services.chassis.rows import CHECKPOINT
from services.chassis.snapshot import Snapshot, house_value, of_file, of_postgres

EVERY = 20_000
"""So many facts between two words of how far it is."""
Said = Callable[[int, int], None]
"""Told how many facts of how many have been read."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What holds. `head` is what to note elsewhere: whoever cuts the end off cannot change what was noted."""

    facts: int
    commits: int
    head: Head
    incarnation: str


def quiet(done: int, of: int) -> None:
    """Nobody waits to be told."""


def snapshot_of(database_url: str) -> AbstractContextManager[Snapshot]:
    if is_postgres(database_url):
        return of_postgres(database_url)
    return of_file(path_of(database_url))


def verify(snapshot: Snapshot, *, head: Head | None = None, said: Said = quiet) -> Verified:
    """Raises `ChainBroken` with the first position that is not as it was written."""
    read = _Read(snapshot, said)
    last, commits = NO_HEAD, 0
    for link in looked_for(head, walked(read.facts(), snapshot.links())):
        last, commits = link, commits + 1
    read.ended(last)
    snapshot.sound()
    return Verified(read.count, commits, last, incarnation_in(house_value(snapshot, NAME) or '{"id":""}'))


class _Read:
    """The facts as they pass by, counted, and compared with what each service remembers to have read."""

    def __init__(self, snapshot: Snapshot, said: Said) -> None:
        self._snapshot, self._said = snapshot, said
        self._of = snapshot.last_position()
        self._remembered: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for service, position, fact, _ in snapshot.rows(CHECKPOINT):
            if position:
                self._remembered[position].append((service, fact))
        self.count = 0

    def facts(self) -> Iterator[codec.Line]:
        for line in self._snapshot.facts():
            self.count += 1
            if self.count % EVERY == 0:
                self._said(line.position, self._of)
            if line.position in self._remembered:
                self._as_remembered(line)
            yield line

    def _as_remembered(self, line: codec.Line) -> None:
        try:
            found = codec.id_of(line.state)
        except (ValueError, KeyError, TypeError):
            found = "nothing that can be read"
        for service, fact in self._remembered.pop(line.position):
            if found != fact:
                raise ChainBroken(line.position, f"the {service} has read fact {fact} at position {line.position}, and "
                                                 f"the log has {found} there")  # fmt: skip

    def ended(self, last: Head) -> None:
        if self._remembered:
            position, readers = max(self._remembered.items())
            why = f"the {readers[0][0]} has read to {position}, where no fact is: the log ends at {last.position}"
            raise ChainBroken(min(position, last.position + 1), why)
