"""`make soak` writes a million facts on each database; here some thousands."""

from __future__ import annotations

from tests.soak.writers import writers


async def test_what_many_write_at_once_every_reader_hears_once_and_in_order(tmp_path):
    for tried in await writers(tmp_path, 3_000):
        assert tried.kept, tried
