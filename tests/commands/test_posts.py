"""What the command line says of itself is what it does (S48)."""

from __future__ import annotations

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from services.commands import posts


def test_a_shift_is_told_as_from_each_posts_own_slot():
    helps = {param.name: getattr(param, "help", None) for param in get_command(posts.app).commands["reschedule"].params}
    assert helps["shift"] == "so much later than the slot each post has now, as in PT1H; earlier with a minus"


def test_media_can_be_taken_away_and_stay_where_nobody_says_so(monkeypatch):
    asked = []
    monkeypatch.setattr(posts, "change", lambda method, path, body, version: asked.append(body) or {})
    for words in (["--no-media"], ["--text", "Other words."]):
        assert CliRunner().invoke(posts.app, ["edit", "acme.team-day", *words]).exit_code == 0
    assert asked == [{"media": []}, {"text": "Other words."}]


async def test_a_time_that_is_none_is_complained_about_under_the_name_that_was_typed(typed):
    """The house calls it `from`, and no option is called that."""
    run, _, _ = typed
    for command in ("list", "counts"):
        for option in ("--since", "--until"):
            ended = await run("posts", command, option, "yesterday")
            assert (ended.code, ended.out) == (1, ""), ended
            assert ended.err.startswith(f"invalid: {option}: write an instant as "), ended.err


async def test_any_other_no_is_told_as_it_is(typed):
    run, _, _ = typed
    ended = await run("posts", "show", "acme.nobody")
    assert (ended.code, ended.err.startswith("not_found: There is nothing by this name")) == (1, True)


@pytest.mark.parametrize("words", [("posts", "import"), ("account", "set", "acme", "--file"),
                                   ("parked", "redrive", "parked-0", "--body")])  # fmt: skip
async def test_a_file_that_is_not_there_is_a_slip_in_every_command(typed, tmp_path, words):
    run, _, _ = typed
    file = tmp_path / "nowhere.json"
    ended = await run(*words, file)
    assert (ended.code, ended.out, ended.err) == (2, "", f"{file} cannot be read: No such file or directory\n")
