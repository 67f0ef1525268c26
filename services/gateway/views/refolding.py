"""Some views folded from the beginning of the log, in memory: all of them, or a share of them.

Facts of two streams with different names never meet in a document that is called after its stream, so such a view can
be cut into shares by those names, each folded by a process of its own. Any other view is one share's, whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zlib import crc32

from events.subjects import name_of
from services.chassis import codec
from services.chassis.bells import BelledStore
from services.gateway.views.folding import every_topic_but, fold, heard, heard_by_any
from services.gateway.views.upserts import Cells, cells_of
from services.gateway.views.view import Document, View, by_name

PAGE: Final = 2000
ROWS_AT_ONCE: Final = 2048
"""So many rows of a shadow are one transaction: between two, live folding has its turn."""
PART_MAX: Final = 4 * 2**20
"""And no more of them than have so many characters in their documents."""
Part = tuple[str, list[Cells]]
"""A view's name, and some of its rows."""


class Share(NamedTuple):
    """The `number`th of so many."""

    number: int
    of: int

    def has(self, stream: str) -> bool:
        return self.of == 1 or crc32(name_of(stream).encode()) % self.of == self.number


ALL: Final = Share(0, 1)


@dataclass(slots=True)
class Refolded:
    """`documents` of each view, by name and key, up to `position`."""

    views: Sequence[View]
    share: Share = ALL
    documents: dict[str, dict[str, Document]] = field(default_factory=dict)
    position: int = 0
    unheard: frozenset[str] = frozenset()
    _cut: Sequence[View] = ()
    _whole: Sequence[View] = ()

    def __post_init__(self) -> None:
        """Most facts of a log concern no single view: what nobody hears is not even read. A topic that nobody knows
        is, and says so (I25)."""
        self._cut = [view for view in self.views if view.keys is by_name]
        self._whole = [view for view in self.views if view.keys is not by_name][self.share.number :: self.share.of]
        self.views = [*self._cut, *self._whole]
        self.documents = {view.table.name: {} for view in self.views}
        self.unheard = every_topic_but(heard_by_any(self.views))

    def take(self, page: Sequence[codec.Line], upto: int) -> bool:
        """False at the end of the log. Positions of PostgreSQL have gaps, so that a page may reach further than it
        was to."""
        if not page:
            return False
        ours = self.share.has
        lines = [
            line for line in page
            if line.topic not in self.unheard and line.position <= upto and (self._whole or ours(line.stream))
        ]  # fmt: skip
        told = [codec.decode(*line) for line in lines]
        for view in self._whole:
            fold(view, self.documents[view.table.name], heard(view, told))
        if self._whole and self.share.of > 1:
            told = [each for each in told if ours(each.stream)]
        for view in self._cut:
            fold(view, self.documents[view.table.name], heard(view, told))
        self.position = page[-1].position
        return True

    async def read(self, store: BelledStore, upto: int) -> None:
        """To a position of the log; between two pages everybody else has a turn."""
        reading = True
        while reading and self.position < upto:
            page = await store.lines(self.position, min(PAGE, upto - self.position), self.unheard)
            reading = self.take(page, upto)

    def parts(self, rows_max: int) -> Iterator[Part]:
        """The rows of each view, so many at a time, or fewer where they are long."""
        for view in self.views:
            name, rows, left = str(view.table.name), [], PART_MAX
            for each in cells_of(view, self.documents[view.table.name].items()):
                rows.append(each)
                left -= len(each[-1])
                if len(rows) >= rows_max or left <= 0:
                    yield name, rows
                    rows, left = [], PART_MAX
            if rows:
                yield name, rows
