"""What is there more than once. Lists come from outside as long as a body may be: each name is looked at once (I39)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def twice(names: Iterable[Name]) -> list[Name]:
    """Each that is repeated, in the order in which it is met again."""
    seen: set[Name] = set()
    again: dict[Name, None] = {}
    for name in names:
        if name in seen:
            again[name] = None
        seen.add(name)
    return list(again)
