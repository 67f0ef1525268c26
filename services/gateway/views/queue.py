"""What is in the queue, and how does each post stand? One document per post; `meaning.py` says what facts change (S23).

A calendar is the same view, asked for a span of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Text

from events import Fact, PostTakenIn, Told
from services.gateway.views import turns
from services.gateway.views.meaning import CHANGES
from services.gateway.views.view import Document, by_name, micros, table_of
from services.planning.zones import date_at, zone_called

shape = 7
hears: frozenset[type[Fact]] | None = frozenset(CHANGES)
initial: Document = {}
keys = by_name
STATUSES: Final = ("awaiting_approval", "pending", "scheduled", "published", "failed", "cancelled", "rejected")

table = table_of(
    "queue",
    Column("account", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("bucket", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("at", BigInteger),
    Column("day", Text),
    Column("wanted", Text),
    Column("taken_in", BigInteger, nullable=False),
    Column("turn", BigInteger, nullable=False),
    indexes=(
        ("taken_in",),
        ("turn", "key"),
        ("at",),
        ("account", "taken_in"),
        ("account", "turn"),
        ("status", "turn"),
        ("account", "status"),
        ("connection", "status", "wanted", "day"),
    ),
)
"""`at` is the published or else the scheduled instant; `taken_in` never changes, `turn` is the order of the page.

`day` is the date on which it goes out, or went out, in the slot's own zone: midnight can lie in between.
`wanted` is the first date on which it could have gone out, had there been room (S18); lateness is no lack of room.
"""


def evolve(document: Document, told: Told) -> Document:
    fact = told.fact
    if not document and type(fact) is not PostTakenIn:
        return document
    changes = CHANGES[type(fact)](document, fact, told)
    after = {**document, **changes}
    if told.stream.startswith("post-"):
        after["versions"] = [told.version, after["versions"][1]]
    elif told.stream.startswith("delivery-"):
        after["versions"] = [after["versions"][0], told.version]
    return after


def columns(document: Document) -> Mapping[str, Any]:
    at = micros(document["published_at"] or document["scheduled_at"])
    day, wanted = _days(document) if document["slot"] else (None, None)
    return {
        "account": document["account"],
        "channel": document["channel"],
        "connection": document["connection"],
        "bucket": document["bucket"],
        "status": document["status"],
        "reason": document["reason"],
        "at": at,
        "day": day,
        "wanted": wanted,
        "taken_in": document["taken_in"],
        "turn": turns.turn(document["status"], document["reason"], at, document["taken_in"]),
    }


def _days(document: Document) -> tuple[str, str]:
    """What was looked at first and could not be had is where the post would have gone."""
    slot, considered = document["slot"], document["why"]["considered"] if document["why"] else None
    planned = slot["local"][:10]
    wanted, out_at = considered[0]["local"][:10] if considered else planned, document["published_at"]
    day = date_at(datetime.fromisoformat(out_at), zone_called(slot["zone"])).isoformat() if out_at else planned
    return day, day if wanted == planned else wanted
