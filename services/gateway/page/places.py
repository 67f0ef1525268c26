"""Where every post of a week stands on its board, and for which of them there is room as a card.

All are counted, so that the board may say how many it leaves out; of those it shows, no day takes another's room.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from urllib.parse import urlencode

from sqlalchemy import Connection, Row

from services.gateway.views import question
from services.gateway.views.question import Question
from services.gateway.views.view import Document, moment, unpacked
from services.planning.terms import ONE_DAY
from services.planning.zones import date_at, zone_called

Cell = tuple[str, date | None]
"""A connection, and one of its days; None is the strip of those without a slot."""


@dataclass(frozen=True, slots=True)
class Place:
    """As little of a post as tells its cell, and how it counts."""

    post: str
    cell: Cell
    mark: str


def mark_of(status: str, reason: str | None) -> str:
    """How a post stands, in the one word that its card has a shape for."""
    return status if status == "failed" else reason or status


def places(db: Connection, asked: Question, days: Sequence[date], zone_of: Mapping[str, str]) -> list[Place]:
    """Those of these days, each on the date its own account's wall shows; then whatever waits without a slot."""
    since, until = (datetime.combine(day, time(), UTC) for day in (days[0] - ONE_DAY, days[-1] + 2 * ONE_DAY))
    found = [_place(row, zone_of) for row in db.execute(question.dated(replace(asked, since=since, until=until)))]
    without = [_place(row, zone_of) for row in db.execute(question.without_slot(asked))]
    return [each for each in found if each.cell[1] in days] + without


def _place(row: Row, zone_of: Mapping[str, str]) -> Place:
    zone = zone_called(zone_of.get(row.account, "UTC"))
    day = None if row.at is None else date_at(moment(row.at), zone)
    return Place(row.key, (row.connection, day), mark_of(row.status, row.reason))


def cells_of(found: Iterable[Place], connections: Collection[str]) -> dict[Cell, list[Place]]:
    cells: dict[Cell, list[Place]] = defaultdict(list)
    for each in found:
        if each.cell[0] in connections:
            cells[each.cell].append(each)
    return cells


def with_room(cells: Mapping[Cell, Sequence[Place]], room: int) -> list[str]:
    """The posts that are shown: the first of each cell, and of every cell as many as of any other."""
    most = most_each([len(each) for each in cells.values()], room)
    return [place.post for cell in cells.values() for place in cell[:most]]


def most_each(sizes: Iterable[int], room: int) -> int:
    """The most that each may have so that all have room: whoever needs less leaves the rest to the others."""
    left = sorted(sizes)
    for number, size in enumerate(left):
        share = room // (len(left) - number)
        if size > share:
            return share
        room -= size
    return left[-1] if left else 0


def left_out(cells: Mapping[Cell, Sequence[Place]], cell: Cell, shown: int, there: str) -> Document | None:
    """How many posts of a cell have no card, and where they are listed."""
    count = len(cells.get(cell, ())) - shown
    return {"count": count, "there": there} if count else None


def queue_of(asked: Question, account: str, channel: str, status: str | None = None, **span: str | None) -> str:
    """The address of the queue with the posts of one cell."""
    filters = {"status": status, "account": account, "channel": channel, "bucket": asked.bucket, **span}
    return f"/?{urlencode({name: value for name, value in filters.items() if value})}"


def documents(db: Connection, posts: Sequence[str]) -> list[Document]:
    """In this order."""
    found = {row.key: unpacked(row.body) for row in db.execute(question.named(posts))}
    return [found[each] for each in posts]
