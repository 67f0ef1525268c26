"""How often Python searches for garbage that holds on to itself. A house keeps much and leaves little such garbage,
and everything stands still meanwhile: *m* a quarter of a second each time under load, and a sixth of all work."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS, YOUNG, OLD = 20_000, 2, 1_000
"""Objects made before the young ones are searched (Python: 700), searches of those before the middle-aged are (10),
and searches of these before everything is (10). The middle-aged are searched once each, and the more of them have come
together the longer all stands still: *m* at most 60 ms, and 320 where twenty searches of the young went before."""


def search_seldom() -> None:
    """Once a process has started: what lives by then lives on, and is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG, OLD)


@contextmanager
def no_search() -> Iterator[None]:
    """While modules are loaded: fifteen hundred come in and all of them stay. *m* a start was a third of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
