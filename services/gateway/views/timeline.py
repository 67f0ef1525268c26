"""What happened to one post? Where in the log its facts stand, in order.

The facts themselves are read from the log when somebody asks, so the view stays small and the words can change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Text

from events import Fact, Told
from events.channels import account_of
from events.subjects import kind_of, name_of
from services.gateway.views.view import Document, table_of

shape = 1
hears: frozenset[type[Fact]] | None = None
initial: Document = {"positions": []}

_OF_ONE_POST: Final = frozenset({"post", "delivery", "measurement", "approval"})
"""These streams are called after the story they tell."""
_OF_OTHERS: Final = frozenset({"account", "key", "weights", "engagement", "house", "stuck"})

table = table_of("timeline", Column("account", Text, nullable=False))


def keys(told: Told) -> Sequence[str]:
    """Beside its own streams, a post's story runs through asks, answers, its slots, and a grant lost on its way."""
    kind = kind_of(told.stream)
    if kind in _OF_ONE_POST:
        return (name_of(told.stream),)
    story = told.story
    if kind in _OF_OTHERS or "." not in story or story == name_of(told.stream):
        return ()
    return (story,)


def evolve(document: Document, told: Told) -> Document:
    return {"positions": [*document["positions"], told.position], "account": told.account or account_of(keys(told)[0])}


def columns(document: Document) -> Mapping[str, Any]:
    return {"account": document["account"]}
