"""Keys at the command line: whoever looks at the list sees which of them still open (S49)."""

from __future__ import annotations


async def test_a_revoked_key_is_shown_as_one(typed):
    run, week, _ = typed
    live, ended = [(await week.gateway.issue_key(role="viewer")).split("_")[1] for _ in range(2)]
    await run("keys", "revoke", ended)
    shown = {line.split()[0]: line.split()[1] for line in (await run("keys", "list")).out.splitlines()}
    assert (shown["prefix"], shown[live], shown[ended]) == ("status", "live", "revoked")


async def test_a_key_for_an_account_that_nobody_has_set_up_says_so(typed):
    """It may be set up later; more often its name is misspelt."""
    run, _, _ = typed
    issued = await run("keys", "issue", "viewer", "--account", "acme", "--account", "nope")
    assert (issued.code, issued.err.count("there is no account")) == (0, 1)
    assert "there is no account nope yet" in issued.err
