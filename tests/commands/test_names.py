"""What is typed after a command names one thing, and a word it does not know is refused before anything is asked."""

from __future__ import annotations

ELSEWHERE = [
    ("keys", "revoke", "../connections/acme.linkedin"),
    ("account", "show", "../posts"),
    ("account", "show", "acme/connections"),
    ("account", "show", ".."),
    ("posts", "show", "acme.long-read/timeline"),
    ("connect", "drop", "../connections/acme.linkedin"),
]
NOTHING = [
    ("account", "show", ""),
    ("account", "set", " ", "--zone", "UTC"),
    ("connect", "list", ""),
    ("connect", "channel", "acme", ""),
    ("posts", "why", ""),
    ("posts", "cancel", ""),
    ("parked", "show", ""),
    ("keys", "revoke", ""),
    ("views", "check", ""),
]


async def test_a_name_never_leads_to_another_address(typed):
    run, week, _ = typed
    before = await week.store.position()
    for words in ELSEWHERE:
        ended = await run(*words)
        assert (ended.code, ended.out) == (2, ""), (words, ended)
        assert f"{words[-1]} is no name" in ended.err, words
    assert await week.store.position() == before


async def test_an_empty_name_is_said_to_be_one(typed):
    run, _, _ = typed
    for words in NOTHING:
        ended = await run(*words)
        assert (ended.code, ended.out) == (2, ""), (words, ended)
        assert "an empty name names nothing" in ended.err, words


async def test_whatever_else_is_in_a_name_it_stays_one_name(typed):
    """A question mark, a hash or a percent sign would end it, or stand for something else."""
    run, _, _ = typed
    for name in ("acme?limit=1", "acme#queue", "%61cme", "ac me"):
        ended = await run("account", "show", name)
        assert (ended.code, ended.out) == (1, ""), (name, ended)
        assert ended.err.startswith("not_found"), name
    shown = await run("account", "show", "acme", "--output", "json")
    assert (shown.code, shown.json["id"]) == (0, "acme")


async def test_an_answer_comes_as_text_or_json_and_nothing_else(typed):
    run, _, _ = typed
    for words in (("account", "list"), ("posts", "counts"), ("keys", "list"), ("log", "head"), ("settings",)):
        ended = await run(*words, "--output", "xml")
        assert (ended.code, ended.out) == (2, ""), (words, ended)
        assert "'xml'" in ended.err, words
