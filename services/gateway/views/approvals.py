"""What waits at the gate, since when, and what was said about it? One post's thread, for its reviewer (S38-S41)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Select, Text, and_, or_, select

from events import (
    ApprovalGiven,
    ApprovalRefused,
    Fact,
    PostCancelled,
    PostCommented,
    PostEdited,
    PostHeld,
    PostMissed,
    PostRefused,
    PostRejected,
    PostTakenIn,
    Told,
)
from events.channels import account_of
from events.subjects import name_of
from services.gateway import approval
from services.gateway.views.question import Mark
from services.gateway.views.view import Document, instant, table_of

shape = 2
hears: frozenset[type[Fact]] | None = frozenset(
    {PostTakenIn, PostEdited, PostCancelled, PostRejected, PostRefused, PostHeld, PostMissed, ApprovalGiven,
     ApprovalRefused, PostCommented}
)  # fmt: skip
initial: Document = {"gate": asdict(approval.initial), "asked_at": None, "position": 0, "comments": []}

table = table_of(
    "approvals",
    Column("account", Text, nullable=False),
    Column("awaits", Boolean, nullable=False),
    Column("position", BigInteger, nullable=False),
    indexes=(("awaits", "position"),),
)
"""`position` is of the fact since which it waits."""


def keys(told: Told) -> Sequence[str]:
    """Most posts have no gate, and leave nothing here."""
    if isinstance(told.fact, PostTakenIn) and not told.fact.approval_required:
        return ()
    return (name_of(told.stream),)


def evolve(document: Document, told: Told) -> Document:
    before = gate_of(document)
    after = approval.evolve(before, told.fact)
    if isinstance(told.fact, PostCommented | ApprovalRefused):
        document = {**document, "comments": [*document["comments"], comment_of(told)]}
    elif not after.gated:
        return document
    if after.awaits and (not before.awaits or after.content_hash != before.content_hash):
        document = {**document, "asked_at": instant(told.about.happened_at), "position": told.position}
    return {**document, "account": account_of(name_of(told.stream)), "gate": asdict(after)}


def comment_of(told: Told) -> Document:
    fact = told.fact
    assert isinstance(fact, PostCommented | ApprovalRefused)  # noqa: S101 - nothing else carries a person's words
    text = fact.text if isinstance(fact, PostCommented) else fact.comment
    return {"by": told.about.actor, "text": text, "at": instant(told.about.happened_at)}


def gate_of(document: Document) -> approval.Gate:
    gate = document["gate"]
    return approval.Gate(**{**gate, "approved": tuple(gate["approved"])})


def columns(document: Document) -> Mapping[str, Any]:
    return {"account": document["account"], "awaits": gate_of(document).awaits, "position": document["position"]}


def page(accounts: Sequence[str] | None, *, account: str | None, after: Mark | None, limit: int) -> Select:
    """Longest waiting first; one row more than asked for tells whether there is a next page."""
    c = table.c
    found = select(c.key, c.position, c.body).where(c.awaits).order_by(c.position, c.key).limit(limit + 1)
    if accounts is not None:
        found = found.where(c.account.in_(accounts))
    if account is not None:
        found = found.where(c.account == account)
    if after is not None:
        found = found.where(or_(c.position > after.number, and_(c.position == after.number, c.key > after.key)))
    return found
