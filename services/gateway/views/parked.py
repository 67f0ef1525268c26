"""What could not be taken in, and why? Messages of Production, and facts that broke their handler (S2, I25).

The id is the stream's name, `parked-…` or `stuck-…`: by it a person asks for the message or fact to be offered again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Select, Text, and_, or_, select

from events import Fact, FactParked, FactRedriven, MessageParked, MessageRedriven, Told
from services.gateway.views.view import Document, instant, table_of

shape = 1
hears: frozenset[type[Fact]] | None = frozenset({MessageParked, MessageRedriven, FactParked, FactRedriven})
initial: Document = {}

table = table_of(
    "parked",
    Column("account", Text),
    Column("open", Boolean, nullable=False),
    Column("position", BigInteger, nullable=False),
    indexes=(("open", "position"),),
)


def keys(told: Told) -> Sequence[str]:
    return (told.stream,)


def evolve(document: Document, told: Told) -> Document:
    fact = told.fact
    match fact:
        case MessageParked():
            what = {"kind": "message", "code": fact.code, "reason": fact.reason, "head": fact.head,
                    "bytes": fact.bytes, "sha256": fact.sha256, "subject": fact.subject}  # fmt: skip
        case FactParked():
            what = {"kind": "fact", "code": "fact_parked", "reason": fact.reason, "service": fact.service,
                    "fact": fact.fact, "at": fact.position, "of": fact.key, "tries": fact.tries}  # fmt: skip
        case MessageRedriven(outcome=outcome):
            return {**document, "open": False, "outcome": outcome} if document else document
        case FactRedriven():
            return {**document, "open": False, "outcome": "redriven"} if document else document
        case _:
            return document
    return {"id": told.stream, "account": told.account, "parked_at": instant(told.about.happened_at), "open": True,
            "outcome": None, "position": told.position, **what}  # fmt: skip


def columns(document: Document) -> Mapping[str, Any]:
    return {name: document[name] for name in ("account", "open", "position")}


def page(accounts: Sequence[str] | None, *, after: tuple[int, str] | None, limit: int) -> Select:
    """What is still parked, newest first."""
    c = table.c
    found = select(c.key, c.position, c.body).where(c.open).order_by(c.position.desc(), c.key.desc()).limit(limit + 1)
    if accounts is not None:
        found = found.where(c.account.in_(accounts))
    if after is not None:
        position, key = after
        found = found.where(or_(c.position < position, and_(c.position == position, c.key < key)))
    return found
