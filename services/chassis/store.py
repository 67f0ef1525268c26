"""The log and the rows beside it: append with expected versions and guards, read, fold, tail.

One `Append` is one caller's all-or-nothing; the store writes what many callers ask for in one transaction (D4).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from events import Draft, Fact, Told
from services.chassis.codec import Line
from services.chassis.rows import NOTHING, Claim, Pick, Row, Write

S = TypeVar("S")
Topics = Collection[str]
"""Of facts, such as `scheduler.post_due.v1`."""


class StoreError(Exception):
    """The store could not do as asked."""


class RowsRefused(StoreError):
    """What this caller asks for cannot be kept, nor ever will be; nothing of it was written. A fault of ours."""


class Conflict(StoreError):
    """Somebody else moved first: decide again on what is there now. Nothing of this append was written."""


class StreamMoved(Conflict):
    """A stream is not at the version the caller expected or relied on."""

    def __init__(self, stream: str, expected: int, found: int) -> None:
        super().__init__(f"{stream} is at version {found}, not {expected}")
        self.stream, self.expected, self.found = stream, expected, found


class FenceLost(Conflict):
    """The line was taken over: its epoch is no longer the caller's."""

    def __init__(self, connection: str, epoch: int, found: int | None) -> None:
        super().__init__(f"the line of {connection} is at epoch {found}, not {epoch}")
        self.connection, self.epoch, self.found = connection, epoch, found


class Say(NamedTuple):
    """Facts for one stream, whose last version is expected to be `after` (0: the stream is new)."""

    stream: str
    after: int
    facts: Sequence[Draft]


class CheckpointMoved(Conflict):
    """The reader's checkpoint is not where this append expected it: an earlier fact of the same page failed."""

    def __init__(self, service: str, expected: int, found: int) -> None:
        super().__init__(f"{service} has read to {found}, not {expected}")
        self.service, self.expected, self.found = service, expected, found


class Read(NamedTuple):
    """A service has taken the fact at `position`, and everything up to `before` before it (D1).

    The store refuses the append when the checkpoint is not at `before`, so facts may be handled side by side and
    still be taken in order, exactly once. `fact` is the id of the one at `position`, by which another log is
    recognised (I26).
    """

    service: str
    before: int
    position: int
    fact: str = ""


class Append(NamedTuple):
    """One caller's all-or-nothing.

    `still` names streams the decision relied on, at the version it read them; `fence` is (connection, epoch): the
    line must still have that epoch. An append may carry rows alone.
    """

    says: Sequence[Say] = ()
    still: Mapping[str, int] = NOTHING
    fence: tuple[str, int] | None = None
    rows: Sequence[Write] = ()
    read: Read | None = None


class Decider(Protocol[S]):
    """What a pure file offers the store for folding: `initial` and `evolve(state, fact, about...)`."""

    initial: S

    def evolve(self, state: S, fact: Fact) -> S: ...


class Store(Protocol):
    """What every store offers, in memory, on SQLite and on PostgreSQL; one conformance suite holds them to it."""

    async def append(self, append: Append) -> Sequence[Told]:
        """Write all of it or raise a `Conflict`. Repeating an append with the same fact ids answers the same (I4)."""
        ...

    async def read(self, stream: str) -> Sequence[Told]: ...

    async def read_all(self, streams: Sequence[str]) -> Sequence[Sequence[Told]]:
        """Several streams, in the order they were asked for."""
        ...

    async def fold(self, stream: str, decider: Any) -> tuple[Any, int]:
        """The state of one stream and its version (0 when nobody has said anything)."""
        ...

    async def tail(self, after: int, limit: int = 500) -> Sequence[Told]:
        """Facts of the whole log above position `after`, in order."""
        ...

    async def lines(self, after: int, limit: int = 500, without: Topics = ()) -> Sequence[Line]:
        """The same facts as `tail` tells, as they are written: for whoever hands them on without looking in.

        `without` leaves facts of some topics out of a page, but never its last: that one says how far the page went.
        """
        ...

    async def position(self) -> int: ...

    async def pick(self, pick: Pick) -> Sequence[Row]: ...

    async def claim(self, claim: Claim) -> Sequence[Row]: ...

    async def close(self) -> None: ...
