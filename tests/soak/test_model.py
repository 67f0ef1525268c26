"""Outcomes that stay unknown, small (G8)."""

from __future__ import annotations

import pytest

from tests.soak.model import under_the_model, without_a_fault

FORTNIGHTS = 40


@pytest.mark.parametrize("trial", [without_a_fault, under_the_model])
async def test_no_outcome_stays_unknown(trial, tmp_path, tell):
    found = await trial(tmp_path, FORTNIGHTS)
    for tried in found:
        tell("under the model", f"{tried.promise}, of {tried.reached:,}")
    assert all(tried.kept for tried in found), [tried.violations for tried in found]
