"""One connection's day: a slot is taken once, given back once, and repeated words change nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import reduce

from events import Slot, SlotFreed, SlotTaken
from services.planning import posting_day
from services.planning.posting_day import Day

SLOT = Slot(at=datetime(2026, 11, 24, 9, 0, tzinfo=UTC), local="2026-11-24T09:00", zone="UTC")
TAKEN = SlotTaken(connection="acme.linkedin", day=date(2026, 11, 24), post="one", at=SLOT.at, local=SLOT.local)
FREED = SlotFreed(connection="acme.linkedin", day=date(2026, 11, 24), post="one", why="cancelled")


def day(*facts) -> Day:
    return reduce(posting_day.evolve, facts, posting_day.initial)


def test_a_slot_is_taken():
    assert posting_day.take(day(), connection="acme.linkedin", post="one", slot=SLOT) == [TAKEN]


def test_taking_the_same_slot_again_says_nothing():
    assert posting_day.take(day(TAKEN), connection="acme.linkedin", post="one", slot=SLOT) == []


def test_a_slot_that_is_had_is_given_back():
    assert posting_day.free(day(TAKEN), post="one", why="cancelled") == [FREED]


def test_giving_back_what_one_has_not_says_nothing():
    assert posting_day.free(day(), post="one", why="cancelled") == []
    assert posting_day.free(day(TAKEN, FREED), post="one", why="cancelled") == []
    assert posting_day.free(day(TAKEN), post="two", why="cancelled") == []


def test_what_was_given_back_is_no_longer_counted():
    assert day(TAKEN, FREED).instants == []


def test_a_slot_as_the_log_says_it_is_in_the_one_zone_all_others_are_compared_in():
    """Whatever the reader of JSON calls UTC, the day keeps the house's own."""
    said = SlotTaken.model_validate_json(TAKEN.model_dump_json())
    assert said.at.tzinfo is not UTC
    assert day(said).taken["one"].at.tzinfo is UTC
    assert day(said) == day(TAKEN)
