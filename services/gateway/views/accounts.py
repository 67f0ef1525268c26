"""Which client accounts are there, and what have they chosen?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Text

from events import AccountChanged, ConnectionDropped, ConnectionListed, Fact, Told
from events.subjects import name_of
from services.gateway.views.view import Document, by_name, table_of

shape = 1
hears: frozenset[type[Fact]] | None = frozenset({AccountChanged, ConnectionListed, ConnectionDropped})
initial: Document = {"document": None, "version": 0, "connections": []}
keys = by_name

table = table_of("accounts", Column("account", Text, nullable=False))


def evolve(document: Document, told: Told) -> Document:
    """`version` is the account stream's: what an ETag says and a change guards (D18)."""
    listed: list[str] = document["connections"]
    changed: Document = {}
    match told.fact:
        case AccountChanged(document=choices):
            changed = {"document": choices.model_dump(mode="json")}
        case ConnectionListed(connection=name) if name not in listed:
            changed = {"connections": [*listed, name]}
        case ConnectionDropped(connection=name):
            changed = {"connections": [each for each in listed if each != name]}
    return {**document, **changed, "account": name_of(told.stream), "version": told.version}


def columns(document: Document) -> Mapping[str, Any]:
    return {"account": document["account"]}
