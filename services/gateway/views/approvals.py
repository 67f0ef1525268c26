"""How far is a post's approval, and what was said about it? The thread of one post, for its reviewer (S38-S41)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Text

from events import ApprovalAsked, ApprovalGiven, ApprovalLapsed, ApprovalRefused, Fact, PostCommented, Told
from events.channels import account_of
from events.subjects import name_of
from services.gateway.views.view import Document, instant, table_of

shape = 1
hears: frozenset[type[Fact]] | None = frozenset(
    {ApprovalAsked, ApprovalGiven, ApprovalLapsed, ApprovalRefused, PostCommented}
)
initial: Document = {"standing": None, "content_hash": None, "asked_at": None, "comments": []}

table = table_of("approvals", Column("account", Text, nullable=False))


def keys(told: Told) -> Sequence[str]:
    return (name_of(told.stream),)


def evolve(document: Document, told: Told) -> Document:
    at, changed = instant(told.about.happened_at), {}
    match told.fact:
        case ApprovalAsked(content_hash=content_hash):
            changed = {"standing": "asked", "content_hash": content_hash, "asked_at": at}
        case ApprovalGiven(content_hash=content_hash):
            changed = {"standing": "given", "content_hash": content_hash}
        case ApprovalLapsed():
            changed = {"standing": "lapsed"}
        case ApprovalRefused(comment=text):
            changed = {"standing": "refused", "comments": [*document["comments"], _comment(told, text)]}
        case PostCommented(text=text):
            changed = {"comments": [*document["comments"], _comment(told, text)]}
    return {**document, "account": account_of(name_of(told.stream)), **changed}


def _comment(told: Told, text: str) -> Document:
    return {"by": told.about.actor, "text": text, "at": instant(told.about.happened_at)}


def columns(document: Document) -> Mapping[str, Any]:
    return {"account": document["account"]}
