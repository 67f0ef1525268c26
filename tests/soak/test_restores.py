"""`make soak` loses a thousand houses; here a dozen, and one without the look that comes first."""

from __future__ import annotations

from services.publisher import recovering
from tests.soak.restores import lose, restores

MUCH_FORGOTTEN = 4
"""A seed whose house had forgotten several posts that were live."""


async def test_houses_restored_while_their_channels_moved_on_publish_nothing_twice(tmp_path):
    for tried in await restores(tmp_path, 12):
        assert tried.kept, tried


def test_without_the_look_that_comes_first_a_restored_house_would_publish_twice(monkeypatch):
    monkeypatch.setattr(recovering, "unproven", lambda *told, **about: False)
    assert any("stands 2 times" in each for each in lose(MUCH_FORGOTTEN)[2])
