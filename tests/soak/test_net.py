"""The first ten mutants that the seed draws are caught within a few hundred fortnights (G2).

A mutant of a line that has been changed is another one; should it get away, the net has a hole, and a new witness or a
new trouble mends it. One that nobody could find gets its reason in `mutants/equivalent.py`.
"""

from __future__ import annotations

from tests.simulation.mutants.drawing import alive, mutants_of
from tests.simulation.mutants.hunting import FILES, first_ten
from tests.simulation.report import play
from tests.soak.net import mutants

FORTNIGHTS_MAX = 400


async def test_the_first_ten_mutants_are_caught(tmp_path, capsys, tell):
    found = await mutants(tmp_path, FORTNIGHTS_MAX)
    tell("drawn mutants", capsys.readouterr().err.strip())
    assert all(tried.kept for tried in found), [tried.violations for tried in found]


def test_every_file_has_mutants_and_each_is_taken_out_again():
    assert all(mutants_of(file) for file in FILES if not file.endswith("/store.py"))
    before = play(3).hash
    with alive(first_ten()[0]):
        play(3)
    assert play(3).hash == before
