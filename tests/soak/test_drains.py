"""`make soak` restarts services for minutes; here the publisher leaves once."""

from __future__ import annotations

from tests.soak.drains import drains


async def test_services_restarted_in_a_busy_hour_send_nothing_twice_and_lose_nothing(tmp_path):
    for tried in await drains(tmp_path, 1):
        assert tried.kept, tried
