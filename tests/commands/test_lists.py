"""A list is shown to its end, and one thing of it is found by its name, wherever in the list it stands (S24, S48)."""

from __future__ import annotations

import json

import pytest

from events import MessageParked
from events.subjects import parked_stream
from services.chassis.rows import PARKED_BODY, Drop, Put
from services.chassis.store import Append

MANY = 210
"""More than one answer of the house holds."""
BODY = b'{"specversion": "1.0", "data": {"post": "Caf\xc3\xa9", "text": "' + b"A long story. " * 1000 + b'"}}'
OLDEST = parked_stream(BODY)


async def parked(week, body: bytes) -> None:
    fact = MessageParked(code="malformed", reason="It is no post.", head=body[:4096].decode(), bytes=len(body),
                         sha256="0" * 64, subject="production.post_approved")  # fmt: skip
    await week.teller.say(parked_stream(body), fact, account="acme")
    row = {"id": parked_stream(body), "body": body, "subject": "production.post_approved"}
    await week.store.append(Append(rows=[Put(PARKED_BODY, row)]))


@pytest.fixture
async def full(typed):
    """So much of everything that no answer holds it."""
    run, week, _ = typed
    await parked(week, BODY)
    for number in range(MANY):
        await week.teller.take_in(f"acme.more-{number}", "acme.linkedin", "One more.")
        await parked(week, b"{%d" % number)
        await week.teller.account(f"client-{number}", "UTC")
    return run, week


async def test_a_list_is_shown_to_its_end(full):
    run, _ = full
    for words, name in ((("posts", "list"), "acme.more-"), (("parked", "list"), "parked-"),
                        (("account", "list"), "client-")):  # fmt: skip
        in_words, as_json = await run(*words), await run(*words, "--output", "json")
        assert (in_words.code, in_words.err, as_json.code, as_json.err) == (0, "", 0, ""), words
        ids = [each["id"] for each in as_json.json["items"]]
        assert len([each for each in ids if each.startswith(name)]) >= MANY, words
        assert len(set(ids)) == len(ids), words
        assert [line.split()[0] for line in in_words.out.splitlines()] == ["id", *ids], words
        assert as_json.json["next_cursor"] is None, words


async def test_a_limited_list_says_that_there_is_more_and_where_it_goes_on(full):
    run, _ = full
    whole = (await run("posts", "list", "--output", "json")).json["items"]
    first = await run("posts", "list", "--limit", "205", "--output", "json")
    assert first.json["items"] == whole[:205]
    assert f"there is more: leave --limit out, or go on with --cursor {first.json['next_cursor']}" in first.err
    rest = await run("posts", "list", "--cursor", first.json["next_cursor"], "--output", "json")
    assert (rest.json["items"], rest.err) == (whole[205:], "")
    nobody = await run("posts", "list", "--account", "nobody", "--output", "json")
    assert nobody.json == {"items": [], "next_cursor": None}


async def test_a_parked_message_is_found_wherever_in_the_list_it_stands(full):
    run, _ = full
    shown = await run("parked", "show", OLDEST)
    assert (shown.code, f"id: {OLDEST}" in shown.out.splitlines()) == (0, True), shown.err
    assert len(shown.out) < len(BODY)
    nothing = await run("parked", "show", "parked-0")
    assert (nothing.code, nothing.err) == (1, "no parked message is called parked-0\n")


async def test_the_whole_body_of_a_parked_message_comes_as_it_was_to_be_mended(full):
    run, week = full
    assert (await run("parked", "show", OLDEST, "--body")).out.encode() == BODY
    assert json.loads((await run("parked", "show", OLDEST, "--output", "json")).json["body"]) == json.loads(BODY)
    await week.store.append(Append(rows=[Drop(PARKED_BODY, {"id": OLDEST})]))
    gone = await run("parked", "show", OLDEST, "--body")
    assert (gone.code, gone.out, "no body is kept" in gone.err) == (1, "", True)


async def test_the_last_of_many_accounts_is_changed_and_not_put_anew(full):
    run, week = full
    await week.teller.account("zoo", "UTC", owner="keeper@zoo.example")
    changed = await run("account", "set", "zoo", "--zone", "Europe/Berlin", "--output", "json")
    assert (changed.json["zone"], changed.json["owner"]) == ("Europe/Berlin", "keeper@zoo.example")
