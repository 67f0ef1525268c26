"""`make soak` loses a thousand houses; here a dozen, and three in which something is left out."""

from __future__ import annotations

from services.channels.blog import wordpress
from services.channels.outcome import Absent
from services.publisher import recovering
from tests.soak.restores import lose, restores

MUCH_FORGOTTEN = 4
"""A seed whose house had forgotten several posts that were live."""
LOST_TWICE = 13
"""A seed in which posts that went out before the first restore still wait for their slots after the second."""
RENAMED = 747
"""A seed in which a blog's post went out under a title that the restored log has never heard of."""


async def test_houses_restored_while_their_channels_moved_on_publish_nothing_twice(tmp_path):
    for tried in await restores(tmp_path, 12):
        assert tried.kept, tried


def test_without_the_look_that_comes_first_a_restored_house_would_publish_twice(monkeypatch):
    monkeypatch.setattr(recovering, "unproven", lambda *told, **about: False)
    assert any("stands 2 times" in each for each in lose(MUCH_FORGOTTEN).wrong)


def test_a_house_that_remembers_its_last_restore_alone_would_publish_twice_after_two(monkeypatch):
    monkeypatch.setattr(recovering, "back_to", lambda told, *, restored, **about: restored.since)
    assert any("stands 2 times" in each for each in lose(LOST_TWICE).wrong)


def test_a_blog_that_was_looked_at_for_one_slug_alone_would_publish_a_renamed_post_twice(monkeypatch):
    async def nothing_else(http, credential, wish, *, now):
        return Absent()

    assert lose(RENAMED).wrong == []
    monkeypatch.setattr(wordpress, "_by_its_marker", nothing_else)
    assert any("stands 2 times on" in each for each in lose(RENAMED).wrong)
