"""How a fault is written down: a function called after it, whose words say what is wrong, and its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

BUGS: dict[str, Callable[[], Iterator[Change]]] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """In this place, a module or a class, something else is called by this name."""

    place: Any
    name: str
    instead: Any


def bug(planting: Callable[[], Iterator[Change]]) -> Callable[[], Iterator[Change]]:
    BUGS[planting.__name__] = planting
    return planting
