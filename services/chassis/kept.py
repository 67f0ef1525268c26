"""What the only writer of a log keeps at hand: its last facts, and the streams lately written or read.

Nobody else can have moved a stream, so what is here is what stands in the log; only so much of it is kept (D4).
While a group is written its streams are not at hand: others may see in the file already what is not told here yet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from events import Told

RECENT_MAX = 4_000
"""Every service reads what is written within moments; whoever is further behind reads the file."""
STREAMS_MAX = 80_000
"""So many facts of single streams, at some seven hundred bytes and their text each; the stream used longest ago goes
first. *m* Ten thousand posts due at one minute: with half of it 2.5 % of the loop's time went into reading the file."""


class Kept:
    """`position` is that of the last fact. Positions and versions are dense, so a place in a list is a subtraction."""

    def __init__(self, position: int) -> None:
        self.position = position
        self._recent: list[Told] = []
        self._streams: OrderedDict[str, list[Told]] = OrderedDict()
        self._room = STREAMS_MAX
        self._moving: frozenset[str] = frozenset()

    def writing(self, streams: Iterable[str]) -> None:
        """These streams are being written; until `told` they are read from the file."""
        self._moving = frozenset(streams)

    def told(self) -> None:
        """Whatever was written is known here."""
        self._moving = frozenset()

    def written(self, told: Sequence[Told]) -> None:
        """These facts stand in the log now; those of a repeated append stood there before."""
        if not told or told[0].position <= self.position:
            return
        self.position = told[-1].position
        self._recent += told
        if len(self._recent) > 2 * RECENT_MAX:
            del self._recent[:-RECENT_MAX]
        for each in told:
            self._grow(each)
        self._make_room()

    def tail(self, after: int, limit: int) -> list[Told] | None:
        """None where it reaches further back than what is at hand."""
        start = after - (self.position - len(self._recent))
        return None if start < 0 else self._recent[start : start + limit]

    def stream(self, name: str) -> list[Told] | None:
        """All of it, or None when it is not at hand."""
        if name in self._moving or (told := self._streams.get(name)) is None:
            return None
        self._streams.move_to_end(name)
        return list(told)

    def read(self, name: str, told: list[Told]) -> list[Told]:
        """A stream as it has just been read from the file."""
        if name in self._moving:
            return told
        self._hold(name, told)
        self._make_room()
        return list(told)

    def forget(self, name: str) -> None:
        """It is read from the file the next time."""
        if name in self._streams:
            self._drop(name)

    def clear(self) -> None:
        """After a fault of the disk nothing that was read before it is relied on."""
        self._streams.clear()
        self._room = STREAMS_MAX

    def _grow(self, told: Told) -> None:
        known = self._streams.get(told.stream)
        if known is None:
            if told.version == 1:
                self._hold(told.stream, [told])
        elif told.version == len(known) + 1:
            known.append(told)
            self._room -= 1
        elif told.version > len(known):
            self._drop(told.stream)

    def _hold(self, name: str, told: list[Told]) -> None:
        self._streams[name] = told
        self._room -= 1 + len(told)

    def _make_room(self) -> None:
        while self._room < 0:
            self._drop(next(iter(self._streams)))

    def _drop(self, name: str) -> None:
        self._room += 1 + len(self._streams.pop(name))
