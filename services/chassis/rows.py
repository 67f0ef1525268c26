"""The rows beside the facts: which tables there are, and the few words in which anyone may write or ask for rows.

Rows are data, never statements: a caller hands `Put`, `Drop` or `Claim` to the store together with the facts they
belong to, and all of it is one transaction (D5). Only the stores spell SQL (D4).

Values are `str`, `int`, `float`, `bytes`, `bool`, `None` or an aware `datetime`; a column declared INSTANT takes and
gives back aware UTC datetimes and is kept as whole microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

Value = str | int | float | bytes | bool | datetime | None
Row = dict[str, Value]

TEXT: Final = "text"
WHOLE: Final = "whole"
INSTANT: Final = "instant"
BYTES: Final = "bytes"
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """`columns` maps a name to its kind, in order; `key` is the primary key; each index is a tuple of columns.

    `never_none` names columns outside the key that always have a value, so an index on them can end a search.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    never_none: tuple[str, ...] = ()


# What follows is made some forty times a post: a named tuple takes 0.65 microseconds, a frozen dataclass 1.6.


class Put(NamedTuple):
    """Write one whole row, over the one with the same key if there is one; absent columns become None.

    With `over` False a row that is there already stays as it is: whoever comes second has made sure, and no more.
    """

    table: Table
    row: Mapping[str, Value]
    over: bool = True


class Drop(NamedTuple):
    """Remove every row that equals `where` in the named columns (none named: every row of the table)."""

    table: Table
    where: Mapping[str, Value]


class Change(NamedTuple):
    """Set some columns of every row that equals `where` (and raise the whole number `raising` by one); nothing happens
    where there is none. A raise without a fact beside it may happen twice where an answer is lost."""

    table: Table
    where: Mapping[str, Value]
    to: Mapping[str, Value]
    raising: str | None = None


class Pick(NamedTuple):
    """Rows that equal `where`, lie at or below each of `upto` (a None there passes), and at or above each of `since`.

    `order` names columns, ascending, nulls first (`backwards`: descending, nulls last); `limit` bounds the answer.
    """

    table: Table
    where: Mapping[str, Value] = NOTHING
    upto: Mapping[str, Value] = NOTHING
    since: Mapping[str, Value] = NOTHING
    order: tuple[str, ...] = ()
    limit: int | None = None
    backwards: bool = False


class Claim(NamedTuple):
    """Take the picked rows for oneself: set `to` (and raise the whole number `raising` by one), give them back as set.

    Two claimers at once never get the same row: what one has set, the other's pick no longer finds.
    """

    pick: Pick
    to: Mapping[str, Value]
    raising: str | None = None


Write = Put | Drop | Change

ALARM = Table(
    "alarm",
    {"service": TEXT, "name": TEXT, "due_at": INSTANT, "ring": TEXT, "lease_until": INSTANT, "holder": TEXT,
     "turn": WHOLE},
    key=("service", "name"),
    indexes=(("service", "turn", "due_at"),),
    never_none=("due_at",),
)  # fmt: skip
"""Durable "wake me at" (D8): `ring` is JSON, what to ring with; a lease keeps two wakers from ringing at once.

`turn` is its account's turn in a crowd, None until there is one (`alarm_turns.py`).
"""

READY = Table(
    "ready",
    {"story": TEXT, "connection": TEXT, "account": TEXT, "channel": TEXT, "turn": WHOLE, "due_at": INSTANT,
     "position": WHOLE, "round": WHOLE, "taken": WHOLE},
    key=("story",),
    indexes=(("connection", "due_at", "position"), ("account",)),
    never_none=("connection", "due_at", "position"),
)  # fmt: skip
"""A due post waiting for a lane (D11). `turn` is for the lines among each other; within its line it goes by `due_at`.

That is its slot, or when its next try may be. `position` is that of its PostDue, by which posts of one instant go.

`taken` is the epoch of the line that holds it, or 0.
"""

LINE = Table(
    "line",
    {"connection": TEXT, "account": TEXT, "channel": TEXT, "epoch": WHOLE, "holder": TEXT, "lease_until": INSTANT,
     "not_before": INSTANT, "head_turn": WHOLE, "last_turn": WHOLE, "joined": TEXT},
    key=("connection",),
    indexes=(("channel", "head_turn"), ("account", "channel", "last_turn")),
)  # fmt: skip
"""One connection's line: one attempt in flight; `head_turn` is that of its first post, None when nobody waits.

`last_turn` is the last one given out, None as well when nobody waits. `joined` is a new mark whenever a post joins, so
that a lane that found nobody waiting closes the line only if nobody has joined since it looked.
"""

LOOKING = Table(
    "looking",
    {"story": TEXT, "connection": TEXT, "channel": TEXT, "due_at": INSTANT, "holder": TEXT, "lease_until": INSTANT},
    key=("story",),
    indexes=(("channel", "due_at"),),
    never_none=("due_at",),
)
"""An unclear attempt due to be looked up. A look makes nothing visible, so it takes a lane but never the line (D10)."""

WAITING = Table(
    "waiting",
    {"connection": TEXT, "turn": WHOLE, "story": TEXT, "waits_for": TEXT, "cause": WHOLE},
    key=("story", "cause"),
    indexes=(("connection", "waits_for", "turn"),),
    never_none=("connection", "waits_for", "turn"),
)
"""Who waits for which connection, in the order they were taken in; `cause` is the position of the fact that made it.

A post may wait for the desk with several asks at once, each of which wants its answer.
"""

ROOM = Table("room", {"connection": TEXT, "day": TEXT, "left": WHOLE}, key=("connection", "day"))
"""How many slots a day still has, where that is known to be none: lets a planner step over full days.

The row of the day `terms` carries a mark of the terms by which those of its connection were found full.
"""

READING = Table(
    "reading",
    {"story": TEXT, "connection": TEXT, "account": TEXT, "published_at": INSTANT, "body": TEXT},
    key=("story",),
    indexes=(("connection", "published_at"), ("account", "published_at")),
)
"""One published post's last metrics, which engagement and weights read; `body` is JSON."""

LIVE = Table(
    "live",
    {"connection": TEXT, "channel_post_id": TEXT, "story": TEXT, "published_at": INSTANT},
    key=("connection", "channel_post_id"),
    indexes=(("connection", "published_at"),),
    never_none=("published_at",),
)
"""Which object on a channel is which post: a look for another post never takes it for that one (I13)."""

VAULT = Table(
    "vault",
    {"connection": TEXT, "purpose": TEXT, "version": WHOLE, "ciphertext": BYTES},
    key=("connection", "purpose", "version"),
)
PARKED_BODY = Table("parked_body", {"id": TEXT, "body": BYTES, "subject": TEXT}, key=("id",))
BUDGET = Table(
    "budget",
    {"connection": TEXT, "window": TEXT, "starts_at": INSTANT, "used": WHOLE, "calls_max": WHOLE},
    key=("connection", "window", "starts_at"),
)
CHECKPOINT = Table(
    "checkpoint", {"service": TEXT, "position": WHOLE, "fact": TEXT, "incarnation": TEXT}, key=("service",)
)
"""How far a service has read, the id of the fact it read last, and in which life of the log that was (I26)."""
CHAIN = Table("chain", {"position": WHOLE, "hash": BYTES}, key=("position",))
"""One link per commit: its last position, and the hash over the link before it and its facts (I5)."""
SUSPECT = Table("suspect", {"story": TEXT}, key=("story",))
"""A post that may be live without this log knowing, since it was restored: it is looked up before it is sent (I27)."""
HELD = Table(
    "held",
    {"service": TEXT, "key": TEXT, "position": WHOLE, "tries": WHOLE, "next_at": INSTANT, "reason": TEXT},
    key=("service", "key", "position"),
)
LEASE = Table("lease", {"name": TEXT, "holder": TEXT, "until": INSTANT, "epoch": WHOLE}, key=("name",))
ASKED = Table("asked", {"mark": TEXT, "fingerprint": TEXT, "answer": TEXT}, key=("mark",))
"""What the gateway answered to a request for a change, by principal and Idempotency-Key; JSON (I21)."""
HOUSE = Table("house", {"name": TEXT, "body": TEXT}, key=("name",))
"""A few single values of the house itself, such as the origin of a scaled clock; JSON."""

TABLES: tuple[Table, ...] = (
    ALARM, READY, LINE, LOOKING, WAITING, ROOM, READING, LIVE, VAULT, PARKED_BODY, BUDGET, CHECKPOINT, HELD, LEASE,
    HOUSE, ASKED, CHAIN, SUSPECT,
)  # fmt: skip
