"""A log that was restored, or whose database was promoted, has forgotten what came after it (I27).

Whatever was due, open or anywhere on its way may be live out there without a fact here. Each such post is looked up
before it is sent; those that were due or open already are the *suspects*, and the quarantine lasts until none is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import orjson

from services.chassis import incarnation
from services.chassis.rows import (
    ALARM,
    BUDGET,
    CHECKPOINT,
    HOUSE,
    LEASE,
    LINE,
    LOOKING,
    READY,
    SUSPECT,
    Change,
    Drop,
    Pick,
    Put,
    Row,
    Table,
    Write,
)
from services.chassis.store import Store

NAME: Final = "restored"
RINGS_OF_POSTS: Final = ("due", "retry", "look")
"""What rings when a post's slot has come, its next try, or its look-up."""
SAID_AGAIN: Final = timedelta(days=7)
"""Production may say again what was taken in after the backup and has been forgotten: so long a new post may be one
that is live already."""

How = Literal["backup", "promotion"]
Rows = Callable[[Table], Sequence[Row]]
"""All rows of a table, as they were copied."""


@dataclass(frozen=True, slots=True)
class Restored:
    """`point` is the last position that was kept, and `since` its time; what happened until `at` may be forgotten.

    `earlier` is the restore before, when this log is a copy of one that was restored itself. Of a post it no longer
    matters once that post was looked for since; and it never did of one taken in more than a week after it. Posts may
    wait for months, so no earlier one is ever dropped.
    """

    point: int
    since: datetime
    at: datetime
    how: How = "backup"
    earlier: Restored | None = None

    def concerns(self, taken_in_at: datetime) -> bool:
        return taken_in_at <= self.at + SAID_AGAIN


class Remembered:
    """What is known of the last restore. It is asked once: no process lives through one."""

    def __init__(self, store: Store) -> None:
        self._store, self._asked = store, False
        self._restored: Restored | None = None

    async def __call__(self) -> Restored | None:
        if not self._asked:
            self._restored, self._asked = await restored_of(self._store), True
        return self._restored


async def restored_of(store: Store) -> Restored | None:
    rows = await store.pick(Pick(HOUSE, {"name": NAME}, limit=1))
    return restored_in(str(rows[0]["body"])) if rows else None


def restored_in(body: str) -> Restored:
    return _read(orjson.loads(body))


def body_of(restored: Restored) -> str:
    return orjson.dumps(restored).decode()


def _read(kept: dict[str, Any]) -> Restored:
    since, at = (datetime.fromisoformat(kept[name]) for name in ("since", "at"))
    earlier = kept.get("earlier")  # a row of an earlier release has none
    return Restored(kept["point"], since, at, kept["how"], _read(earlier) if earlier else None)


def carrying_on(restored: Restored, rows: Rows) -> Restored:
    """With what the log that is put back, or was promoted, remembers of the restore before."""
    bodies = [str(row["body"]) for row in rows(HOUSE) if row["name"] == NAME]
    return replace(restored, earlier=restored_in(bodies[0]) if bodies else None)


async def suspects(store: Store) -> list[str]:
    return [str(row["story"]) for row in await store.pick(Pick(SUSPECT, order=("story",)))]


def in_quarantine(suspects_left: int, restored: Restored | None) -> str | None:
    """As an operator is told, for as long as it lasts."""
    if not suspects_left or restored is None:
        return None
    what = "its database was promoted" if restored.how == "promotion" else f"it was restored to {restored.since:%F %T}"
    return (
        f"the house is in quarantine: {what}, and {suspects_left} posts are looked up on their channels before "
        "anything of them is sent; this ends by itself"
    )


def quarantine(rows: Rows, restored: Restored, life: Put) -> list[Write]:
    """What makes a log, as it stands, one that was restored: all of it in one transaction.

    A new life, in which every reader goes on where it was; nobody holds anything; budgets count as spent, because
    nobody knows what was called; and the suspects.
    """
    born = Put(HOUSE, life.row)
    lives = {"incarnation": incarnation.incarnation_in(str(life.row["body"]))}
    nobody = {"holder": None, "lease_until": None}
    writes: list[Write] = [
        born,
        Put(HOUSE, {"name": NAME, "body": body_of(restored)}),
        Change(CHECKPOINT, {}, lives),
        Change(LEASE, {}, {"holder": None, "until": None}),
        *(Change(table, {}, nobody) for table in (ALARM, LINE, LOOKING)),
        Drop(SUSPECT, {}),
    ]
    writes += [Put(SUSPECT, {"story": story}) for story in _suspected(rows, restored)]
    writes += [Put(BUDGET, {**row, "used": row["calls_max"]}) for row in rows(BUDGET) if row["calls_max"] is not None]
    return writes


def _suspected(rows: Rows, restored: Restored) -> list[str]:
    """Whose slot has come by now, and whoever was on the way to a channel."""
    stories = {str(row["story"]) for table in (READY, LOOKING) for row in rows(table)}
    for alarm in rows(ALARM):
        ring = orjson.loads(str(alarm["ring"]))
        due_at = alarm["due_at"]
        came = isinstance(due_at, datetime) and due_at <= restored.at
        if ring.get("ring") in RINGS_OF_POSTS and (came or ring["ring"] != "due"):
            stories.add(str(ring["story"]))
    return sorted(stories)
