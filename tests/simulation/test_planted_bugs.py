"""The net is tested: faults planted in the product are found within a few hundred fortnights (G2)."""

from __future__ import annotations

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.report import play
from tests.simulation.seeds import FOUND_BY, SEEDS


def test_every_planted_fault_has_a_seed_that_finds_it():
    assert set(FOUND_BY) == set(BUGS)


@pytest.mark.parametrize("bug", FOUND_BY)
def test_a_planted_fault_is_found(bug):
    """Without it the very same fortnight holds every promise."""
    assert play(FOUND_BY[bug], bug=bug).breaches
    assert not play(FOUND_BY[bug]).breaches


@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_that_once_failed_still_finds_what_had_been_wrong(name):
    assert play(SEEDS[name].seed, bug=SEEDS[name].bug).breaches
