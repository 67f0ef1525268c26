"""Where is publishing paused, since when, and why? One document per reach of the kill switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from events import Fact, PublishingPaused, PublishingResumed, Told
from services.gateway.views.view import Document, instant, table_of

shape = 1
hears: frozenset[type[Fact]] | None = frozenset({PublishingPaused, PublishingResumed})
initial: Document = {}

table = table_of("house")


def keys(told: Told) -> Sequence[str]:
    assert isinstance(told.fact, PublishingPaused | PublishingResumed)  # noqa: S101 - `hears` says so
    return (told.fact.scope,)


def evolve(document: Document, told: Told) -> Document:
    fact = told.fact
    assert isinstance(fact, PublishingPaused | PublishingResumed)  # noqa: S101
    paused = isinstance(fact, PublishingPaused)
    reason = fact.reason if isinstance(fact, PublishingPaused) else ""
    return {"scope": fact.scope, "paused": paused, "reason": reason, "since": instant(told.about.happened_at)}


def columns(document: Document) -> Mapping[str, Any]:
    return {}
