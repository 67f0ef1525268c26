"""Folding facts into documents, in memory: what live folding, a rebuild and a check have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence

import structlog

from events import EVERY_FACT, Fact, Told
from services.gateway.views.view import Document, View

log = structlog.get_logger("views")


def heard(view: View, page: Sequence[Told]) -> Sequence[Told]:
    """The facts of a page that this view folds."""
    hears = view.hears
    return page if hears is None else [told for told in page if type(told.fact) in hears]


def heard_by_any(views: Iterable[View]) -> frozenset[type[Fact]]:
    """What at least one of these views folds."""
    every = frozenset(EVERY_FACT.values())
    return frozenset().union(*(every if view.hears is None else view.hears for view in views))


def every_topic_but(heard: frozenset[type[Fact]]) -> frozenset[str]:
    """Of every shape of every other fact."""
    others = [fact for fact in EVERY_FACT.values() if fact not in heard]
    return frozenset(f"{fact.type}.v{shape}" for fact in others for shape in range(1, fact.shape + 1))


def concerned(view: View, facts: Iterable[Told]) -> set[str]:
    return {key for told in facts for key in view.keys(told)}


def fold(view: View, documents: MutableMapping[str, Document], facts: Iterable[Told]) -> set[str]:
    """Fold facts into the documents, in place; which keys have changed.

    A fact that `evolve` cannot take leaves its own document as it was and everybody else alone (I25): the log has it,
    and a release that can take it raises the view's shape and folds anew.
    """
    changed: set[str] = set()
    initial, keys, evolve = view.initial, view.keys, view.evolve
    for told in facts:
        for key in keys(told):
            before = documents.get(key, initial)
            try:
                after = evolve(before, told)
            except Exception as broken:
                log.error("a view cannot take a fact", view=view.table.name, position=told.position,
                          fact=told.fact.type, error=f"{type(broken).__name__}: {broken}")  # fmt: skip
                continue
            if after is not before:
                documents[key] = after
                changed.add(key)
    return changed


def differences(view: View, shown: Mapping[str, Mapping[str, object]], log_says: Mapping[str, Mapping[str, object]],
                most: int) -> list[dict[str, object]]:  # fmt: skip
    """Where the view says otherwise than the log: cell by cell, the first few by key."""
    found: list[dict[str, object]] = []
    for key in sorted(shown.keys() | log_says.keys()):
        if len(found) >= most:
            break
        here, there = shown.get(key), log_says.get(key)
        if here is None or there is None:
            found.append({"key": key, "column": "key", "view": here and key, "log": there and key})
            continue
        found += [
            {"key": key, "column": name, "view": here.get(name), "log": there.get(name)}
            for name in sorted(here.keys() | there.keys())
            if here.get(name) != there.get(name)
        ]
    return found[:most]
