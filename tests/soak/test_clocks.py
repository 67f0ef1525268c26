"""`make soak` lets the wall jump and stand still a dozen times; here it jumps once."""

from __future__ import annotations

from tests.soak.clocks import clocks


async def test_while_the_wall_has_parted_no_attempt_starts_and_afterwards_each_post_goes_out_once(tmp_path):
    for tried in await clocks(tmp_path, 1):
        assert tried.kept, tried
