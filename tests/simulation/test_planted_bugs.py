"""The net is tested: faults planted in the product are found within a few hundred fortnights (G2)."""

from __future__ import annotations

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.net import Caught, bug_caught, table
from tests.simulation.report import play
from tests.simulation.seeds import SEEDS

FORTNIGHTS_MAX = 400
"""So many are searched for a fault whose own seed no longer finds it, because the product has moved on."""


@pytest.fixture(scope="module")
def net() -> list[Caught]:
    return []


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_fault_is_found(bug, net):
    """And without it the very same fortnight holds every promise."""
    caught = bug_caught(bug, FORTNIGHTS_MAX)
    net.append(caught)
    assert caught.seed is not None, f"{caught}: {BUGS[bug].__doc__}"
    assert not play(caught.seed).breaches


def test_every_fault_that_was_found_in_the_product_is_planted_again():
    assert {seed.bug for seed in SEEDS.values()} <= set(BUGS)


def test_a_planted_fault_is_taken_out_again():
    before = play(3).hash
    play(3, bug="an_unclear_answer_is_taken_for_a_no")
    assert play(3).hash == before


def test_the_whole_net_in_one_table(net, tell):
    """Printed, for whoever wonders which witness sees what."""
    tell("planted bugs", table(net))
