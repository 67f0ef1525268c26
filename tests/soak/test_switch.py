"""`make soak` throws the kill switch for each reach, twice; here once, for everything."""

from __future__ import annotations

from tests.soak.switch import switch


async def test_a_pause_stops_all_calls_at_once_and_in_the_next_life_and_resuming_sends_each_once(tmp_path):
    for tried in await switch(tmp_path, 1):
        assert tried.kept, tried
