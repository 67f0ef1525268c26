"""The net is tested: faults planted in the product are found within a few hundred fortnights (G2)."""

from __future__ import annotations

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.report import play
from tests.simulation.seeds import FOUND_BY, SEEDS

FORTNIGHTS_MAX = 400
"""So many are searched for a fault whose own seed no longer finds it, because the product has moved on."""


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_fault_is_found(bug):
    """And without it the very same fortnight holds every promise."""
    seeds = [FOUND_BY[bug], *range(FORTNIGHTS_MAX)] if bug in FOUND_BY else range(FORTNIGHTS_MAX)
    found = next((seed for seed in seeds if play(seed, bug=bug).breaches), None)
    assert found is not None, f"nobody noticed in {FORTNIGHTS_MAX} fortnights: {BUGS[bug].__doc__}"
    assert not play(found).breaches


def test_every_fault_that_was_found_in_the_product_is_planted_again():
    assert {seed.bug for seed in SEEDS.values()} <= set(BUGS)


def test_a_planted_fault_is_taken_out_again():
    before = play(3).hash
    play(3, bug="an_unclear_answer_is_taken_for_a_no")
    assert play(3).hash == before
