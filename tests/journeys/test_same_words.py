"""Two posts say the same words on one channel, which takes them once: each has an outcome of its own (I13, S36)."""

from __future__ import annotations

import pytest

from tests.journeys.doors import approved
from tests.journeys.places import after, one_process


@pytest.mark.parametrize("channel", ["x", "linkedin"])
async def test_the_second_is_told_that_the_channel_has_it_and_is_never_taken_for_the_first(tmp_path, channel):
    async with one_process(tmp_path) as place:
        doors = place.doors
        await doors.opened("acme", channel)
        for post, at in (("first", "2026-11-23T10:00:00Z"), ("second", "2026-11-23T10:00:40Z")):
            await doors.approve(approved(post, channel=channel, text="Open today.", exactly_at=at))
            await doors.in_status(f"acme.{post}", "scheduled")
        await place.until(after("2026-11-23T10:00:00Z", hours=1))
        first = await doors.in_status("acme.first", "published")
        second = await doors.in_status("acme.second", "failed")
        assert second["error"]["class"] == "duplicate"
        (live,) = await doors.standing(channel)
        assert live["id"] == first["channel_post_id"]
