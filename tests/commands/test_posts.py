"""What the command line says of itself is what it does (S48)."""

from __future__ import annotations

from typer.main import get_command

from services.commands import posts


def test_a_shift_is_told_as_from_each_posts_own_slot():
    helps = {param.name: getattr(param, "help", None) for param in get_command(posts.app).commands["reschedule"].params}
    assert helps["shift"] == "so much later than the slot each post has now, as in PT1H; earlier with a minus"
