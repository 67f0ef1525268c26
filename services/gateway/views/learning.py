"""What was learned? An account's weights for the next content cycle, and a connection's own windows (S16, S43)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Select, Text, select

from events import DiscoveryWeightsRecalculated, EngagementProfiled, Fact, Told
from events.channels import account_of
from services.gateway.views.view import Document, instant, table_of

shape = 1
hears: frozenset[type[Fact]] | None = frozenset({DiscoveryWeightsRecalculated, EngagementProfiled})
initial: Document = {}

table = table_of(
    "learning", Column("account", Text, nullable=False), Column("kind", Text, nullable=False), indexes=(("account",),)
)


def keys(told: Told) -> Sequence[str]:
    """An account's name has no dot and a connection's has, so the two never meet."""
    match told.fact:
        case DiscoveryWeightsRecalculated(account=account):
            return (account,)
        case EngagementProfiled(connection=connection):
            return (connection,)
        case _:
            return ()


def evolve(document: Document, told: Told) -> Document:
    at = instant(told.about.happened_at)
    match told.fact:
        case DiscoveryWeightsRecalculated() as fact:
            said = fact.model_dump(mode="json")
            return {"kind": "weights", "at": at, **said}
        case EngagementProfiled() as fact:
            said = fact.model_dump(mode="json")
            return {"kind": "profile", "at": at, "account": account_of(fact.connection), **said}
        case _:
            return document


def columns(document: Document) -> Mapping[str, Any]:
    return {"account": document["account"], "kind": document["kind"]}


def profiles(account: str) -> Select:
    c = table.c
    return select(c.key, c.body).where(c.account == account, c.kind == "profile").order_by(c.key)


def profile_of(document: Document) -> EngagementProfiled:
    """What the planner goes by, as it was said."""
    return EngagementProfiled(
        connection=document["connection"], windows=tuple(document["windows"]), inputs=document["inputs"]
    )
