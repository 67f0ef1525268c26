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


def test_the_young_and_everything_are_searched_seldom_and_never_many_of_the_middle_aged_at_once():
    gc.set_threshold(*PYTHONS)
    search_seldom()
    young, middle_aged, everything = gc.get_threshold()
    assert young > 10 * PYTHONS[0]
    assert middle_aged < PYTHONS[1]
    assert middle_aged * everything > 10 * PYTHONS[1] * PYTHONS[2]


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
