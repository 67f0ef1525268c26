"""What came back from a published post, and from all of a channel, a bucket or a campaign? (S42, S44)

The counters stand as columns, so that sums over many posts are the database's work. Not offered is null, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Select, Text, func, select

from events import Fact, MeasurementClosed, MeasurementFailed, MeasurementPlanned, Metrics, MetricsCollected, Told
from events.channels import account_of, channel_of
from events.subjects import name_of
from services.gateway.views.view import Document, by_name, instant, micros, table_of

shape = 1
hears: frozenset[type[Fact]] | None = frozenset(
    {MeasurementPlanned, MetricsCollected, MeasurementFailed, MeasurementClosed}
)
initial: Document = {}
keys = by_name
COUNTERS: Final = tuple(Metrics.model_fields)
LARGEST: Final = 2**48
"""A channel that answers more is believed this far: 32,000 such posts can still be summed in 64 bits."""

table = table_of(
    "measured",
    Column("account", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("bucket", Text),
    Column("campaign", Text),
    Column("published_at", BigInteger),
    Column("closed", Boolean, nullable=False),
    *(Column(name, BigInteger) for name in COUNTERS),
    indexes=(("account", "published_at"), ("published_at",)),
)


def evolve(document: Document, told: Told) -> Document:
    fact = told.fact
    match fact:
        case MeasurementPlanned():
            return _planned(fact, told)
        case _ if not document:
            return document
        case MetricsCollected(window=window, metrics=metrics):
            counted = metrics.model_dump()
            seen = {"metrics": counted, "collected_at": instant(told.about.happened_at), "failed": None}
            return {**document, "windows": {**document["windows"], window: seen}, "metrics": counted}
        case MeasurementFailed(window=window, reason=reason, retry_at=retry_at):
            failed = {"reason": reason, "retry_at": instant(retry_at)}
            missing = {"metrics": None, "collected_at": None, "failed": failed}
            return {**document, "windows": {**document["windows"], window: missing}}
        case MeasurementClosed():
            return {**document, "closed": True}
        case _:
            return document


def _planned(fact: MeasurementPlanned, told: Told) -> Document:
    story = name_of(told.stream)
    return {
        "id": story,
        "account": account_of(story),
        "channel": channel_of(fact.connection),
        "connection": fact.connection,
        "bucket": fact.bucket,
        "campaign": fact.campaign,
        "published_at": instant(fact.published_at),
        "channel_post_id": fact.channel_post_id,
        "closed": False,
        "windows": {},
        "metrics": None,
    }


def columns(document: Document) -> Mapping[str, Any]:
    counted = document["metrics"] or {}
    kept = ("account", "channel", "connection", "bucket", "campaign", "closed")
    numbers = {name: min(counted[name], LARGEST) if counted.get(name) is not None else None for name in COUNTERS}
    return {name: document[name] for name in kept} | {"published_at": micros(document["published_at"])} | numbers


def sums(account: str, by: str, *, since: int | None = None, until: int | None = None) -> Select:
    """Per channel, bucket or campaign: how many posts were measured, and the sum of what was counted."""
    group = table.c[by]
    counted = [func.sum(table.c[name]).label(name) for name in COUNTERS]
    found = select(group.label("name"), func.count().label("posts"), *counted).where(*_within(account, since, until))
    return found.group_by(group).order_by(group)


def posts(account: str, *, since: int | None = None, until: int | None = None) -> Select:
    """Every measured post, for an export."""
    return select(table.c.key, table.c.body).where(*_within(account, since, until)).order_by(
        table.c.published_at, table.c.key
    )  # fmt: skip


def _within(account: str, since: int | None, until: int | None) -> list[Any]:
    found: list[Any] = [table.c.account == account]
    if since is not None:
        found.append(table.c.published_at >= since)
    if until is not None:
        found.append(table.c.published_at < until)
    return found
