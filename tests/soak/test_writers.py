"""`make soak` writes a million facts on each database; here so many that even what seldom comes about does."""

from __future__ import annotations

from tests.soak.writers import writers


async def test_what_many_write_at_once_every_reader_hears_once_and_in_order(tmp_path):
    for tried in await writers(tmp_path, 20_000):
        assert tried.kept, tried
