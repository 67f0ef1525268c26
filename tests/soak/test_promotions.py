"""`make soak` promotes twenty standbys; here one that has everything, and one that lags."""

from __future__ import annotations

from tests.soak.promotions import promotions


async def test_a_promoted_standby_takes_nothing_before_somebody_owned_up_to_it(tmp_path):
    for tried in await promotions(tmp_path, 1):
        assert tried.kept, tried
