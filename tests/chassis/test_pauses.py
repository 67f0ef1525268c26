"""What lives when a process has started is left alone by the search for garbage; what is made afterwards is not."""

from __future__ import annotations

import gc
import weakref

import pytest

from services.chassis.pauses import no_search, search_seldom

PYTHONS = (700, 10, 10)
"""How often Python 3.11 searches by itself."""


@pytest.fixture(autouse=True)
def as_it_was():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
    gc.enable()


class Ring:
    """Garbage that holds on to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_lived_before_is_frozen_and_new_garbage_is_still_found():
    search_seldom()
    assert gc.get_freeze_count() > 10_000
    assert gc.isenabled()
    garbage = weakref.ref(Ring())
    gc.collect()
    assert garbage() is None


def test_the_young_are_searched_after_many_more_objects_than_python_would():
    gc.set_threshold(*PYTHONS)
    search_seldom()
    assert all(mine > pythons for mine, pythons in zip(gc.get_threshold(), PYTHONS, strict=True))


def test_nothing_is_searched_while_modules_are_loaded_and_afterwards_again():
    searched = []

    def load() -> None:
        with no_search():
            searched.append(gc.isenabled())
            raise ImportError

    with pytest.raises(ImportError):
        load()
    assert searched == [False]
    assert gc.isenabled()
