"""A grant that does not work is no success, whoever asks for it in a script (S48)."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("kind", "works", "code"), [(None, True, 0), ("revoked", False, 1), ("outage_before", None, 1)]
)
async def test_a_check_ends_well_only_where_the_grant_works(typed, kind, works, code):
    run, week, _ = typed
    await week.connected(await week.caller("owner"), "x", account="bistro")
    if kind:
        week.weather("x", kind, **{"for": "PT1H"})
    checked = await run("connect", "check", "bistro.x", "--output", "json")
    assert (checked.code, checked.json["works"]) == (code, works)
