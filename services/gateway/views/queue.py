"""What is in the queue, and how does each post stand? One document per post; `meaning.py` says what facts change (S23).

A calendar is the same view, asked for a span of time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Text

from events import Fact, PostTakenIn, Told
from events.subjects import name_of
from services.gateway.views import turns
from services.gateway.views.meaning import CHANGES
from services.gateway.views.view import Document, micros, table_of

shape = 4
hears: frozenset[type[Fact]] | None = frozenset(CHANGES)
initial: Document = {}
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

`day` is the slot's own date, `wanted` the first one on which the post could have gone out, had there been room (S18).
"""


def keys(told: Told) -> Sequence[str]:
    return (name_of(told.stream),)


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
    day = document["slot"]["local"][:10] if document["slot"] else None
    return {
        "account": document["account"],
        "channel": document["channel"],
        "connection": document["connection"],
        "bucket": document["bucket"],
        "status": document["status"],
        "reason": document["reason"],
        "at": at,
        "day": day,
        "wanted": _wanted(document) or day,
        "taken_in": document["taken_in"],
        "turn": turns.turn(document["status"], document["reason"], at, document["taken_in"]),
    }


def _wanted(document: Document) -> str | None:
    """What was looked at first and could not be had is where the post would have gone."""
    considered = document["why"]["considered"] if document["slot"] and document["why"] else None
    return considered[0]["local"][:10] if considered else None
