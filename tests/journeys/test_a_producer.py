"""A producer in any language works from the document of the doors alone (S45): repeats are silence, nothing is lost,
and what cannot be a post is parked with a reason that somebody can read, mend and offer again (S1, S2)."""

from __future__ import annotations

import ast
import json
import random
from collections import Counter
from pathlib import Path

from tests.journeys import producer as module
from tests.journeys.doors import until
from tests.journeys.producer import a_producer, event
from tests.parsing import parsed

SEED = 20261123
GOOD = [
    event(account, f"post-{number:03}", channel, f"{account} says {number} on {channel}.", bucket="news")
    for number in range(100)
    for account, channel in (("acme", "linkedin"), ("borealis", "x"))
]
NOBODY_YET = json.dumps(event("orchid", "first", "x", "Orchid is about to open.")).encode()
BAD = {
    "not_json: broken": b'{"specversion": "1.0", "id": "b1", "data": {"post": "cut-off", ',
    "not_json: not a number": json.dumps(event("acme", "nan", "x", "NaN", exactly_at=float("nan"))).encode(),
    "not_json: 300 levels deep": b"[" * 300 + b"]" * 300,
    "not_an_event: a list": b'["post", "approved"]',
    "unknown_account": json.dumps(event("nova", "first", "x", "Nova is new here.")).encode(),
    "unknown_channel": json.dumps(event("acme", "fax", "fax", "By fax.")).encode(),
    "oversize": json.dumps(event("acme", "huge", "linkedin", "h" * 900_000)).encode(),
    "invalid: a time without a zone": json.dumps(
        event("acme", "naive", "x", "When?", exactly_at="2026-11-24T10:00:00")
    ).encode(),
    "invalid: a name with spaces": json.dumps(event("acme", "Spring 42!", "x", "Who?")).encode(),
}
TOO_LONG = json.dumps(event("acme", "too-long", "x", "x" * 281)).encode()
CHANGED = json.dumps(event("acme", "post-000", "linkedin", "Something else.")).encode()
MENDED = [
    event("acme", "cut-off", "x", "Whole again."),
    event("acme", "nan", "x", "NaN"),
    event("acme", "deep", "x", "Flat."),
    event("acme", "list", "x", "An object."),
    event("borealis", "first", "x", "Borealis is known here."),
    event("acme", "fax", "blog", "By blog.", title="By blog"),
    event("acme", "huge", "linkedin", "Small."),
    event("acme", "naive", "x", "When?", exactly_at="2026-11-24T10:00:00+01:00"),
    event("acme", "spring-42", "x", "Who?"),
]
STORIES = {f"{each['data']['account']}.{each['data']['post']}" for each in GOOD}


async def test_six_hundred_deliveries_in_any_order_are_two_hundred_posts(place):
    """Each message three times, shuffled, with what cannot be a post in between, three times as well."""
    await place.doors.opened("acme", "linkedin", "x", "blog")
    await place.doors.opened("borealis", "x", zone="America/New_York")
    bodies = [json.dumps(each).encode() for each in GOOD] + [*BAD.values(), TOO_LONG, CHANGED]
    deliveries = bodies * 3
    random.Random(SEED).shuffle(deliveries)
    async with a_producer(place.doors.up["nats"]) as producer:
        await producer.say(deliveries)
        await producer.received({*STORIES, "acme.too-long"})
        await until(lambda: parked(place.doors, len(BAD) + 1), what="all that cannot be a post is parked")
        receipts = Counter(producer.receipts)

    posts = await place.doors.all_of("/v1/posts")
    assert Counter(post["id"] for post in posts) == Counter([*STORIES, "acme.too-long"])
    assert receipts == Counter(post["id"] for post in posts)
    failed = [post for post in posts if post["status"] == "failed"]
    assert [(post["id"], post["error"]["code"]) for post in failed] == [("acme.too-long", "text_too_long")]
    found = {each["sha256"]: each for each in await place.doors.all_of("/v1/parked")}
    assert sorted(each["code"] for each in found.values()) == sorted(["changed", *(name.split(":")[0] for name in BAD)])
    assert all(each["reason"].endswith((".", "Z")) and len(each["reason"]) > 30 for each in found.values())


async def test_what_was_parked_becomes_a_post_once_it_is_mended(place):
    """An operator reads the reason, mends the message and offers it again: each becomes one post, and only one."""
    doors = place.doors
    await doors.opened("acme", "linkedin", "x", "blog")
    await doors.opened("borealis", "x")
    async with a_producer(doors.up["nats"]) as producer:
        await producer.say(list(BAD.values()))
        found = await until(lambda: parked(doors, len(BAD)), what="all of them are parked")
        by_head = {each["head"]: each["id"] for each in found}
        for body, mended in zip(BAD.values(), MENDED, strict=True):
            message = by_head[body[:4096].decode()]
            assert (await doors.get(f"/v1/parked/{message}"))["body"] == body.decode()
            done = await doors.done("POST", f"/v1/parked/{message}/redrive", {"body": mended})
            assert (done["outcome"], done["post"]) == ("taken_in", story(mended))
            refused, again = await doors.ask("POST", f"/v1/parked/{message}/redrive", {"body": mended})
            assert (refused, again["code"]) == (409, "already_redriven")
        # Nobody has to redrive what only came too early: its account appears, and the post is there.
        await producer.say([NOBODY_YET])
        await until(lambda: parked(doors, 1), what="it waits for its account")
        await doors.opened("orchid", "x")
        await producer.received({"orchid.first"})
        # Production has mended them too, and says so: that is silence now.
        await producer.say([json.dumps(each).encode() for each in MENDED])
        await producer.say([json.dumps(event("acme", "last", "x", "The last word.")).encode()])
        await producer.received({"acme.last"})
        assert Counter(producer.receipts) == Counter([*map(story, MENDED), "orchid.first", "acme.last"])
    assert await doors.all_of("/v1/parked") == []


def test_the_producer_was_written_from_the_document_alone():
    """It imports the standard library and nats-py, so any other language could stand in its place."""
    tree = parsed(Path(module.__file__))
    named = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.split(".")[0] for name in named} == {"__future__", "asyncio", "collections", "contextlib", "json",
                                                      "nats", "typing"}  # fmt: skip


async def parked(doors, count):
    """All that is parked once it is so many."""
    found = await doors.all_of("/v1/parked")
    return found if len(found) == count else None


def story(event):
    return f"{event['data']['account']}.{event['data']['post']}"
