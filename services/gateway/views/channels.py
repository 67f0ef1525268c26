"""What is connected, until when, and what holds a channel up? One document per connection (S8, S10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Select, Text, select

from events import (
    AttemptStarted,
    ChannelConnected,
    ChannelDisconnected,
    Fact,
    GrantExpiring,
    GrantRefreshed,
    RateLimited,
    Told,
)
from events.channels import account_of, channel_of
from services.gateway.views.view import Document, instant, table_of

shape = 1
hears: frozenset[type[Fact]] | None = frozenset(
    {ChannelConnected, GrantRefreshed, GrantExpiring, ChannelDisconnected, RateLimited, AttemptStarted}
)
initial: Document = {}

table = table_of(
    "channels",
    Column("account", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("status", Text, nullable=False),
    indexes=(("account",), ("status",)),
)


def keys(told: Told) -> Sequence[str]:
    """One fact may disconnect several: Facebook and Instagram share one grant (S6)."""
    fact = told.fact
    if isinstance(fact, ChannelDisconnected):
        return fact.connections
    name: str = getattr(fact, "connection", "")
    return (name,)


def evolve(document: Document, told: Told) -> Document:
    fact = told.fact
    match fact:
        case ChannelConnected():
            return _connected(document, fact, told)
        case _ if not document:
            return document
        case GrantRefreshed():
            return {**document, **_refreshed(document, fact)}
        case GrantExpiring(grant_expires_at=ends):
            return {**document, "status": "expiring_soon", "grant_expires_at": instant(ends)}
        case ChannelDisconnected():
            gone = {"reason": fact.reason, "code": fact.code, "sentence": fact.sentence,
                    "at": instant(told.about.happened_at)}  # fmt: skip
            return {**document, "status": "disconnected", "disconnected": gone, "limited_until": None}
        case RateLimited(until=until, code=code):
            return {**document, "limited_until": instant(until), "limited_code": code}
        case AttemptStarted():
            # A line that sends again is no longer limited; most attempts find nothing to change here.
            return {**document, "limited_until": None} if document["limited_until"] else document
        case _:
            return document


def _connected(document: Document, fact: ChannelConnected, told: Told) -> Document:
    name = fact.connection
    return {
        "id": name,
        "account": account_of(name),
        "channel": channel_of(name),
        "status": "active",
        "member": fact.member,
        "member_name": fact.member_name,
        "scopes": list(fact.scopes),
        "site": fact.site,
        "premium": fact.premium,
        "connected_at": instant(told.about.happened_at),
        "access_expires_at": instant(fact.access_expires_at),
        "grant_expires_at": instant(fact.grant_expires_at),
        "credential_version": fact.credential_version,
        "disconnected": None,
        "limited_until": document.get("limited_until"),
        "limited_code": document.get("limited_code"),
    }


def _refreshed(document: Document, fact: GrantRefreshed) -> Document:
    """A later end of the grant ends the countdown; a refresh that keeps its end does not (S8)."""
    ends = instant(fact.grant_expires_at) or document["grant_expires_at"]
    later = ends is None or ends != document["grant_expires_at"]
    status = "active" if document["status"] == "expiring_soon" and later else document["status"]
    return {"credential_version": fact.credential_version, "access_expires_at": instant(fact.access_expires_at),
            "grant_expires_at": ends, "status": status}  # fmt: skip


def columns(document: Document) -> Mapping[str, Any]:
    return {name: document[name] for name in ("account", "channel", "status")}


def select_connections(accounts: Sequence[str] | None = None, names: Sequence[str] | None = None) -> Select:
    found = select(table.c.key, table.c.body).order_by(table.c.account, table.c.channel, table.c.key)
    if accounts is not None:
        found = found.where(table.c.account.in_(accounts))
    if names is not None:
        found = found.where(table.c.key.in_(names))
    return found
