"""`make soak` stops publishers again and again; here one stands still in the middle of a call, and is ended."""

from __future__ import annotations

from tests.soak.pauses import pauses


async def test_whoever_stands_still_is_ended_before_its_line_is_taken_and_nothing_stands_twice(tmp_path):
    for tried in await pauses(tmp_path, 1):
        assert tried.kept, tried
