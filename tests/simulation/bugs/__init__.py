"""Faults planted in the running product, one at a time, to see that the net would catch them (G2).

Each is a mistake somebody might make: a few words that replace a few words of the product while a fortnight is played.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.simulation.bugs import (
    in_disorder,
    in_the_chassis,
    in_the_gateway,
    in_the_publisher,
    in_the_relay,
    in_the_scheduler,
)
from tests.simulation.bugs.planting import BUGS

__all__ = [
    "BUGS",
    "in_disorder",
    "in_the_chassis",
    "in_the_gateway",
    "in_the_publisher",
    "in_the_relay",
    "in_the_scheduler",
    "planted",
]


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The product with this one fault in it; with none, for the empty name."""
    changed = []
    try:
        for change in BUGS[name]() if name else ():
            changed.append((change.place, change.name, getattr(change.place, change.name)))
            setattr(change.place, change.name, change.instead)
        yield
    finally:
        for place, called, before in reversed(changed):
            setattr(place, called, before)
